"""The grammar that a model writes SQL by: it compiles fast, and nothing but guarded statements over the schema fit."""

import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

from pilot.datasource.guard import check
from pilot.datasource.lark import grammar
from pilot.datasource.source import connect
from pilot.schema import DIALECTS, Column, Dialect, Kind, Schema, Table

KINDS: tuple[Kind, ...] = ("number", "text", "time", "boolean", "other")
LONGEST = 3000  # bytes; where every choice is as likely, some statements never end
QUOTE = 39
CLOSING = (*b";)",)
HURRY = 0.6  # how often what closes is chosen where it can be
CASES = Path(__file__).parent / "cases"


def _lines(file: str) -> list[str]:
    return (CASES / file).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def schema(shop_file: Path) -> Schema:
    source = connect(f"sqlite:///{shop_file}")
    found = source.reflect()
    source.close()
    return found


def _matcher(schema: Schema) -> LLMatcher:
    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_lark(grammar(schema)))
    assert not matcher.is_error(), matcher.get_error()
    return matcher


def _fits(matcher: LLMatcher, sql: str) -> bool:
    own = matcher.deep_copy()
    tokens = list(f"{sql};".encode())
    return own.validate_tokens(tokens) == len(tokens) and own.consume_tokens(tokens) and own.is_accepting()


def _walk(matcher: LLMatcher, chance: random.Random) -> str | None:
    """A statement by a model that knows nothing: at every step any byte that the grammar allows."""
    tokenizer = LLTokenizer("byte")
    own, bits, out = matcher.deep_copy(), allocate_token_bitmask(1, tokenizer.vocab_size), bytearray()
    while len(out) < LONGEST and not own.is_stopped():
        fill_next_token_bitmask(own, bits)
        allowed = np.flatnonzero(np.unpackbits(bits[0].view(np.uint8), bitorder="little")[: tokenizer.vocab_size])
        assert len(allowed), f"no way on after {out.decode()}"
        token = int(chance.choice(allowed))
        if token == tokenizer.eos_token:
            break
        if len(allowed) > 100:  # within a text
            token = chance.choice([QUOTE, *b"ab %-;"])
        elif chance.random() < HURRY:
            token = next((int(each) for each in allowed if each in CLOSING), token)
        own.consume_token(token)
        out.append(token)
    return out.decode() if own.is_accepting() else None


def _check_walks(schema: Schema, count: int) -> None:
    matcher, chance = _matcher(schema), random.Random(4)
    passed = 0
    while passed < count:
        if sql := _walk(matcher, chance):
            safe = check(sql, schema=schema, max_rows=10)
            assert set(safe.tables) <= {table.name for table in schema.tables}
            passed += 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whatever_is_written_by_the_grammar_passes_the_guard(schema: Schema, dialect: Dialect) -> None:
    _check_walks(dataclasses.replace(schema, dialect=dialect), 4)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_random_statements_pass_the_guard(schema: Schema, dialect: Dialect) -> None:
    _check_walks(dataclasses.replace(schema, dialect=dialect), 60)


@pytest.mark.parametrize("sql", _lines("writable.sql"))
def test_analytic_statements_can_be_written(schema: Schema, sql: str) -> None:
    assert _fits(_matcher(schema), sql)


@pytest.mark.parametrize("sql", _lines("unwritable.sql"))
def test_what_the_schema_does_not_hold_cannot_be_written(schema: Schema, sql: str) -> None:
    assert not _fits(_matcher(schema), sql)


@pytest.mark.parametrize("kind", KINDS)
def test_strange_names_and_schemas_without_numbers_or_dates_make_a_grammar(kind: Kind) -> None:
    names = ("a", "select", "Größe", 'x"; DROP', "a'b", "a\\b", "${x}", "/a/", "a|b", "pair")
    tables = tuple(Table(name, tuple(Column(own, "X", kind) for own in names)) for name in names)
    _check_walks(Schema(DIALECTS[KINDS.index(kind) % len(DIALECTS)], tables), 1)


@pytest.mark.parametrize("count", [0, 21])
def test_no_table_or_too_many_are_refused(count: int) -> None:
    tables = tuple(Table(f"t{number}", (Column("a", "INT", "number"),)) for number in range(count))
    with pytest.raises(ValueError, match="table"):
        grammar(Schema("sqlite", tables))


def test_the_grammar_grows_with_its_tables_and_no_faster() -> None:
    """It compiles as fast as it is short: `benchmarks/ask.py` measures it."""

    def size(count: int) -> int:
        tables = tuple(
            Table(f"table_{number}", tuple(Column(f"column_{place}", "X", KINDS[place % 5]) for place in range(15)))
            for number in range(10, 10 + count)
        )
        return len(grammar(Schema("mysql", tables)))

    assert size(20) - size(11) < 1.1 * (size(11) - size(2))
    assert size(20) < 45_000
