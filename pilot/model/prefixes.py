"""Keys and values of prompts read before, so that a schema at the head of many questions is read once.

What a prompt adds to what is known is kept as one stretch, in whole blocks of tokens; each block is known by the hash
of all tokens up to its end, so prompts that begin alike share their beginnings, also up to the middle of a stretch.
Bounded in bytes; the stretches not used for longest go first, the ends of prompts before their beginnings.
"""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from weakref import WeakValueDictionary

from pilot.model.attention import Stretch

BLOCK = 32  # tokens


@dataclass(frozen=True, eq=False)
class Kept:
    stretch: Stretch
    blocks: list[bytes]  # names
    heads: WeakValueDictionary[int, Stretch] = field(default_factory=WeakValueDictionary)  # in use, by their blocks

    def head(self, blocks: int) -> Stretch:
        """The same for all who have so many blocks in common with it, so that they attend to it together."""
        if blocks == len(self.blocks):
            return self.stretch
        head = self.heads.get(blocks)
        if head is None:
            head = self.heads[blocks] = self.stretch.head(blocks * BLOCK)
        return head


class Prefixes:
    """Used by one thread; the counts may be read by any."""

    def __init__(self, budget: int) -> None:
        self._budget = budget  # bytes
        self._kept: OrderedDict[Kept, None] = OrderedDict()  # the least recently used first
        self._blocks: dict[bytes, Kept] = {}
        self.used = 0  # bytes
        self.hits = 0  # prompts whose beginning was here
        self.misses = 0
        self.reused = 0  # tokens that were not read again

    def find(self, owner: str, tokens: Sequence[int]) -> list[Stretch]:
        """What is known of the beginning of a prompt, in order. At least its last token is left to be read.

        `owner` names model and adapter: the same tokens have other keys and values there.
        """
        known = self.known(owner, tokens)
        self._touch(known)
        self.hits += bool(known)
        self.misses += not known
        self.reused += len(known) * BLOCK
        return [kept.head(len(list(blocks))) for kept, blocks in groupby(known, self._blocks.__getitem__)]

    def known(self, owner: str, tokens: Sequence[int]) -> list[bytes]:
        """What `find` would find, by the names of its blocks: prompts with the same ones have the same beginning."""
        return self._known(_names(owner, tokens[:-1]))

    def keep(self, owner: str, tokens: Sequence[int], cut: Callable[[int, int], Stretch], *, there: int = 0) -> None:
        """Remember a prompt that has been read; `cut(start, end)` copies a stretch from `there` on, and the tokens
        before it came from here. If they were let go meanwhile, so is the rest.
        """
        names = _names(owner, tokens)
        known = self._known(names)
        start = len(known) * BLOCK
        if start < there or len(known) == len(names):
            return
        self._touch(known)
        before = sum(kept.stretch.size for kept in self._using(known))
        added = cut(start, len(names) * BLOCK)
        room = (self._budget - before) * (len(names) - len(known)) // added.size
        if room <= 0:
            return
        if room < len(names) - len(known):  # this prompt alone fills the store: its beginning is kept
            names = names[: len(known) + room]
            added = cut(start, len(names) * BLOCK)
        self._add(Kept(added, names[len(known) :]))
        self._touch(names)

    def clear(self) -> None:
        self._kept.clear()
        self._blocks.clear()
        self.used = 0

    def _known(self, names: Sequence[bytes]) -> list[bytes]:
        return list(takewhile(self._blocks.__contains__, names))

    def _using(self, names: Sequence[bytes]) -> list[Kept]:
        return [kept for kept, _ in groupby(names, self._blocks.__getitem__)]

    def _add(self, kept: Kept) -> None:
        self._kept[kept] = None
        self._blocks |= dict.fromkeys(kept.blocks, kept)
        self.used += kept.stretch.size
        while self.used > self._budget:
            gone, _ = self._kept.popitem(last=False)
            self.used -= gone.stretch.size
            for name in gone.blocks:
                del self._blocks[name]

    def _touch(self, names: Sequence[bytes]) -> None:
        """From the end: a beginning without its end is of use, an end without its beginning is not."""
        for kept in reversed(self._using(names)):
            self._kept.move_to_end(kept)


def _names(owner: str, tokens: Sequence[int]) -> list[bytes]:
    """Of every whole block: the hash of its tokens and of all before them."""
    names: list[bytes] = []
    name = owner.encode()
    for start in range(0, len(tokens) - BLOCK + 1, BLOCK):
        name = hashlib.sha256(name + array("q", tokens[start : start + BLOCK]).tobytes()).digest()
        names.append(name)
    return names
