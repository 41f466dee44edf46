"""What is kept of prompts: shared, bounded, and never mixed up."""

import pytest
import torch

from pilot.model.kv import Block
from pilot.model.prefixes import BLOCK, Prefixes

SIZE = 2 * 2 * BLOCK * 4 * 4  # bytes of a block of `cut`: keys and values, heads, tokens, width, float32


def cut(start: int, end: int) -> Block:
    tokens = torch.arange(start, end, dtype=torch.float32)[None, :, None].expand(2, -1, 4).clone()
    return [(tokens, tokens)]


def starts(blocks: list[Block]) -> list[int]:
    return [int(keys[0, 0, 0]) for ((keys, _),) in blocks]


@pytest.mark.parametrize(
    ("same", "found"), [(BLOCK - 1, []), (BLOCK, [0]), (3 * BLOCK + 5, [0, BLOCK, 2 * BLOCK])], ids=["0", "1", "3"]
)
def test_whole_blocks_that_begin_alike_are_found(same: int, found: list[int]) -> None:
    store = Prefixes(100 * SIZE)
    first = list(range(5 * BLOCK))
    store.keep("tiny", first, cut)
    assert starts(store.find("tiny", first[:same] + [9999] * BLOCK)) == found


def test_last_token_is_always_left_to_be_read() -> None:
    store = Prefixes(100 * SIZE)
    prompt = list(range(2 * BLOCK))
    store.keep("tiny", prompt, cut)
    assert starts(store.find("tiny", prompt)) == [0]


def test_same_tokens_of_another_owner_are_other_keys() -> None:
    store = Prefixes(100 * SIZE)
    prompt = list(range(2 * BLOCK))
    store.keep("tiny", prompt, cut)
    assert store.find("tiny:lora", prompt) == []
    assert (store.hits, store.misses) == (0, 1)


def test_same_block_after_another_beginning_is_not_the_same() -> None:
    store = Prefixes(100 * SIZE)
    head, tail = list(range(BLOCK)), list(range(BLOCK, 2 * BLOCK))
    store.keep("tiny", head + tail, cut)
    assert store.find("tiny", [*tail, *head, 1]) == []


def test_shared_beginnings_are_kept_once() -> None:
    store = Prefixes(100 * SIZE)
    head = list(range(4 * BLOCK))
    for last in range(5):
        store.keep("tiny", head + [last] * BLOCK, cut)
    assert store.used == (4 + 5) * SIZE


def test_budget_holds_and_what_was_not_used_for_longest_goes() -> None:
    store = Prefixes(5 * SIZE)
    prompts = [[number] * (2 * BLOCK) + [0] for number in range(3)]
    store.keep("tiny", prompts[0], cut)
    store.keep("tiny", prompts[1], cut)
    store.find("tiny", prompts[0])
    store.keep("tiny", prompts[2], cut)
    assert store.used <= 5 * SIZE
    assert [len(store.find("tiny", prompt)) for prompt in prompts] == [2, 1, 2]  # the end went before the beginning


def test_prompt_larger_than_the_store_leaves_its_beginning() -> None:
    store = Prefixes(3 * SIZE)
    prompt = list(range(10 * BLOCK))
    store.keep("tiny", prompt, cut)
    assert starts(store.find("tiny", prompt)) == [0, BLOCK, 2 * BLOCK]


def test_no_budget_keeps_nothing() -> None:
    store = Prefixes(0)
    store.keep("tiny", list(range(BLOCK)), cut)
    assert store.used == 0
