"""One answer in the making: logits in, parts of the stream out. Knows nothing of models, caches or batches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from pilot.model.grammar import Mask
from pilot.model.incremental import Detokeniser, StopStrings
from pilot.model.sampling import Sampler
from pilot.protocol import ChatRequest, Delta, Done, FinishReason, StreamPart, Token

CERTAIN = 0.0  # log probability of a token that was not chosen but forced


@dataclass(frozen=True)
class Rules:
    """What ends an answer."""

    limit: int  # new tokens
    ends: frozenset[int]  # tokens by which the model says that it is done
    stops: tuple[str, ...]


class Candidate:
    """Let the model read prompt and `opening`; then feed it the logits of each step, and the model all that is
    `unread`, until `finished`.
    """

    def __init__(
        self,
        index: int,
        request: ChatRequest,
        prompt: Sequence[int],
        rules: Rules,
        *,
        decode: Callable[[list[int]], str],
        mask: Mask | None = None,
    ) -> None:
        self.index = index
        self.finished = False
        self.count = 0  # new tokens
        self.unread: list[int] = []  # tokens that the model has yet to read before the next logits
        self.opening = mask.forced() if mask else []  # how every answer in this grammar begins
        self._tokens = list(prompt)
        self._rules = rules
        self._sampler = Sampler(request, index)
        self._mask = mask
        self._decode = decode
        self._text = Detokeniser(decode)
        self._stops = StopStrings(rules.stops)
        self._tops = request.top_logprobs or 0
        self._chances: list[Token] | None = [] if request.logprobs else None  # of the text not yet given out

    @property
    def answer(self) -> list[int]:
        """The new tokens."""
        return self._tokens[len(self._tokens) - self.count :]

    @property
    def length(self) -> int:
        """Tokens of prompt and answer."""
        return len(self._tokens)

    @property
    def limit(self) -> int:
        """The most that they can become."""
        return self.length - self.count + self._rules.limit

    def read(self, count: int) -> None:
        """The model has read so many of the unread tokens."""
        del self.unread[:count]

    @property
    def mask(self) -> Mask | None:
        """What the next `take` will need besides logits: another thread may prepare it while the model computes."""
        return self._mask

    def take(self, logits: Tensor) -> Iterator[StreamPart]:
        """One step: a token is chosen, and those follow which the grammar leaves no choice about.

        `logits` is [vocabulary], float32, on the CPU.
        """
        if not self.count:
            yield from self._add(self.opening)
        if self.finished:
            return
        token = self._pick(logits)
        tokens = [token, *self._forced(token)]
        self.unread += tokens
        yield from self._add(tokens)

    def cancel(self) -> Done:
        self.finished = True
        return Done("cancelled", self.index)

    def _pick(self, logits: Tensor) -> int:
        token = self._sampler.pick(self._mask.allow(logits) if self._mask else logits, self._tokens)
        if self._chances is not None:
            self._chances.append(self._chance(token, logits))
        return token

    def _forced(self, token: int) -> list[int]:
        if self._mask is None or token in self._rules.ends:
            return []
        self._mask.accept(token)
        forced = self._mask.forced()
        if self._chances is not None:
            self._chances += [Token(self._decode([one]), CERTAIN) for one in forced]
        return forced

    def _chance(self, token: int, logits: Tensor) -> Token:
        chances = logits.log_softmax(-1)
        best = chances.topk(self._tops)
        tops = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return Token(
            self._decode([token]), float(chances[token]), tuple((self._decode([top]), chance) for top, chance in tops)
        )

    def _add(self, tokens: Sequence[int]) -> Iterator[StreamPart]:
        room = self._rules.limit - self.count
        for token in tokens[:room]:
            self._tokens.append(token)
            self.count += 1
            if token in self._rules.ends:
                yield from self._finish("stop")
                return
            yield from self._say(self._stops.push(self._text.push(token)))
            if self._stops.stopped:
                self.finished = True
                yield Done("stop", self.index)
                return
        if self._mask and self._mask.complete and len(tokens) <= room:
            yield from self._finish("stop")
        elif self.count >= self._rules.limit:
            yield from self._finish("length")

    def _finish(self, reason: FinishReason) -> Iterator[StreamPart]:
        yield from self._say(self._stops.push(self._text.flush()))
        yield from self._say(self._stops.flush())
        self.finished = True
        yield Done("stop" if self._stops.stopped else reason, self.index)

    def _say(self, text: str) -> Iterator[Delta]:
        if not text:
            return
        if self._chances is None:
            yield Delta(text, self.index)
            return
        tokens, self._chances = tuple(self._chances), []
        yield Delta(text, self.index, sum(token.logprob for token in tokens), tokens)


def together(candidates: Sequence[Candidate]) -> list[list[int]]:
    """What they read in one step, [candidates, tokens]: as many tokens as each has, so that nobody needs padding."""
    new = min(len(candidate.unread) for candidate in candidates)
    return [candidate.unread[:new] for candidate in candidates]
