"""Text while it grows: however it is cut, the same text comes out, and never half a character."""

import itertools

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pilot.model.incremental import Detokeniser, StopStrings
from tests.model import tiny

TOKENIZER = tiny.make_tokenizer()


def decode(tokens: list[int]) -> str:
    return str(TOKENIZER.decode(tokens, skip_special_tokens=True))


def pieces(tokens: list[int]) -> list[str]:
    detokeniser = Detokeniser(decode)
    return [*(detokeniser.push(token) for token in tokens), detokeniser.flush()]


def stopped(deltas: list[str], stops: list[str]) -> tuple[str, bool]:
    filtered = StopStrings(stops)
    return "".join(filtered.push(delta) for delta in deltas) + filtered.flush(), filtered.stopped


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_characters_come_whole(text: str) -> None:
    assume(not any(token in text for token in TOKENIZER.all_special_tokens))
    found = pieces(TOKENIZER(text, add_special_tokens=False)["input_ids"])
    assert "".join(found) == text
    assert all("\ufffd" not in piece for piece in found if "\ufffd" not in text)


@given(st.lists(st.integers(0, tiny.VOCABULARY - 1), max_size=30))
def test_any_tokens_give_the_text_of_decoding_them_at_once(tokens: list[int]) -> None:
    known = [token for token in tokens if token < len(TOKENIZER)]
    assert "".join(pieces(known)) == decode(known)


def test_a_character_of_three_tokens_comes_with_the_third() -> None:
    tokens = TOKENIZER("猫", add_special_tokens=False)["input_ids"]
    assert len(tokens) == 3
    assert pieces(tokens) == ["", "", "猫", ""]


def test_stop_string_split_over_two_deltas() -> None:
    assert stopped(["SELECT 1\n### Hu", "man: and"], ["\n### Human:"]) == ("SELECT 1", True)


def test_what_only_began_like_a_stop_string_is_given_out() -> None:
    assert stopped(["a\n#", "## b", "\n##"], ["\n### Human:"]) == ("a\n### b\n##", False)


@example("baa", [2], ["a", "baa"])
@given(
    st.text("abc", max_size=20),
    st.lists(st.integers(0, 20), max_size=5),
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_the_cut_between_deltas_makes_no_difference(text: str, cuts: list[int], stops: list[str]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    deltas = [text[start:end] for start, end in itertools.pairwise(edges)]
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    found, was_stopped = stopped(deltas, stops)
    assert was_stopped == bool(ends)
    assert found == (text[: min(ends)[1]] if ends else text)


@pytest.mark.parametrize("stops", [[], [""]])
def test_no_stop_string_holds_nothing_back(stops: list[str]) -> None:
    assert StopStrings(stops).push("text") == "text"
