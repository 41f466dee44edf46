"""Chinese questions as English: words from a list, order from rules, values as they stand."""

import pytest

from pilot.model.text_to_sql.chinese import Unread, english, english_name, lexicon
from pilot.model.text_to_sql.view import SchemaView
from pilot.schema import Column, Schema, Table

CUSTOMERS = Table(
    "customers", (Column("id", "INTEGER", "number"), Column("tier", "TEXT", "text", synonyms=("会员级别",)))
)
ORDERS = Table("orders", (Column("id", "INTEGER", "number"),), synonyms=("采购单",))
SCHEMA = Schema("sqlite", (CUSTOMERS, ORDERS))


@pytest.mark.parametrize(
    ("chinese", "expected"),
    [
        ("有多少客户？", "how many customers"),
        ("每个国家的客户数量", "number of customers per country"),
        ("哪个城市的客户最多？", "which city has the most customers"),
        ("2024年3月的订单", "orders in March 2024"),
        ("2023年以来的订单", "orders since 2023"),
        ("最近30天的订单数", "number of orders in the last 30 days"),
        ("最便宜的三个产品", "the 3 cheapest product"),
        ("价格在20到40之间的产品", "product with price between 20 and 40"),
        ("从未下过订单的客户", "customers who never placed any orders"),
        ("最近三十天的销售额", "revenue in the last 30 days"),
        ("前二十五个客户", "25 customers"),
        ("各类别的产品数量", "number of product per category"),
        ("姓名为“李雷”的客户", "customers with name equal to 李雷"),
    ],
)
def test_a_question_is_put_into_english_order(chinese: str, expected: str) -> None:
    assert english(chinese, SCHEMA, ()) == expected


def test_values_stay_as_the_question_spells_them() -> None:
    assert english("来自上海市的客户", SCHEMA, ["上海市"]) == "customers from 上海市"


def test_the_owners_chinese_words_are_read() -> None:
    assert english("每个会员级别的采购单数量", SCHEMA, ()) == "number of orders per tier"


def test_what_is_in_no_list_is_said() -> None:
    with pytest.raises(Unread) as caught:
        english("量子力学的猫", SCHEMA, ())
    assert "量子力学" in caught.value.words


def test_a_word_that_is_in_no_list_is_not_left_out_silently() -> None:
    with pytest.raises(Unread, match="鞋码"):
        english("每个国家的客户的平均鞋码是多少", SCHEMA, ())


def test_a_chinese_schema_is_read_in_english() -> None:
    view = SchemaView.of(
        Schema("sqlite", (Table("客户", (Column("姓名", "TEXT", "text"), Column("城市", "TEXT", "text"))),))
    )
    assert view.table_words == ("customer",)
    assert [column.words for column in view.columns[1:]] == ["name", "city"]
    assert english_name("订单明细") == "order item"


def test_rules_end_and_their_tags_are_those_of_words_or_rules() -> None:
    known = {piece.tag for piece in lexicon().words.values()} | {rule.tag for rule in lexicon().rules} | set("#VT")
    for rule in lexicon().rules:
        used = {letter for letter in rule.tags.pattern if letter.isalpha() or letter in "#."}
        assert used <= known, rule
