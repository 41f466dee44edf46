"""Words that may stand for one another."""

from pathlib import Path

from pilot import synonyms as module
from pilot.synonyms import kin, synonyms


def test_synonyms_go_both_ways() -> None:
    assert "student" in synonyms("pupil")
    assert "pupil" in synonyms("student")
    assert "first name" in synonyms("forename")


def test_what_is_a_kind_of_something_is_its_kin_and_no_synonym() -> None:
    assert "actor" in kin("performer")
    assert "performer" in kin("actor")
    assert "performer" not in synonyms("actor")


def test_the_list_carries_its_licence() -> None:
    text = Path(module.__file__).with_suffix(".txt").read_text(encoding="utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in text


def test_a_word_that_is_in_no_line_means_itself_only() -> None:
    assert not synonyms("clmamt") | kin("clmamt")
