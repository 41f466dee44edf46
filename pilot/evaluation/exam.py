"""Make a file of questions from the answers that people called right: what `text2sql` then measures, before and after
another model, another adapter or a change of the schema's words.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from pilot import config
from pilot.errors import NotFound
from pilot.services import Services

DESCRIPTION = "Write the approved answers as questions with their SQL, for `text2sql`."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument(
        "--source", action="append", default=[], help="a database by name (default: all); may be given again"
    )
    parser.add_argument("--out", type=Path, required=True, help='lines {"id", "db_id", "question", "sql"}')


def run(arguments: argparse.Namespace) -> int:
    written = asyncio.run(write(config.load(), arguments.source, arguments.out))
    sys.stdout.write(f"{written} questions are in {arguments.out}\n")
    return 0


async def write(settings: config.Settings, sources: list[str], out: Path) -> int:
    """How many questions there are. Raises NotFound where nothing was approved."""
    services = Services.open(settings)
    try:
        names = sources or await services.sources.names()
        lines = [
            {"id": each.id, "db_id": name, "question": each.question, "sql": each.sql}
            for name in names
            for each in reversed(await asyncio.to_thread(services.store.approved, name))
        ]
    finally:
        await services.close()
    if not lines:
        raise NotFound(
            "no answer was approved yet", remedy="Call answers right on the page, or by POST /api/v1/feedback."
        )
    out.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return len(lines)
