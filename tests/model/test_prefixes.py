"""What is kept of prompts: shared, bounded, and never mixed up."""

import pytest
import torch

from pilot.model.attention import Stretch
from pilot.model.prefixes import BLOCK, Prefixes

SIZE = 2 * 2 * BLOCK * 4 * 4  # bytes of a block of `cut`: keys and values, heads, tokens, width, float32


def cut(start: int, end: int) -> Stretch:
    tokens = torch.arange(start, end, dtype=torch.float32)[None, :, None].expand(2, -1, 4).clone()
    return Stretch([(tokens, tokens)])


def tokens_of(stretches: list[Stretch]) -> list[int]:
    return [int(token) for stretch in stretches for token in stretch.layers[0][0][0, :, 0]]


@pytest.mark.parametrize(
    ("same", "found"), [(BLOCK - 1, 0), (BLOCK, BLOCK), (3 * BLOCK + 5, 3 * BLOCK)], ids=["0", "1", "3"]
)
def test_whole_blocks_that_begin_alike_are_found(same: int, found: int) -> None:
    store = Prefixes(100 * SIZE)
    first = list(range(5 * BLOCK))
    store.keep("tiny", first, cut)
    assert tokens_of(store.find("tiny", first[:same] + [9999] * BLOCK)) == list(range(found))


def test_last_token_is_always_left_to_be_read() -> None:
    store = Prefixes(100 * SIZE)
    prompt = list(range(2 * BLOCK))
    store.keep("tiny", prompt, cut)
    assert tokens_of(store.find("tiny", prompt)) == list(range(BLOCK))


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
    assert [len(tokens_of(store.find("tiny", prompt))) for prompt in prompts] == [2 * BLOCK, 0, 2 * BLOCK]


def test_ends_go_before_their_beginnings() -> None:
    store = Prefixes(4 * SIZE)
    head = list(range(2 * BLOCK))
    for last in range(2):
        store.keep("tiny", head + [last] * (BLOCK + 1), cut)
    store.keep("tiny", [7] * (BLOCK + 1), cut)
    found = [len(tokens_of(store.find("tiny", head + [last] * (BLOCK + 1)))) for last in range(2)]
    assert found == [3 * BLOCK, 2 * BLOCK]  # the first end is of one stretch with the beginning


def test_what_several_begin_with_is_the_same_for_all_of_them() -> None:
    """Also in the middle of what was kept at once: who attends to it together must know it for one."""
    store = Prefixes(100 * SIZE)
    prompt = list(range(4 * BLOCK))
    store.keep("tiny", prompt, cut)
    others = [prompt[: 3 * BLOCK] + [last] * BLOCK for last in (1, 2)]
    found = [store.find("tiny", other) for other in others]
    assert found[0] == found[1]
    assert tokens_of(found[0]) == prompt[: 3 * BLOCK]
    keys = found[0][0].layers[0][0]
    assert keys.untyped_storage().data_ptr() == store.find("tiny", prompt)[0].layers[0][0].untyped_storage().data_ptr()


def test_end_whose_beginning_was_let_go_is_not_kept() -> None:
    store = Prefixes(100 * SIZE)
    prompt = list(range(4 * BLOCK))
    store.keep("tiny", prompt[: 2 * BLOCK], cut)
    store.clear()
    store.keep("tiny", prompt, cut, there=2 * BLOCK)
    assert (store.used, store.find("tiny", prompt)) == (0, [])


def test_prompt_larger_than_the_store_leaves_its_beginning() -> None:
    store = Prefixes(3 * SIZE)
    prompt = list(range(10 * BLOCK))
    store.keep("tiny", prompt, cut)
    assert tokens_of(store.find("tiny", prompt)) == prompt[: 3 * BLOCK]
    assert store.used == 3 * SIZE


def test_no_budget_keeps_nothing() -> None:
    store = Prefixes(0)
    store.keep("tiny", list(range(BLOCK)), cut)
    assert store.used == 0
