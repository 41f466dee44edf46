"""Ask a source as the product does: through the guard."""

from pilot.datasource.base import Limits
from pilot.datasource.guard import check
from pilot.datasource.source import SqlSource
from pilot.errors import SourceUnreachable, SqlFailed, SqlTimeout
from pilot.schema import Schema

Cells = tuple[tuple[object, ...], ...]


def ask(source: SqlSource, sql: str, *, schema: Schema | None = None, seconds: float = 30) -> Cells:
    statement = check(sql, schema=schema or source.reflect(), max_rows=100)
    return source.run(statement, Limits(seconds=seconds)).rows


def failure(source: SqlSource, sql: str, *, schema: Schema, seconds: float = 20) -> Exception:
    """What such a question fails with."""
    try:
        ask(source, sql, schema=schema, seconds=seconds)
    except (SourceUnreachable, SqlFailed, SqlTimeout) as error:
        return error
    return AssertionError("it answered")
