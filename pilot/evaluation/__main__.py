"""`python -m pilot.evaluation text2sql | exam | retrieval`: how good the answers are, on your own questions."""

import argparse
import sys

from pilot.errors import PilotError
from pilot.evaluation import exam, retrieval, text2sql


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, or 2 with one line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m pilot.evaluation", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    parts = {"text2sql": text2sql, "exam": exam, "retrieval": retrieval}
    for name, part in parts.items():
        part.add_arguments(kinds.add_parser(name))
    chosen = parser.parse_args(arguments)
    try:
        return parts[chosen.kind].run(chosen)
    except PilotError as error:
        print(f"error: {error.message}. {error.remedy}".strip(), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
