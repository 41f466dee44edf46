"""Saying no: questions that the database has nothing for are declined, those that it can answer are not."""

import json
import sqlite3
from datetime import date
from pathlib import Path

import pytest
import sqlglot

from pilot.chat.coverage import cover, unused
from pilot.datasource.source import connect
from pilot.datasource.values import ValueIndex
from pilot.sample import shop as sample
from pilot.schema import Column, Metric, Schema, Table
from tests.chat.cases_of import cases_of

TODAY = date(2026, 11, 21)
EVERYDAY = Path(__file__).parent.parent / "model" / "text_to_sql" / "everyday"
UNANSWERABLE = cases_of("unanswerable")
ABSENT = cases_of("absent")  # attributes that things of the database do not have
NAMES = {case["database"]: case["tables"] for case in cases_of("absent_schemas")}  # of Spider, Yu et al. 2018
LEAST_DECLINED = 0.6
LEAST_NAMED = 0.85
Known = tuple[Schema, ValueIndex | None]


def everyday(name: str, folder: Path) -> Known:
    file = folder / f"{name}.sqlite"
    if name == "shop":
        sample.make(file, today=TODAY)
    else:
        connection = sqlite3.connect(file)
        connection.executescript((EVERYDAY / f"{name}.sql").read_text(encoding="utf-8"))
        connection.close()
    source = connect(f"sqlite:///{file}")
    schema = source.reflect()
    values = ValueIndex.build(source, schema)
    source.close()
    return schema, values


def named(tables: dict[str, list[str]]) -> Schema:
    """A schema of which only the names matter."""
    return Schema("sqlite", tuple(Table(name, tuple(Column(each, "TEXT", "text") for each in columns))
                                  for name, columns in tables.items()))  # fmt: skip


def test_most_questions_that_have_no_answer_are_declined(schema: Schema, values: ValueIndex) -> None:
    let_through = [
        case["question"] for case in UNANSWERABLE if not cover(case["question"], schema, values, TODAY).declines
    ]
    assert len(UNANSWERABLE) >= 40
    assert len(let_through) <= (1 - LEAST_DECLINED) * len(UNANSWERABLE), let_through


@pytest.mark.parametrize("case", UNANSWERABLE, ids=lambda case: case["question"])
def test_what_is_missing_is_named(schema: Schema, values: ValueIndex, case: dict[str, str]) -> None:
    found = cover(case["question"], schema, values, TODAY)
    if found.declines and case["missing"]:
        assert case["missing"] in found.missing


def test_words_of_approved_questions_stand_for_something(schema: Schema, values: ValueIndex) -> None:
    asked = "How many gizmos are there?"
    assert cover(asked, schema, values, TODAY).missing == ("gizmos",)
    assert not cover(asked, schema, values, TODAY, taught=["List every gizmo"]).declines


@pytest.mark.parametrize(
    ("asked", "taught"),
    [("What is the weather in Berlin?", "List weatherproof tents"), ("How many cartoons are there?", "Show each cart"),
     ("有多少医生？", "有多少客户？")],
)  # fmt: skip
def test_words_of_approved_questions_count_as_they_are_and_for_no_others(
    schema: Schema, values: ValueIndex, asked: str, taught: str
) -> None:
    assert cover(asked, schema, values, TODAY, taught=[taught]).declines
    assert not cover(asked, schema, values, TODAY, taught=[asked]).declines


@pytest.mark.parametrize("name", ["shop", "agency", "zoo", "insurance", "vineyard"])
def test_no_everyday_question_is_declined_or_doubted(name: str, tmp_path: Path) -> None:
    known = everyday(name, tmp_path)
    asked = [
        json.loads(line)["question"] for line in (EVERYDAY / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    found = {question: cover(question, *known, TODAY) for question in asked}
    assert [question for question, each in found.items() if each.declines or each.missing] == []


@pytest.mark.parametrize(
    "question",
    ["有多少客户？", "每个国家有多少客户", "价格最高的产品是哪个？", "上海的客户", "订单总金额是多少？",
     "库存最少的产品",
     "Wie viele Kunden gibt es?", "Wie viele Kunden sind in Berlin?",
     "Combien de clients y a-t-il ?"],
)  # fmt: skip
def test_questions_in_other_languages_are_asked(schema: Schema, values: ValueIndex, question: str) -> None:
    assert not cover(question, schema, values, TODAY).declines


def test_the_owners_words_count() -> None:
    column = Column("amt", "REAL", "number", synonyms=("takings",))
    plain = Schema("sqlite", (Table("t1", (Column("id", "INTEGER", "number", primary_key=True), column)),))
    assert not cover("What are the total takings?", plain, None, TODAY).declines
    metric = Schema("sqlite", plain.tables, metrics=(Metric("churn", "COUNT(*)"),))
    assert cover("What is the churn?", plain, None, TODAY).declines
    assert not cover("What is the churn?", metric, None, TODAY).declines


def test_a_word_that_the_answer_must_leave_out_is_doubted(schema: Schema, values: ValueIndex) -> None:
    found = cover("Which customers have children?", schema, values, TODAY)
    assert (found.declines, found.missing) == (False, ("children",))


def test_short_forms_and_synonyms_of_names_are_not_missing() -> None:
    columns = (Column("insAmt", "REAL", "number"), Column("student", "TEXT", "text"))
    plain = Schema("sqlite", (Table("tbl_prfmr", (Column("id", "INTEGER", "number", primary_key=True), *columns)),))
    asked = ("How many performers are there?", "What is the highest amount?", "List each pupil")
    assert [question for question in asked if cover(question, plain, None, TODAY).declines] == []
    assert cover("What is the highest temperature?", plain, None, TODAY).declines


def test_what_is_asked_for_is_declined_although_the_thing_is_known(schema: Schema, values: ValueIndex) -> None:
    found = cover("What is the average shoe size of our customers?", schema, values, TODAY)
    assert (found.declines, found.missing) == (True, ("shoe",))


@pytest.mark.parametrize(
    ("sql", "missing"),
    [("SELECT name FROM employees", ("nationality",)), ("SELECT country FROM customers", ()),
     ("SELECT * FROM customers", ()), ("SELECT COUNT(*) FROM customers", ("nationality",))],
)  # fmt: skip
def test_a_statement_says_what_was_asked_for_or_is_doubted(schema: Schema, sql: str, missing: tuple[str, ...]) -> None:
    assert unused(["nationality"], sqlglot.parse_one(sql), schema) == missing


def test_attributes_of_known_things_that_are_not_there_are_declined_or_doubted(tmp_path: Path) -> None:
    known: dict[str, Known] = {name: (named(tables), None) for name, tables in NAMES.items()}
    known |= {name: everyday(name, tmp_path) for name in ("shop", "agency", "zoo")}
    found = {case["question"]: cover(case["question"], *known[case["database"]], TODAY) for case in ABSENT}
    silent = [case["question"] for case in ABSENT if case["missing"] not in found[case["question"]].missing]
    assert len(ABSENT) >= 60
    assert len(silent) <= (1 - LEAST_NAMED) * len(ABSENT), silent
    assert sum(each.declines for each in found.values()) >= LEAST_DECLINED * len(ABSENT)
