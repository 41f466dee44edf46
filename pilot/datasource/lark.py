"""A grammar of analytic SELECT statements in which only the names of one schema can be written (Lark, for llguidance).

Columns are written `table.column`. A table that stands in FROM twice is called `table_2` there; what a statement makes
itself, as common table expression or in FROM, is called by its number of columns: `single`, `pair`, `triple`. So every
name tells what stands behind it, and a statement can only end when every table that it names stands in its FROM: how,
is told in `lark_rules`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import Dialect as SqlDialect
from sqlglot.generators.mysql import MySQLGenerator

from pilot.datasource.functions import KEYWORDS, SYSTEM_PREFIXES
from pilot.datasource.guard_tree import QUOTED_NAME
from pilot.datasource.lark_rules import (
    DEEPEST,
    DEFINED,
    DEPTH,
    DERIVED,
    MOST_TABLES,
    NAMED,
    NEVER,
    NOBODY_PRESENT,
    OTHERWISE,
    OUTSIDE,
    PLACE,
    PRESENT,
    RULES,
    TWIN,
    TWIN_PRESENT,
    VALUES,
    Place,
)
from pilot.schema import Column, Dialect, Kind, Schema, Table

# What can be taken of a day: year, month of a year, quarter, month, day; each closes with a parenthesis.
OF_TIME: dict[Dialect, tuple[str, ...]] = {
    "sqlite": ("STRFTIME('%Y', ", "STRFTIME('%Y-%m', ", "STRFTIME('%m', ", "DATE("),
    "mysql": ("YEAR(", "EXTRACT(YEAR_MONTH FROM ", "QUARTER(", "MONTH(", "DATE("),
    "postgres": (
        "EXTRACT(YEAR FROM ", "DATE_TRUNC('month', ", "EXTRACT(QUARTER FROM ", "EXTRACT(MONTH FROM ", "DATE(",
    ),
    "duckdb": ("YEAR(", "DATE_TRUNC('month', ", "QUARTER(", "MONTH(", "DATE_TRUNC('day', "),
}  # fmt: skip
AGO: dict[Dialect, str] = {
    "sqlite": r"DATE\('now'(, '(-[1-9][0-9]{0,2} (days|months|years)|start of (month|year))')?\)",
    "mysql": r"CURRENT_DATE( - INTERVAL [1-9][0-9]{0,2} (DAY|MONTH|YEAR))?",
    "postgres": r"CURRENT_DATE( - INTERVAL '[1-9][0-9]{0,2} (days|months|years)')?",
    "duckdb": r"CURRENT_DATE( - INTERVAL [1-9][0-9]{0,2} (DAY|MONTH|YEAR))?",
}
COLUMN_THEN = ("after", "closed", "cased", "filled", "parted")
TWIN_THEN = ("after", "closed")  # of these, what a twin's columns can be used for before FROM
_SHALLOW = f"lt([{DEPTH}:{DEPTH + 2}], {DEEPEST})"
NUMBER_THEN = ("summed", "ended")


@dataclass(frozen=True)
class _Named:
    """One table as the grammar writes it: its number, its name, the name of its twin, its columns of each kind."""

    number: int
    name: str
    twin: str
    columns: tuple[tuple[str, Kind], ...]

    def of(self, *kinds: Kind) -> list[str]:
        return [column for column, kind in self.columns if not kinds or kind in kinds]

    @property
    def named(self) -> int:
        return NAMED + self.number

    @property
    def present(self) -> int:
        return PRESENT + self.number


def grammar(schema: Schema, *, freely: bool = False) -> str:
    """Lark text for `structured_outputs.grammar`. `freely`: whatever comes before the statement is the model's own, a
    fence may close behind it, and a text without a statement is one, too.

    Raises ValueError for a schema without tables, or with too many.
    """
    tables = _named(schema)
    if not tables:
        raise ValueError("there is no table whose name can be written")
    if len(tables) > MOST_TABLES:
        raise ValueError(f"a grammar can hold {MOST_TABLES} tables, not {len(tables)}")
    made = [
        _Named(MOST_TABLES + place, _free(name, schema), "", tuple((value, "other") for value in VALUES[: place + 1]))
        for place, name in enumerate(DERIVED)
    ]
    of_time, ago = _either(OF_TIME[schema.dialect]), AGO[schema.dialect]
    parts = [RULES, f"OF_TIME: {of_time}", f"AGO: /{ago}/", _start(made, freely=freely)]
    for table in (*tables, *made):
        parts += _of_one(table)
    return "\n".join([*parts, *_select(tables, made), *_from(tables, made), *_where(tables, made), *_end(made)]) + "\n"


def _named(schema: Schema) -> list[_Named]:
    found: list[_Named] = []
    for table in schema.tables:
        columns = tuple((spelled(column.name, schema.dialect), column.kind) for column in _writable(table))
        if columns and QUOTED_NAME.fullmatch(table.name) and not table.name.lower().startswith(SYSTEM_PREFIXES):
            twin = spelled(_free(f"{table.name}_2", schema), schema.dialect)
            found.append(_Named(len(found), spelled(table.name, schema.dialect), twin, columns))
    return found


def _writable(table: Table) -> Iterator[Column]:
    return (column for column in table.columns if QUOTED_NAME.fullmatch(column.name))


def spelled(name: str, dialect: Dialect) -> str:
    """A name, quoted where the dialect would read it as something else."""
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*" if dialect == "postgres" else r"[A-Za-z_][A-Za-z0-9_]*", name)
    words = SqlDialect.get_or_raise(dialect).tokenizer_class.KEYWORDS
    reserved = name.upper() in words or name.upper() in KEYWORDS or name.lower() in MySQLGenerator.RESERVED_KEYWORDS
    quote = "`" if dialect == "mysql" else '"'
    return name if plain and not reserved else f"{quote}{name}{quote}"


def _free(name: str, schema: Schema) -> str:
    return name if schema.table(name) is None else _free(f"{name}_x", schema)


def _start(made: Sequence[_Named], *, freely: bool) -> str:
    """The first SELECT or WITH ends what is said freely: no reading of the text has a statement in its prose."""
    withs = [f"WITH {table.name} AS (SELECT " for table in made]
    places = [hex(_place(Place.COMMON, table)) for table in made]
    if not freely:
        begun = (f'"{text}" chosen::{place}' for text, place in zip(withs, places, strict=True))
        return f'start: "SELECT " chosen::0x0 | {" | ".join(begun)}'
    begun = (f"to_{table.name} chosen::{place}" for table, place in zip(made, places, strict=True))
    lazy = "\n".join(
        rf"to_{table.name}[lazy]: /(?s:.*){re.escape(text)}/" for table, text in zip(made, withs, strict=True)
    )
    names = "|".join(table.name for table in made)
    return rf"""
start: (to_select chosen::0x0 | {" | ".join(begun)}) "\n```"? | SAID
to_select[lazy]: /(?s:.*)SELECT / & ~/(?s:.*)WITH ({names}) AS \(SELECT /
{lazy}
SAID: /(?s:.+)/ & ~/(?s:.*SELECT .*)/
"""


def _place(first: Place, made: _Named) -> int:
    return (first + made.number - MOST_TABLES) << PLACE


def _of_one(table: _Named) -> Iterator[str]:
    """The table's name and columns, by what can be done with them."""
    number = table.number
    times = table.of("time")
    numbers = table.of("number") or (table.of() if table.number >= MOST_TABLES else [])
    yield f"TABLE_{number}: {_either([table.name])}"
    yield f"NAME_{number}: {_either(table.of())}"
    yield f"column_{number}: {_either([table.name + '.'])} NAME_{number}"
    if numbers:
        yield f"NUMBER_{number}: {_either(numbers)}"
        yield f"number_{number}: {_either([table.name + '.'])} NUMBER_{number}"
    if times:
        yield f"TIME_{number}: {_either(times)}"
        yield f"time_{number}: {_either([table.name + '.'])} TIME_{number}"
    if table.twin:
        yield f"TWIN_{number}: {_either([f' AS {table.twin}'])}"
        yield f"twin_{number}: {_either([table.twin + '.'])} NAME_{number}"


def _numbered(tables: Sequence[_Named]) -> list[tuple[str, _Named]]:
    """The rules of columns to compute with; of a schema without numbers all: the server will object."""
    found = [(f"number_{table.number}", table) for table in tables if table.of("number") or not table.twin]
    return found if any(table.twin for _, table in found) else [(f"column_{table.number}", table) for table in tables]


def _timed(tables: Sequence[_Named]) -> list[_Named]:
    return [table for table in tables if table.of("time")]


def _select(tables: Sequence[_Named], made: Sequence[_Named]) -> Iterator[str]:
    """Columns before FROM: each says which table is named, then what may follow."""
    every = (*tables, *made)
    for then in COLUMN_THEN:
        plain = (f"column_{table.number} {then}::set_bit({table.named}){_can_be_named(table)}" for table in every)
        twins = (f"twin_{table.number} {then}::bit_or({_twin(table):#x}) %if {_can_be_twin(table)}"
                 for table in tables if then in TWIN_THEN)  # fmt: skip
        yield _choice(f"column_{then}", (*plain, *twins))
    for then in NUMBER_THEN:
        named = (f"{rule} {then}::set_bit({table.named}){_can_be_named(table)}" for rule, table in _numbered(every))
        yield _choice(f"number_{then}", named)
    timed = _timed(tables)
    yield _choice("time_closed", (f"time_{table.number} closed::set_bit({table.named})" for table in timed))
    yield _choice("day_item", [f"OF_TIME time_closed::set_bit({OTHERWISE})"] if timed else [])


def _can_be_named(table: _Named) -> str:
    """In a derived table there is no other: what can grow so fast seldom comes to an end."""
    if table.twin:
        return ""
    return f" %if or(bit_set({_defined(table)}), {_all([_SHALLOW, f'lt([{PLACE}:{PLACE + 3}], {Place.DERIVED})'])})"


def _twin(table: _Named) -> int:
    return (table.number + 1) << TWIN


def _is_twin(table: _Named) -> str:
    return f"eq([{TWIN}:{TWIN_PRESENT}], {table.number + 1})"


def _can_be_twin(table: _Named) -> str:
    """There is none yet, or this one."""
    return f"or(is_zeros([{TWIN}:{TWIN_PRESENT}]), {_is_twin(table)})"


def _from(tables: Sequence[_Named], made: Sequence[_Named]) -> Iterator[str]:
    """FROM and its joins. Of the statement around, nothing is seen once a table comes first under its own name: what
    looks outside reads a twin, or stands in EXISTS.
    """
    absent = f"not(is_ones([{PRESENT}:{PRESENT + len(tables)}]))"
    yield f"exists::_ : EXISTS exists_around::incr([{DEPTH}:{DEPTH + 2}]) %if {_all([_SHALLOW, absent])}"
    whole = _whole((*tables, *made))
    plain, other, first = [], [], []
    joined = [f"tail::_ %if {whole}", f'" CROSS JOIN " beside::_ %if {absent}']
    for table in tables:
        number, new = table.number, f"%if bit_clear({table.present})"
        twin = f"TABLE_{number} TWIN_{number}"
        free = _all([f"bit_clear({TWIN_PRESENT})", _can_be_twin(table)])
        can = f"::bit_or({_twin(table) | 1 << TWIN_PRESENT:#x}) %if {free}"
        plain.append(f"TABLE_{number} joins::set_bit({table.present}) {new}")
        other.append(f"{twin} joins{can}")
        joined += [
            f"JOINED TABLE_{number} {_on(f'column_{number}')}::set_bit({table.present}) {new}",
            f"JOINED {twin} {_on(f'twin_{number}')}{can}",
        ]
    for table in made:
        number, common = table.number, _all([f"bit_set({_defined(table)})", f"bit_clear({table.present})"])
        derived = f'"(" derived_{number}::incr([{DEPTH}:{DEPTH + 2}]) " AS {table.name}"'
        yield _step(f"derived_{number}", f'"SELECT" select_{number}::bit_and({OUTSIDE:#x})')
        yield _step(f"select_{number}", f'" " chosen::bit_or({_place(Place.DERIVED, table):#x})')
        brought, on = f"joins::set_bit({table.present})", f"{_on(f'column_{number}')}::set_bit({table.present})"
        first.append(f"{derived} {brought} %if {_is_next(table, made, alone=0)}")
        other.append(f"TABLE_{number} {brought} %if {common}")
        joined += [
            f"JOINED TABLE_{number} {on} %if {common}",
            f"JOINED {derived} {on} %if {_is_next(table, made, alone=1)}",
        ]
    yield _choice("plain", (*plain, NEVER))
    yield _choice("other", other)
    yield _choice("from", (f"plain::bit_and({NOBODY_PRESENT:#x})", "other::_", *first))
    yield _choice("beside", ("plain::_", "other::_"))
    yield _choice("joins", joined)


def _on(own: str) -> str:
    return f'" ON " ({own} " = " column::_ | column::_ " = " {own}) and_on'


def _whole(tables: Sequence[_Named]) -> str:
    """Whatever is named stands in FROM."""
    twin = f"or(is_zeros([{TWIN}:{TWIN_PRESENT}]), bit_set({TWIN_PRESENT}))"
    return _all([*(f"or(bit_clear({table.named}), bit_set({table.present}))" for table in tables), twin])


def _defined(made: _Named) -> int:
    return DEFINED + made.number - MOST_TABLES


def _is_next(table: _Named, made: Sequence[_Named], *, alone: int) -> str:
    """Of the derived tables that are named the shortest comes first; if none is, that in place `alone`."""
    shorter = [_is_waited_for(each) for each in made[: made.index(table)]]
    others = [_is_waited_for(each) for each in made if each is not table]
    waited = _all([_is_waited_for(table), *(f"not({each})" for each in shorter)])
    free = _all([_SHALLOW, f"bit_clear({_defined(table)})", f"bit_clear({table.present})"])
    if made.index(table) != alone:
        return _all([free, waited])
    return _all([free, f"or({waited}, {_all([f'not({each})' for each in others])})"])


def _is_waited_for(made: _Named) -> str:
    return f"and(bit_set({made.named}), and(bit_clear({_defined(made)}), bit_clear({made.present})))"


def _all(conditions: Sequence[str]) -> str:
    first, *rest = conditions
    return f"and({first}, {_all(rest)})" if rest else first


def _where(tables: Sequence[_Named], made: Sequence[_Named]) -> Iterator[str]:
    """Columns behind FROM: of the tables that stand there."""
    plain = (f"column_{table.number} %if bit_set({table.present})" for table in (*tables, *made))
    twins = (f"twin_{table.number} %if {_all([_is_twin(table), f'bit_set({TWIN_PRESENT})'])}" for table in tables)
    yield _choice("column", (*plain, *twins))
    timed = _timed(tables)
    yield _choice("time", (f"time_{table.number} %if bit_set({table.present})" for table in timed))
    seen = [f"bit_clear({table.present})" for table in timed]
    yield _choice("day", [f'OF_TIME time::_ ")" %if not({_all(seen)})'] if timed else [])


def _end(made: Sequence[_Named]) -> Iterator[str]:
    """What closes a scope, and after a common table expression begins the next."""
    place = f"[{PLACE}:{PLACE + 3}]"
    ends = [
        f'";" %if eq({place}, {Place.MAIN})',
        f'")" %if or(eq({place}, {Place.INNER}), ge({place}, {Place.DERIVED}))',
    ]
    begun = ['" SELECT " chosen::_']
    for offset, table in enumerate(made):
        ends.append(f"done_{table.number}::bit_and({OUTSIDE:#x}) %if eq({place}, {Place.COMMON + offset})")
        begun.append(
            f'", {table.name} AS (SELECT " chosen::bit_or({_place(Place.COMMON, table):#x})'
            f" %if bit_clear({_defined(table)})"
        )
        yield _step(f"done_{table.number}", f'")" next::set_bit({_defined(table)})')
    yield _choice("end", ends)
    yield _choice("next", begun)


def _step(rule: str, way: str) -> str:
    """A rule that changes the bits once more."""
    return f"{rule}::_ : {way} | {NEVER}"


def _choice(rule: str, alternatives: Iterable[str]) -> str:
    """A schema may have no number or no date at all; then nothing can stand here."""
    return f"{rule}::_ : " + ("\n  | ".join(alternatives) or NEVER)


def _either(texts: Sequence[str]) -> str:
    return " | ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in dict.fromkeys(texts))
