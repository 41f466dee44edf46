"""Letters that stand for words: 'women' are the rows where sex = 'F', whatever the value index finds."""

from collections.abc import Iterator, Sequence

from pilot.model.text_to_sql.words import Word, listed
from pilot.schema import Column, Schema, ValueHit

SAID = {
    "male": listed("male males man men boy boys"),
    "female": listed("female females woman women girl girls"),
}
KEPT = {"male": ("m", "male", "man"), "female": ("f", "female", "woman", "w")}
BESIDE = ("x", "d", "o", "u", "other", "unknown", "diverse", "")  # what else such a column holds


def coded(words: Sequence[Word], schema: Schema) -> Iterator[ValueHit]:
    """The values of columns of such letters that the question says as words."""
    known = {*BESIDE, *(code for codes in KEPT.values() for code in codes)}
    columns = [
        (table.name, column)
        for table in schema.tables
        for column in table.columns
        if column.samples and all(sample.lower() in known for sample in column.samples)
    ]
    for word in words:
        for meaning, said in SAID.items():
            if word.text.lower() in said:
                yield from _meant(meaning, word.text, columns)


def _meant(meaning: str, text: str, columns: Sequence[tuple[str, Column]]) -> Iterator[ValueHit]:
    for table, column in columns:
        for sample in column.samples:
            if sample.lower() in KEPT[meaning]:
                yield ValueHit(table, column.name, sample, text)
