"""Generated questions: sayable in the target language, sound, and answered by a database."""

import random
import sqlite3
from datetime import date

import pytest

from pilot.dates import period
from pilot.finetune.bundled.clauses import Values
from pilot.finetune.bundled.craft import Draft
from pilot.finetune.bundled.domain import Domain
from pilot.finetune.bundled.english import plural, singular, spaced
from pilot.finetune.bundled.moments import moment
from pilot.finetune.bundled.phrases import Phrases
from pilot.finetune.bundled.questions import Asker
from pilot.finetune.bundled.schemas import entities, random_schema
from pilot.model.text_to_sql.grammar import Grammar
from pilot.model.text_to_sql.render import Renderer
from pilot.model.text_to_sql.sound import check
from pilot.model.text_to_sql.target import Writer
from pilot.model.text_to_sql.view import STAR, SchemaView
from pilot.model.text_to_sql.words import MOST_WORDS, words_of

TODAY = date(2026, 11, 21)


def drafts(seed: int, count: int) -> list[tuple[SchemaView, Draft]]:
    rng = random.Random(seed)
    known, values, phrases = entities(), Values.read(), Phrases.read()
    found: list[tuple[SchemaView, Draft]] = []
    while len(found) < count:
        view = random_schema(known, rng)
        draft = Asker.over(Domain(view), values, phrases, rng).ask()
        if draft:
            found.append((view, draft))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_generated_question_can_be_said_and_its_query_runs(seed: int) -> None:
    for view, (question, query) in drafts(seed, 60):
        words = words_of(question)
        tokens = Writer(view, words).tokens(query)
        grammar = Grammar(view, question, words, range(len(view.tables)), range(1, len(view.columns)))
        read = grammar.read(tokens)
        check(read)
        run(Renderer(view, "sqlite", TODAY).sql(read), view)
        assert len(words) <= MOST_WORDS


def test_the_same_seed_asks_the_same() -> None:
    assert drafts(7, 20) == drafts(7, 20)


def test_questions_differ() -> None:
    questions = [question for _, (question, _) in drafts(8, 200)]
    assert len(set(questions)) > 190


def test_what_sells_best_is_counted_in_units() -> None:
    """The word must mean the same whatever the columns are called."""
    said = ("sold best", "sells best", "sell best", "best-selling", "best selling")
    asked = [(question.lower(), view, query) for view, (question, query) in drafts(9, 1300)]
    best = [(view, query) for question, view, query in asked if any(words in question for words in said)]
    assert best
    for view, query in best:
        (order,) = query.order
        assert order.term.aggregate == "SUM"
        assert Domain(view).roles[order.term.column] == "quantity"


def test_every_time_that_is_said_is_understood() -> None:
    rng = random.Random(1)
    for _ in range(500):
        said = moment(rng)
        assert all(period(str(value), TODAY) for value in said.values), said


def test_schemas_are_joined_by_keys() -> None:
    rng, known = random.Random(2), entities()
    for _ in range(100):
        view = random_schema(known, rng)
        assert all(view.columns[theirs].key for _, theirs in view.foreign)
        assert len({name.lower() for name in view.tables}) == len(view.tables)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("order item", "order items"),
        ("category", "categories"),
        ("box", "boxes"),
        ("staff", "staff"),
        ("movie", "movies"),
        ("salesperson", "salespeople"),
        ("class", "classes"),
        ("day", "days"),
        ("bus", "buses"),
    ],
)
def test_one_and_many(one: str, many: str) -> None:
    assert plural(one) == many
    assert singular(many) == one or one == "bus"


def test_blanks_are_put_right() -> None:
    assert spaced("how  many , and  why ?") == "how many, and why?"


def run(sql: str, view: SchemaView) -> None:
    connection = sqlite3.connect(":memory:")
    try:
        for number, name in enumerate(view.tables):
            columns = ", ".join(f'"{view.columns[one].name}"' for one in view.columns_of[number] if one != STAR)
            connection.execute(f'CREATE TABLE "{name}" ({columns})')
        connection.execute(sql).fetchall()
    finally:
        connection.close()
