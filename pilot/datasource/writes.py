"""Change data only after a rehearsal: run the statement in a transaction, look at what it did, take it back; then, when
somebody has seen that and says yes, run the very same text again, and keep it only if it does the very same.
"""

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from pilot.datasource.base import Cell, Limits, Rows
from pilot.datasource.guard import check, write
from pilot.datasource.guard_write import SafeWrite
from pilot.datasource.refusals import fault
from pilot.datasource.source import SqlSource, Writing
from pilot.errors import Conflict, SqlRejected
from pilot.schema import Schema

SHOWN_ROWS = 50  # of those that change
MOST_ROWS = 10_000  # that may change at once
VALID_SECONDS = 600.0
WAITING = 200  # rehearsals that are remembered at once


@dataclass(frozen=True)
class Rehearsal:
    """What a statement did before it was taken back. `before` and `after` are the first SHOWN_ROWS rows, in the same
    order; none before an INSERT, none after a DELETE. `followers` are tables that change along by a foreign key.
    """

    write: SafeWrite
    count: int
    columns: tuple[str, ...]
    before: tuple[tuple[Cell, ...], ...]
    after: tuple[tuple[Cell, ...], ...]
    followers: tuple[str, ...]


def rehearse(source: SqlSource, write: SafeWrite, schema: Schema, limits: Limits) -> Rehearsal:
    """Raises SqlRejected for what could not be taken back or shown, and whatever the database says."""
    followers = _followers(source, write)
    with source.writing(replace(limits, rows=MOST_ROWS)) as transaction:
        before = transaction.read(write.before.text) if write.before else None
        count, after = _changed(transaction, write, before, schema)
    if count > MOST_ROWS:
        raise fault(SqlRejected, "write_many", count=count, limit=MOST_ROWS)
    shown = after if before is None else before
    return Rehearsal(
        write, count, shown.columns if shown else (), before.rows[:SHOWN_ROWS] if before else (),
        after.rows[:SHOWN_ROWS] if after else (), followers,
    )  # fmt: skip


def carry_out(source: SqlSource, rehearsed: Rehearsal, limits: Limits) -> int:
    """How many rows changed: as many as at the rehearsal. Else Conflict is raised, and nothing has changed."""
    statement = rehearsed.write
    with source.writing(replace(limits, rows=MOST_ROWS)) as transaction:
        before = transaction.read(statement.before.text).rows[:SHOWN_ROWS] if statement.before else ()
        count, _ = transaction.change(statement.text)
        if count != rehearsed.count or before != rehearsed.before:
            raise fault(Conflict, "write_moved")
        transaction.commit()
    return count


def _followers(source: SqlSource, write: SafeWrite) -> tuple[str, ...]:
    followers = []
    for kind, table, name in source.obstacles():
        if str(table).lower() != write.table.name.lower():
            continue
        if kind == "engine":
            raise fault(SqlRejected, "write_engine", name=write.table.name, engine=str(name))
        if kind == "trigger":
            raise fault(SqlRejected, "write_trigger", name=write.table.name, trigger=str(name))
        followers.append(str(name))
    return tuple(dict.fromkeys(followers)) if write.kind == "delete" else ()


def _changed(transaction: Writing, write: SafeWrite, before: Rows | None, schema: Schema) -> tuple[int, Rows | None]:
    """How many rows the statement changed, and what they are now."""
    keys = [column.name for column in write.table.columns if column.primary_key]
    if write.kind == "insert":
        return _inserted(transaction, write, keys, schema)
    count, _ = transaction.change(write.text)
    if before is None or write.kind == "delete":
        return count, None
    places = [[name.lower() for name in before.columns].index(key.lower()) for key in keys]
    values = [tuple(row[place] for place in places) for row in before.rows[:SHOWN_ROWS]]
    now = transaction.read(_by_keys(write, keys, values, schema)) if values else before
    found = {tuple(row[place] for place in places): row for row in now.rows}
    known = all(value in found for value in values)  # keys of bytes cannot be asked for
    rows = tuple(found[value] for value in values) if known else ()
    return count, Rows(now.columns, rows, now.truncated, now.milliseconds)


def _inserted(transaction: Writing, write: SafeWrite, keys: list[str], schema: Schema) -> tuple[int, Rows | None]:
    if write.dialect != "mysql":  # which has no RETURNING
        listed = ", ".join(
            exp.to_identifier(column.name, quoted=True).sql(write.dialect) for column in write.table.columns
        )
        rows = transaction.read(f"{write.text} RETURNING {listed}")
        return len(rows.rows), rows
    count, first = transaction.change(write.text)
    if len(keys) == 1 and first:  # consecutive, since the statement says how many rows there are
        return count, transaction.read(
            _by_keys(write, keys, [(first + n,) for n in range(min(count, SHOWN_ROWS))], schema)
        )
    return count, None


def _by_keys(write_: SafeWrite, keys: Sequence[str], values: Sequence[tuple[Cell, ...]], schema: Schema) -> str:
    """The text of a SELECT of the rows with these primary keys, through the guard."""
    conditions = [
        exp.and_(*(exp.column(key, quoted=True).eq(_literal(cell)) for key, cell in zip(keys, value, strict=True)))
        for value in values
    ]
    target = exp.Table(this=exp.to_identifier(write_.table.name, quoted=True))
    asked = exp.select("*").from_(target).where(exp.or_(*conditions))
    return check(write(asked, write_.dialect), schema=schema, max_rows=SHOWN_ROWS).text


def _literal(cell: Cell) -> exp.Expr:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and cell >= 0:
        return exp.Literal.number(cell)
    return exp.Literal.string(cell.hex() if isinstance(cell, bytes) else str(cell))


@dataclass(frozen=True)
class Waiting:
    """A rehearsal that waits for a yes: of this person, for this source, until then (monotonic seconds)."""

    rehearsal: Rehearsal
    source: str
    holder: str
    until: float


class Desk:
    """The rehearsals that wait for a yes, by their tokens. Each counts once."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._lock = threading.Lock()

    def put(self, rehearsal: Rehearsal, *, source: str, holder: str) -> str:
        """The token that `take` wants. Nobody can guess it."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            while len(self._waiting) >= WAITING:
                self._waiting.pop(next(iter(self._waiting)))
            self._waiting[token] = Waiting(rehearsal, source, holder, time.monotonic() + VALID_SECONDS)
        return token

    def take(self, token: str, *, source: str, holder: str, text: str) -> Rehearsal:
        """Raises Conflict unless all is as it was put. The token is spent either way."""
        with self._lock:
            found = self._waiting.pop(token, None)
        said = (source, holder, text)
        if (
            found is None
            or time.monotonic() > found.until
            or (found.source, found.holder, found.rehearsal.write.text) != said
        ):
            raise fault(Conflict, "write_token")
        return found.rehearsal
