"""Keys and values of several sequences side by side, each with its own length: no padding, no joining of tensors.

A layer's buffer is [rows, heads, room, width]. Every row writes at its own position, so sequences come and go without
touching the others; what lies behind a row's length is left over from earlier and masked. A row may begin with
stretches that others begin with, too: these lie apart, once for all, and the buffers hold what follows them.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

from pilot.model import attention
from pilot.model.attention import Read, Stretch

ROOM = 256  # tokens of a new buffer; more is made by half when a sequence grows out of it
CLOSE = 0.05  # relative difference of logits that rounding may cause; a wrong position or mask causes far more
MOST_APART = 4  # stretches of a row, each an attention of its own; those of a long conversation behind them are copied
WORTH = 1024  # tokens that candidates of one prompt need not copy: for fewer, a stretch of their own costs more


@dataclass
class Window:
    """What the next forward pass reads and writes in the buffers, told to every layer."""

    first: int = 0  # row
    count: int = 0  # rows
    longest: int = 0  # tokens that the longest of these rows holds already
    new: int = 0  # tokens that each of them gets
    places: Tensor = field(default_factory=lambda: torch.empty(0))  # [count, new], where each row writes
    seats: int = 0  # rows and tokens that room is made for at once: growing copies everything
    room: int = ROOM

    @property
    def end(self) -> int:
        return self.longest + self.new

    @property
    def rows(self) -> slice:
        return slice(self.first, self.first + self.count)


@dataclass
class Row:
    """A sequence: the stretches that it begins with, and how many tokens of its own lie in the buffers."""

    begins: tuple[Stretch, ...] = ()
    own: int = 0

    @property
    def apart(self) -> int:
        """Tokens that lie in stretches."""
        return sum(stretch.length for stretch in self.begins)

    @property
    def length(self) -> int:
        return self.apart + self.own


@dataclass(frozen=True)
class Span:
    """Where a prompt lies in a row that several share: a beginning that is common to all, and its own tokens."""

    common: int  # tokens
    start: int  # of its own tokens
    end: int

    @property
    def length(self) -> int:
        return self.common + self.end - self.start

    @property
    def pieces(self) -> tuple[tuple[slice, slice], ...]:
        """Tokens of the prompt, and where they lie."""
        return ((slice(0, self.common), slice(0, self.common)),
                (slice(self.common, self.length), slice(self.start, self.end)))  # fmt: skip


class Layer(CacheLayerMixin):
    """One layer's buffers, as transformers' models call a cache."""

    is_sliding = False

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Zeros, not empty memory: a mask does not silence a NaN."""
        self.keys, self.values = (
            states.new_zeros(0, states.shape[1], self._window.room, states.shape[3])
            for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        window = self._window
        self.make_room(window.first + window.count, window.end)
        for buffer, states in ((self.keys, key_states), (self.values, value_states)):
            if window.count == 1:
                buffer[window.first, :, window.longest : window.end] = states[0]
            else:
                rows = torch.arange(window.first, window.rows.stop, device=buffer.device)
                buffer[rows[:, None], :, window.places] = states.transpose(1, 2)
        return self.keys[window.rows, :, : window.end], self.values[window.rows, :, : window.end]

    def make_room(self, rows: int, tokens: int) -> None:
        have, _, room, _ = self.keys.shape
        if rows <= have and tokens <= room:
            return
        rows = have if rows <= have else max(rows, self._window.seats, have + have // 2)
        tokens = room if tokens <= room else max(tokens, self._window.room, room + room // 2)
        # both or none: memory may run out between them
        self.keys, self.values = _grown(self.keys, rows, tokens), _grown(self.values, rows, tokens)

    def drop(self) -> None:
        del self.keys, self.values
        self.is_initialized = False

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._window.longest + query_length, 0

    def get_seq_length(self) -> int:
        return self._window.longest

    def get_max_length(self) -> int:
        return -1


class Rows:
    """Sequences 0, 1, 2 ... With `sharing`, known beginnings stay where they are; without, they are copied."""

    def __init__(self, layers: int, *, sharing: bool = False) -> None:
        self._sharing = sharing
        self._rows: list[Row] = []
        self._window = Window()
        self._layers = [Layer(self._window) for _ in range(layers)]
        self._cache = Cache(layers=self._layers)

    @classmethod
    def one(cls, layers: int, *, sharing: bool = False) -> "Rows":
        """A single sequence, still empty."""
        rows = cls(layers, sharing=sharing)
        rows._rows = [Row()]
        return rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each, those in stretches included."""
        return [row.length for row in self._rows]

    def apart(self, row: int = 0) -> int:
        """Tokens of this row that need no room here."""
        return self._rows[row].apart

    def expect(self, rows: int, tokens: int) -> None:
        """So many are to come: when room must be made, it is made for all of them at once."""
        self._window.seats, self._window.room = rows, tokens

    @property
    def held(self) -> int:
        """Bytes, of the stretches that rows begin with too, whether or not they are kept for others."""
        begins = {stretch for row in self._rows for stretch in row.begins}
        buffers = sum(layer.keys.nbytes + layer.values.nbytes for layer in self._layers if layer.is_initialized)
        return buffers + sum(stretch.size for stretch in begins)

    @torch.inference_mode()
    def forward(self, model: Any, tokens: list[list[int]], *, first: int = 0) -> Tensor:
        """Read `tokens` [rows, new] behind rows `first` ... : logits [rows, vocabulary], float32, on the CPU.

        Every row reads the same number. The lengths change only if all goes well, so what failed can be tried again.
        """
        rows = self._rows[first : first + len(tokens)]
        new = torch.arange(len(tokens[0]))
        places = torch.tensor([row.own for row in rows])[:, None] + new
        positions = torch.tensor([row.length for row in rows])[:, None] + new
        self._window.first, self._window.longest = first, max(row.own for row in rows)
        reads = _reads(rows)
        # one row needs no mask of ours: its tokens follow each other as everywhere
        mask = None if len(rows) == 1 and not reads else _visible(places, self._window.longest + len(new))
        logits = self._run(model, torch.tensor(tokens), positions, places, mask, 1, reads)[:, -1]
        for row in rows:
            row.own += len(new)
        return logits

    @torch.inference_mode()
    def beside(self, model: Any, prompts: Sequence[list[int]]) -> tuple[Tensor, list[Span]]:
        """Read whole prompts in one pass, behind what the first row holds. Each sees that and itself, none another.

        Logits [prompts, vocabulary], float32, on the CPU; and where each prompt lies.
        """
        row = self._rows[0]
        sizes = torch.tensor([len(prompt) for prompt in prompts])
        ends = sizes.cumsum(0)
        whose = torch.repeat_interleave(sizes)
        order = torch.arange(len(whose))
        own = (whose[:, None] == whose) & (order <= order[:, None])
        mask = torch.cat([own.new_ones(len(whose), row.own), own], 1)[None, None]
        positions = row.length + (order - (ends - sizes)[whose])[None]
        self._window.first, self._window.longest = 0, row.own
        tokens = torch.tensor([[token for prompt in prompts for token in prompt]])
        logits = self._run(model, tokens, positions, row.own + order[None], mask, ends - 1, _reads([row]))[0]
        spans = [Span(row.own, row.own + end - size, row.own + end)
                 for size, end in zip(sizes.tolist(), ends.tolist(), strict=True)]  # fmt: skip
        row.own += len(whose)
        return logits, spans

    def _run(
        self, model: Any, tokens: Tensor, positions: Tensor, places: Tensor, mask: Tensor | None, keep: int | Tensor,
        reads: list[Read],
    ) -> Tensor:  # fmt: skip
        """`positions` [rows, new] in the sequences, `places` in the buffers."""
        device, window = model.device, self._window
        window.count, window.new = tokens.shape
        window.places = places.to(device)
        out = model(
            input_ids=tokens.to(device),
            position_ids=positions.to(device),
            attention_mask=None if mask is None else mask.to(device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=keep if isinstance(keep, int) else keep.to(device),
            **({"stretches": reads} if reads else {}),
        )
        logits: Tensor = out.logits.float().cpu()
        return logits

    @torch.inference_mode()
    def join(self, other: "Rows", copies: int, span: Span | None = None) -> None:
        """Add `copies` rows that begin as a prompt in the first row of `other`; without a span, as all of it.

        `other` is not to be written to any more: several that share much of it go on reading it there.
        """
        begins = other._rows[0].begins
        span = span or Span(0, 0, other._rows[0].own)
        if self._sharing and (copies - 1) * span.length >= WORTH:
            begins += tuple(Stretch([(layer.keys[0, :, part], layer.values[0, :, part]) for layer in other._layers])
                            for _, part in span.pieces if part.start < part.stop)  # fmt: skip
            span = Span(0, 0, 0)
        rows = slice(len(self._rows), len(self._rows) + copies)
        for mine, theirs in zip(self._layers, other._layers, strict=True):
            if not mine.is_initialized:
                mine.lazy_initialization(theirs.keys, theirs.values)
            mine.make_room(rows.stop, span.length)
            for here, there in span.pieces:
                mine.keys[rows, :, here] = theirs.keys[0, :, there]
                mine.values[rows, :, here] = theirs.values[0, :, there]
        self._rows += [Row(begins, span.length) for _ in range(copies)]

    @torch.inference_mode()
    def leave(self, row: int) -> None:
        """Take a row away; the last one moves into the hole."""
        last = len(self._rows) - 1
        moved = self._rows.pop()
        if row == last:
            return
        self._rows[row] = moved
        for layer in self._layers:
            layer.keys[row, :, : moved.own] = layer.keys[last, :, : moved.own]
            layer.values[row, :, : moved.own] = layer.values[last, :, : moved.own]

    def release(self) -> None:
        """Give the memory back."""
        self._rows.clear()
        for layer in self._layers:
            if layer.is_initialized:
                layer.drop()

    @torch.inference_mode()
    def cut(self, start: int, end: int, span: Span | None = None) -> Stretch:
        """A copy of tokens `start` to `end` of a prompt in the first row, none of which lies in a stretch; without a
        span, of the row. None may lie on both sides of where a common beginning ends.
        """
        apart = self._rows[0].apart
        start, end = start - apart, end - apart
        if span is not None and start >= span.common:
            start, end = (place + span.start - span.common for place in (start, end))
        return Stretch([(layer.keys[0, :, start:end].clone(), layer.values[0, :, start:end].clone())
                        for layer in self._layers])  # fmt: skip

    @torch.inference_mode()
    def begin(self, stretches: Sequence[Stretch], *, more: int = 0) -> None:
        """Let the first row, still empty, begin with what was cut out of others, and make room for `more` tokens."""
        row = self._rows[0]
        apart = MOST_APART if self._sharing else 0
        row.begins, copied = tuple(stretches[:apart]), stretches[apart:]
        self.expect(1, sum(stretch.length for stretch in copied) + more)
        for stretch in copied:
            end = row.own + stretch.length
            for layer, (keys, values) in zip(self._layers, stretch.layers, strict=True):
                if not layer.is_initialized:
                    layer.lazy_initialization(keys[None], values[None])
                layer.make_room(1, end)
                layer.keys[0, :, row.own : end] = keys
                layer.values[0, :, row.own : end] = values
            row.own = end


def depth(model: Any) -> int:
    """How many layers keep keys and values."""
    return len(DynamicCache(config=model.config).layers)


def takes(model: Any) -> bool:
    """Whether rows of different lengths give this model the logits that each gives alone: asked of the model itself."""
    plain = all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)
    whole = getattr(model, "get_base_model", lambda: model)()  # below a LoRA adapter
    if not plain or depth(model) == 0 or whole.config._attn_implementation not in ("sdpa", attention.NAME):
        return False
    if "position_ids" not in inspect.signature(whole.forward).parameters:
        return False
    return _agrees(model, sharing=False)


def shares(model: Any) -> bool:
    """Whether rows of a model that `takes` may begin with stretches; it is told how, and asked whether that is so."""
    whole = getattr(model, "get_base_model", lambda: model)()
    if attention.learn(whole) and _agrees(model, sharing=True):
        return True
    attention.forget(whole)
    return False


def _agrees(model: Any, *, sharing: bool) -> bool:
    common = [5, 2, 8, 6, 4, 9, 3, 7]
    prompts = [[*common, 3, 8, 4, 7, 9, 6], [*common, 4, 9, 3]]
    head, strip, together = Rows.one(depth(model)), Rows.one(depth(model), sharing=sharing), Rows(depth(model))
    try:
        head.forward(model, [common])
        strip.begin([head.cut(0, len(common))])
        for span in strip.beside(model, [prompt[len(common) : -2] for prompt in prompts])[1]:
            together.join(strip, 1, span)
        found = together.forward(model, [prompt[-2:] for prompt in prompts])
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError):  # it wants another kind of cache or mask
        return False
    wanted = torch.stack([_logits(model, prompt) for prompt in prompts])
    return bool((found - wanted).norm() <= CLOSE * wanted.norm())


@torch.inference_mode()
def _logits(model: Any, prompt: list[int]) -> Tensor:
    found: Tensor = model(input_ids=torch.tensor([prompt], device=model.device)).logits[0, -1].float().cpu()
    return found


def _reads(rows: Sequence[Row]) -> list[Read]:
    """Each stretch once, with those who begin with it."""
    readers: dict[Stretch, list[int]] = {}
    for number, row in enumerate(rows):
        for stretch in row.begins:
            readers.setdefault(stretch, []).append(number)
    return [(stretch, _numbers(of)) for stretch, of in readers.items()]


def _numbers(rows: list[int]) -> slice | Tensor:
    """To index with; neighbours need no copy."""
    together = rows[-1] - rows[0] == len(rows) - 1
    return slice(rows[0], rows[-1] + 1) if together else torch.tensor(rows)


def _visible(places: Tensor, end: int) -> Tensor:
    """[rows, 1, new, end]: each token sees what its row holds before it, and itself."""
    return (torch.arange(end) <= places[..., None])[:, None]


def _grown(buffer: Tensor, rows: int, tokens: int) -> Tensor:
    """The same with more room."""
    have, heads, room, width = buffer.shape
    grown = buffer.new_zeros(rows, heads, tokens, width)
    grown[:have, :, :room] = buffer
    return grown
