"""Turn a spreadsheet that somebody drops (CSV, XLSX, Parquet) into a DuckDB file, a source like any other.

The first row names the columns; types are DuckDB's guess over all rows. `python -m pilot.datasource.spreadsheet FILE
NAME FOLDER` is the process in which `shelf.py` has it done.
"""

import csv
import json
import re
import resource
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import duckdb
import openpyxl
import sqlalchemy as sa

from pilot.datasource.adapters.duckdb import OPENING, shut
from pilot.datasource.functions import SYSTEM_PREFIXES
from pilot.datasource.refusals import fault
from pilot.errors import SourceRefused

MEMORY_BYTES = 4_000_000_000  # address space of the process that reads it
UNPACKED_BYTES = 1_000_000_000  # of an XLSX, which is a ZIP: a small bomb may hold terabytes
COLUMNS = 2_000
NAME_CHARS = 60
# All said, but for the types: DuckDB's guess of separator and quote goes wrong on short files.
CSV = (
    "read_csv(?, delim = '{delimiter}', quote = '\"', escape = '\"', comment = '', header = true, skip = 0,"
    " sample_size = -1, null_padding = true, strict_mode = false, parallel = false)"
)
DELIMITERS = ",;\t|"
# What DuckDB's own reader makes of a file that is not UTF-8 is an error; people's files often come from Excel.
ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")

Tables = Iterator[tuple[str, Path, str]]  # name, file, the table function that reads it


def main(file: str, name: str, folder: str) -> None:
    """Writes {"url"} or the reason and the values of a refusal."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found: dict[str, object] = {"url": load(Path(file).read_bytes(), name, Path(folder))}
    except SourceRefused as error:
        found = error.details
    sys.stdout.write(json.dumps(found))
    Path(file).unlink()


def load(data: bytes, name: str, folder: Path) -> str:
    """Write `data` as a DuckDB file into `folder`; the URL to connect to.

    Raises SourceRefused when it is no readable spreadsheet.
    """
    reader = READERS.get(Path(name).suffix.lower())
    if reader is None:
        raise fault(SourceRefused, "no_spreadsheet", name=name, known=", ".join(READERS))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{table_name(Path(name).stem)}.duckdb"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / "made.duckdb"
        try:
            _write(made, reader(data, table_name(Path(name).stem), Path(scratch)))
        except _Unfit as error:
            raise fault(SourceRefused, error.reason, name=name, **error.values) from None
        except (duckdb.Error, zipfile.BadZipFile, ValueError, LookupError, TypeError, AttributeError, OSError) as error:
            problem = " ".join(str(error).split("\nPossible")[0].split()).replace(scratch, "")[:300]
            raise fault(SourceRefused, "spreadsheet", name=name, problem=problem) from error
        made.replace(target)
    return sa.URL.create("duckdb", database=str(target)).render_as_string()


class _Unfit(Exception):
    """It can be read, but is nothing that we take."""

    def __init__(self, reason: str, **values: int) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values


def _write(made: Path, tables: Tables) -> None:
    with duckdb.connect(made, config=OPENING) as connection:
        shut(connection, but=made.parent)  # whatever the file says
        taken: list[str] = []
        for name, file, reader in tables:
            found = connection.execute(f"SELECT * FROM {reader} LIMIT 0", [str(file)]).description  # noqa: S608
            columns = [str(part[0]) for part in found]
            if len(columns) > COLUMNS:
                raise _Unfit("spreadsheet_wide", count=len(columns), limit=COLUMNS)
            listed = ", ".join(
                f"{_quoted(theirs)} AS {_quoted(ours)}"
                for theirs, ours in zip(columns, column_names(columns), strict=True)
            )
            (table,) = _distinct([name], taken)
            taken.append(table)
            connection.execute(
                f"CREATE TABLE {_quoted(table)} AS SELECT {listed} FROM {reader}",  # noqa: S608
                [str(file)],
            )
        if not taken:
            raise _Unfit("spreadsheet_empty")


def _from_csv(data: bytes, name: str, scratch: Path) -> Tables:
    if not data.strip():
        return
    file = scratch / "made.csv"
    text = _decoded(data).replace("\x00", "").lstrip("\r\n")
    file.write_text(text, encoding="utf-8", newline="")
    yield name, file, CSV.format(delimiter=_delimiter(text))


def _delimiter(text: str) -> str:
    """What stands most often between the names of the first line."""
    head = re.sub(r'"(?:[^"]|"")*"', "", text[:100_000]).partition("\n")[0]
    return max(DELIMITERS, key=head.count)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    for encoding in ENCODINGS:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("its encoding is not known")


def _from_parquet(data: bytes, name: str, scratch: Path) -> Tables:
    file = scratch / "made.parquet"
    file.write_bytes(data)
    yield name, file, "read_parquet(?)"


def _from_xlsx(data: bytes, name: str, scratch: Path) -> Tables:
    """Every sheet with rows is a table; a single one is called like the file."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        if sum(part.file_size for part in archive.infolist()) > UNPACKED_BYTES:
            raise _Unfit("spreadsheet_large")
    book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True)
    try:
        sheets = book.worksheets
        for number, sheet in enumerate(sheets):
            file = scratch / f"made-{number}.csv"
            if _sheet(sheet.iter_rows(values_only=True), file):
                yield name if len(sheets) == 1 else table_name(sheet.title), file, CSV.format(delimiter=",")
    finally:
        book.close()


def _sheet(rows: Iterable[Sequence[object]], file: Path) -> bool:
    """Write the rows from the first that is not empty on, without trailing empty ones and empty columns at the end."""
    width = 0
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        for row in rows:
            filled = [index for index, cell in enumerate(row) if cell not in (None, "")]
            if not filled:
                continue
            width = width or filled[-1] + 1
            writer.writerow([_cell(cell) for cell in row[:width]])
    return width > 0


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else value


def table_name(text: str) -> str:
    """A plain word, so that nobody has to quote it: `Sales 2024 (v2)` -> Sales_2024_v2."""
    word = re.sub(r"\W+", "_", text).strip("_")[:NAME_CHARS] or "sheet"
    return f"t_{word}" if word[0].isdigit() or word.lower().startswith(SYSTEM_PREFIXES) else word


def column_names(texts: Sequence[str]) -> list[str]:
    """Each once, in any case, without what the guard lets no name hold; the rest stays as the people wrote it."""
    cleaned = [" ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\"`\\\[\]]", " ", text).split())[:NAME_CHARS] for text in texts]
    return _distinct([text or f"column_{number}" for number, text in enumerate(cleaned, start=1)], [])


def _distinct(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    seen = {name.lower() for name in taken}
    found = []
    for name in names:
        number, free = 2, name
        while free.lower() in seen:
            number, free = number + 1, f"{name}_{number}"
        seen.add(free.lower())
        found.append(free)
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


READERS: dict[str, Callable[[bytes, str, Path], Tables]] = {
    ".csv": _from_csv,
    ".tsv": _from_csv,
    ".txt": _from_csv,
    ".xlsx": _from_xlsx,
    ".parquet": _from_parquet,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
