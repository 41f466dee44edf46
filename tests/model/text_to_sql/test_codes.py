"""Letters in cells that stand for words of the question."""

from dataclasses import replace

import pytest

from pilot.model.text_to_sql.codes import coded
from pilot.model.text_to_sql.words import words_of
from pilot.schema import Column, Schema, Table

SEX = Column("sex", "CHAR(1)", "text", samples=("M", "F"))


def found(question: str, *columns: Column) -> list[tuple[str, str]]:
    schema = Schema("sqlite", (Table("staff", columns),))
    return [(hit.column, hit.value) for hit in coded(words_of(question), schema)]


@pytest.mark.parametrize(
    ("question", "value"), [("all male teachers", "M"), ("how many Women are there", "F"), ("female staff", "F")]
)
def test_a_word_is_the_letter_of_its_column(question: str, value: str) -> None:
    assert found(question, SEX) == [("sex", value)]


def test_words_in_cells_are_found_by_other_words() -> None:
    assert found("women with two jobs", replace(SEX, samples=("female", "male", "other"))) == [("sex", "female")]


def test_other_letters_are_no_such_code() -> None:
    assert not found("male staff", replace(SEX, name="size", samples=("S", "M", "L")))
    assert not found("male staff", replace(SEX, samples=()))
