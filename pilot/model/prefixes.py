"""Keys and values of prompts read before, so that a schema at the head of many questions is read once.

Kept in blocks of tokens, each known by the hash of all tokens up to its end: prompts that begin alike share their
blocks. Bounded in bytes; the blocks not used for longest go first, the ends of prompts before their beginnings.
"""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import takewhile

from pilot.model.kv import Block

BLOCK = 32  # tokens


class Prefixes:
    """Used by one thread; the counts may be read by any."""

    def __init__(self, budget: int) -> None:
        self._budget = budget  # bytes
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()  # the least recently used first
        self.used = 0  # bytes
        self.hits = 0  # prompts whose beginning was here
        self.misses = 0
        self.reused = 0  # tokens that were not read again

    def find(self, owner: str, tokens: Sequence[int]) -> list[Block]:
        """What is known of the beginning of a prompt, in order. At least its last token is left to be read.

        `owner` names model and adapter: the same tokens have other keys and values there.
        """
        known = self.known(owner, tokens)
        self._touch(known)
        self.hits += bool(known)
        self.misses += not known
        self.reused += len(known) * BLOCK
        return [self._blocks[name] for name in known]

    def known(self, owner: str, tokens: Sequence[int]) -> list[bytes]:
        """What `find` would find, by name: prompts that begin with the same known blocks have the same names."""
        return list(takewhile(self._blocks.__contains__, _names(owner, tokens[:-1])))

    def keep(self, owner: str, tokens: Sequence[int], cut: Callable[[int, int], Block]) -> None:
        """Remember a prompt that has been read; `cut(start, end)` copies a stretch of its keys and values."""
        names = _names(owner, tokens)
        self._touch([name for name in names if name in self._blocks])
        for number, name in enumerate(names):
            if name in self._blocks:
                continue
            block = cut(number * BLOCK, (number + 1) * BLOCK)
            if _bytes(block) * (number + 1) > self._budget:  # this prompt alone fills the store
                names = names[:number]
                break
            self._add(name, block)
        self._touch(names)

    def clear(self) -> None:
        self._blocks.clear()
        self.used = 0

    def _add(self, name: bytes, block: Block) -> None:
        self._blocks[name] = block
        self.used += _bytes(block)
        while self.used > self._budget:
            self.used -= _bytes(self._blocks.popitem(last=False)[1])

    def _touch(self, names: Sequence[bytes]) -> None:
        """From the end: a beginning without its end is of use, an end without its beginning is not."""
        for name in reversed(names):
            self._blocks.move_to_end(name)


def _names(owner: str, tokens: Sequence[int]) -> list[bytes]:
    """Of every whole block: the hash of its tokens and of all before them."""
    names: list[bytes] = []
    name = owner.encode()
    for start in range(0, len(tokens) - BLOCK + 1, BLOCK):
        name = hashlib.sha256(name + array("q", tokens[start : start + BLOCK]).tobytes()).digest()
        names.append(name)
    return names


def _bytes(block: Block) -> int:
    return sum(keys.nbytes + values.nbytes for keys, values in block)
