"""Why the guard says no, in each language."""

import pytest

from pilot.datasource.guard import check
from pilot.datasource.refusals import sentence
from pilot.errors import SqlRejected
from pilot.i18n import LANGUAGES, Texts
from pilot.schema import Column, Schema, Table

SHOP = Schema("sqlite", (Table("customers", (Column("city", "TEXT", "text"),)),))


@pytest.mark.parametrize(
    ("sql", "english", "chinese"),
    [
        (
            "SELECT * FROM customer",
            "there is no table 'customer'; did you mean customers?",
            "没有名为“customer”的表；您是不是指 customers？",
        ),
        ("DELETE FROM customers", "only reading statements", "只能执行读取数据的语句"),
        ("SELECT 1; SELECT 2", "there are 2", "这里有 2 条"),
    ],
)
def test_a_refusal_names_the_reason_in_the_readers_language(sql: str, english: str, chinese: str) -> None:
    with pytest.raises(SqlRejected) as caught:
        check(sql, schema=SHOP, max_rows=10)
    assert english in str(caught.value)
    assert chinese in sentence(caught.value, Texts("zh"))


def test_an_error_without_a_reason_keeps_its_words() -> None:
    for language in LANGUAGES:
        assert sentence(SqlRejected("as it is"), Texts(language)) == "as it is"
