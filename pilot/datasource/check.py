"""Ask the guard about statements, one JSON object a line: `python -m pilot.datasource.check --dialect mysql`.

In: {"id": 1, "sql": "SELECT ..."}. Out: {"id": 1, "verdict": "allow", "reason": "", "sql": what would run} or
{"id": 1, "verdict": "deny", "reason": the sentence}. Without a schema, every plain table that a statement names counts
as known and columns are not looked at; --source URL reads the schema from a database, --schema FILE from CREATE TABLE
text. Nothing is run.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pilot.datasource.guard import SafeSql, check, check_shape
from pilot.datasource.source import connect
from pilot.errors import PilotError, SqlRejected
from pilot.prompts.text_to_sql import PRODUCT, SYSTEM, parse
from pilot.protocol import Message
from pilot.schema import DIALECTS, Dialect, Schema


class Check(Protocol):
    def __call__(self, sql: str, /) -> SafeSql: ...


def answer(lines: Iterable[str], passes: Check) -> Iterator[dict[str, Any]]:
    """One answer for each line that is not blank, whatever stands in it."""
    for line in lines:
        if line.strip():
            yield _verdict(line, passes)


def _verdict(line: str, passes: Check) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        identity, sql = asked.get("id"), asked["sql"]
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return {"id": None, "verdict": "deny", "reason": 'the line is no JSON object with "id" and "sql"'}
    if not isinstance(sql, str):
        return {"id": identity, "verdict": "deny", "reason": '"sql" is no text'}
    try:
        return {"id": identity, "verdict": "allow", "reason": "", "sql": passes(sql).text}
    except SqlRejected as error:
        return {"id": identity, "verdict": "deny", "reason": error.message}


def read_schema(text: str, dialect: Dialect) -> Schema:
    """The tables of CREATE TABLE text. Raises InputInvalid when there are none."""
    system = Message(role="system", content=SYSTEM.format(product=PRODUCT[dialect]))
    return parse([system, Message(role="user", content=f"{text}\n\nQuestion: any")]).schema


def _check(arguments: argparse.Namespace) -> Check:
    if arguments.schema:
        schema = read_schema(arguments.schema.read_text(encoding="utf-8"), arguments.dialect)
    elif arguments.source:
        source = connect(arguments.source)
        try:
            schema = source.reflect()
        finally:
            source.close()
    else:
        return partial(check_shape, dialect=arguments.dialect, max_rows=arguments.max_rows)
    return partial(check, schema=schema, max_rows=arguments.max_rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pilot.datasource.check", description=__doc__)
    parser.add_argument("--dialect", choices=DIALECTS, required=True)
    parser.add_argument("--source", metavar="URL", help="a database whose tables and columns are the known ones")
    parser.add_argument("--schema", type=Path, metavar="FILE", help="CREATE TABLE text that tells the known ones")
    parser.add_argument("--max-rows", type=int, default=1000)
    arguments = parser.parse_args(argv)
    try:
        passes = _check(arguments)
    except (PilotError, OSError) as error:
        parser.error(str(error))
    for found in answer(sys.stdin, passes):
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
