"""The events of an answer, in the order in which they come. `web/render.py` turns them into what people see; the
REST doors send them one a line. A new ability is a new event.

Asking a database:  Verified, SqlChecked, RowsReady, ... when the answer to this question was approved before;
                    FollowUpRead, SqlChecked, ... when it changes the answer before in a way that needs no model; else
                    SchemaChosen, DefinitionsFound?, (SqlDelta* SqlProposed (SqlChecked | SqlRefused) Repairing?)+,
                    RowsReady, ChartReady?, ExplanationReady, SummaryReady, DidYouMean?, ReceiptReady, Finished; or
                    Declined, Finished
Asking documents:   PassagesFound, Condensing*, TextDelta*, CitationsReady, Finished
Plain chat:         TextDelta*, Finished
Any of them may end with Failed instead of Finished; nothing comes after either.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from pilot.datasource.base import Rows

ChartKind = Literal["number", "bar", "grouped", "line", "pie", "scatter", "histogram"]


@dataclass(frozen=True)
class SchemaChosen:
    """The tables that the model is shown, of `total` in the database; `pinned` ones because the reader wants them."""

    tables: tuple[str, ...]
    total: int
    pinned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """The SQL was approved for this very question, so no model was asked. `changed` holds the values that differ now:
    (then, now). `approval` is the id of the answer that was approved.
    """

    question: str
    approved_on: str  # ISO date
    approval: str
    changed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FollowUpRead:
    """What a follow-up was taken to mean: changes, in words, to the SQL that answered `question`."""

    question: str
    meaning: tuple[str, ...]


@dataclass(frozen=True)
class Declined:
    """The database does not say. `text` tells it in the reader's words; `missing` are the words of the question that
    nothing in the database stands for, `reply` is what the model said, where it was the model that declined.
    """

    text: str
    missing: tuple[str, ...] = ()
    reply: str = ""


@dataclass(frozen=True)
class Reading:
    """One way to read a question: its SQL, what sets it apart in plain words, and rows that only it finds, as text."""

    sql: str
    meaning: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    share: float  # of the candidates


@dataclass(frozen=True)
class DidYouMean:
    """Two readings are about as likely, and find different things. The first is the one that is answered."""

    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class DefinitionsFound:
    """What the attached documents define of the question's words. `used` says whether the model was told: one that only
    turns questions into SQL reads no sentences.
    """

    definitions: tuple["Citation", ...]
    used: bool


@dataclass(frozen=True)
class SqlDelta:
    text: str


@dataclass(frozen=True)
class SqlProposed:
    """The model's statement whole, not yet checked."""

    sql: str
    candidate: int = 0


@dataclass(frozen=True)
class SqlChecked:
    """The statement that will run: what the guard rendered, not what the model wrote."""

    sql: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class SqlRefused:
    """The guard or the database said no to this candidate; the next one or a repair follows, or Failed. `key` and
    `values` are those of `refusals.keyed`.
    """

    sql: str
    reason: str
    key: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Repairing:
    """The model is asked again, with what was wrong."""

    attempt: int
    problem: str


@dataclass(frozen=True)
class RowsReady:
    rows: Rows


@dataclass(frozen=True)
class ChartSpec:
    """What suits a result, by rule; drawn by `web`. Column numbers refer to the rows. `number` needs no x; `series` is
    the column whose values get a colour each.
    """

    kind: ChartKind
    y: tuple[int, ...]
    x: int | None = None
    series: int | None = None


@dataclass(frozen=True)
class ChartReady:
    chart: ChartSpec


@dataclass(frozen=True)
class ExplanationReady:
    """The statement in plain words, from its parsed tree: one line per step."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class SummaryReady:
    """The result as a sentence. `confidence` is the share of candidates that agree, 0 to 1."""

    text: str
    confidence: float


MadeBy = Literal["model", "approval", "follow_up", "reader"]  # where the SQL came from


@dataclass(frozen=True)
class Receipt:
    """Where an answer came from; stored with it."""

    question: str
    source: str
    sql: str
    tables: tuple[str, ...]
    model: str
    rows: int
    truncated: bool
    milliseconds: int  # of the query alone
    total_milliseconds: int
    candidates: int
    repairs: int
    row_limit: int
    seconds_limit: float
    asked_at: str  # ISO 8601 with offset
    columns: tuple[str, ...] = ()  # table.column
    version: str = ""  # Pilot's
    made_by: MadeBy = "model"
    definitions: tuple[str, ...] = ()  # what the model was told out of which documents


@dataclass(frozen=True)
class ReceiptReady:
    receipt: Receipt


@dataclass(frozen=True)
class FoundPassage:
    """A passage as an answer shows it. `number` is the [n] that cites it, from 1; `start` and `stop` count characters
    in the text of its page.
    """

    number: int
    document: str
    document_id: str
    page: int | None
    section: str
    text: str
    score: float
    space: str = ""
    start: int = 0
    stop: int = 0


@dataclass(frozen=True)
class PassagesFound:
    """What was found in these spaces. `meant` is what was looked for, where a follow-up needs what was asked before."""

    passages: tuple[FoundPassage, ...]
    spaces: tuple[str, ...] = ()
    meant: str = ""


@dataclass(frozen=True)
class Condensing:
    """How many parts of a document have been read for its summary."""

    done: int
    parts: int


@dataclass(frozen=True)
class TextDelta:
    text: str


@dataclass(frozen=True)
class Citation:
    """`quote` stands word for word in the passage; `supported` says whether the claim was found in it."""

    number: int
    passage: FoundPassage
    quote: str
    supported: bool = True


@dataclass(frozen=True)
class CitationsReady:
    """The whole answer and what it cites. `found` is False when the documents do not say; `doubtful` are the sentences
    of the answer that no passage which they cite bears out.
    """

    answer: str
    citations: tuple[Citation, ...]
    found: bool
    doubtful: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notice:
    """Something the reader should know, by key of `web/i18n`, not an error: the model cannot chat, rows were cut."""

    key: str
    values: dict[str, str | int]


@dataclass(frozen=True)
class Finished:
    """`message` is the stored answer's id, for feedback; `conversation` the one it went into. Empty: not stored."""

    message: str = ""
    conversation: str = ""


@dataclass(frozen=True)
class Failed:
    """The answer ended with an error: its code, one sentence, and what mends it. `conversation` is the one to go on
    with; `key` and `values` are those of `refusals.keyed`.
    """

    code: str
    message: str
    remedy: str = ""
    conversation: str = ""
    key: str = ""
    values: dict[str, Any] = field(default_factory=dict)


Event = (
    SchemaChosen | Verified | FollowUpRead | Declined | DidYouMean | DefinitionsFound | SqlDelta | SqlProposed
    | SqlChecked | SqlRefused | Repairing | RowsReady | ChartReady | ExplanationReady | SummaryReady | ReceiptReady
    | PassagesFound | Condensing | TextDelta | CitationsReady | Notice | Finished | Failed
)  # fmt: skip


def to_json(event: Event) -> dict[str, Any]:
    """`{"event": "sql_delta", ...fields}`; cells become JSON values (dates ISO 8601, decimals numbers, bytes hex)."""
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(event).__name__).lstrip("_")
    if isinstance(event, RowsReady):
        return {"event": name, **rows_json(event.rows)}
    values = {each.name: getattr(event, each.name) for each in fields(event)}
    return {"event": name, **{key: _plain(value) for key, value in values.items()}}


def rows_json(rows: Rows) -> dict[str, Any]:
    return {
        "columns": list(rows.columns),
        "rows": [[cell_json(cell) for cell in row] for row in rows.rows],
        "truncated": rows.truncated,
        "milliseconds": rows.milliseconds,
    }


def cell_json(cell: Any) -> Any:
    """One cell as JSON. Raises nothing: what JSON does not know becomes its text."""
    match cell:
        case None | bool() | int() | str():
            return cell
        case float():
            return cell if cell == cell and cell not in (float("inf"), float("-inf")) else str(cell)
        case bytes():
            return cell.hex()
    if hasattr(cell, "isoformat"):
        return cell.isoformat()
    if type(cell).__name__ == "Decimal":
        return int(cell) if cell == cell.to_integral_value() and abs(cell) < 2**53 else float(cell)
    return str(cell)


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
