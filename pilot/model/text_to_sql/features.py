"""What the encoder reads: word pieces of the question and of the schema's names, and facts about each as flags."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from pilot.model.text_to_sql.target import Pointer
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import Hits, Word, listed, stem

CLS, SEP, UNKNOWN = 101, 102, 100  # of BERT's vocabulary
WORD_PIECES, NAME_PIECES = 6, 8  # most of one word, of one name
MOST_PIECES = 480  # no table starts after this; the encoder's positions end at 512
LAST_PIECES = 500  # no column starts after this
MOST_ITEMS = 256
TABLE_SLOTS = 32

# Flags of a piece, each one of `width` values; 0 says "does not apply". The order is that of the trained weights.
WIDTHS = {"role": 4, "kind": 6, "match": 3, "first": 2, "key": 2, "foreign": 2, "hit": 2, "slot": TABLE_SLOTS + 1,
          "target": TABLE_SLOTS + 1, "column_match": 3, "table_match": 3, "capital": 2, "digit": 2,
          "quoted": 2}  # fmt: skip
QUESTION, TABLE, COLUMN = 1, 2, 3  # roles
QUOTES = ("'", '"', "`")
KINDS = {"number": 1, "text": 2, "time": 3, "boolean": 4, "other": 5}

SMALL_WORDS = frozenset(
    listed(
        "the a an of in on for to and or is are was were do does did what which who whose how many much all each every "
        "with that have has by from at list show find give me"
    )
)  # a name that shares only these with the question is not meant

PART, WHOLE = 1, 2  # of a name that the question says

Span = tuple[int, int]
Flags = tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """One question over one schema, as the encoder takes it. Spans are of `pieces`."""

    pieces: Sequence[int]
    flags: Sequence[Flags]
    words: Sequence[Span]
    items: Sequence[Pointer]  # tables, each followed by its columns
    item_spans: Sequence[Span]
    owners: Sequence[int]  # of each item, the item that is its table

    @property
    def tables(self) -> list[int]:
        return [item.number for item in self.items if item.kind == "table"]

    @property
    def columns(self) -> list[int]:
        return [item.number for item in self.items if item.kind == "column"]


@dataclass(frozen=True)
class Links:
    """How far names of the schema stand in the question: 0 not, PART or WHOLE."""

    of_tables: Sequence[int]
    of_columns: Sequence[int]
    to_tables: Sequence[int]  # of each word of the question
    to_columns: Sequence[int]


class Pieces:
    """Words as pieces of MiniLM's vocabulary, remembered."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def of(self, word: str) -> list[int]:
        found = self._known.get(word)
        if found is None:
            if len(self._known) > 100_000:  # a server that runs for months meets many words
                self._known.clear()
            ids: list[int] = self._tokenizer.encode(word, add_special_tokens=False).ids
            found = self._known[word] = ids[:WORD_PIECES] or [UNKNOWN]
        return found

    def of_name(self, words: str) -> list[int]:
        return [piece for word in words.split() for piece in self.of(word)][:NAME_PIECES] or [UNKNOWN]

    def count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


@dataclass
class Page:
    """A Reading in the making."""

    pieces: list[int] = field(default_factory=list)
    flags: list[Flags] = field(default_factory=list)

    def mark(self, piece: int) -> None:
        self.write((piece,))

    def write(self, pieces: Sequence[int], **flags: int) -> Span:
        """The same flags on all of them, but `first` on the first only."""
        start = len(self.pieces)
        rest = tuple(flags.get(name, 0) if name != "first" else 0 for name in WIDTHS)
        first = tuple(flags.get(name, 0) for name in WIDTHS)
        self.pieces.extend(pieces)
        self.flags.extend([first, *[rest] * (len(pieces) - 1)])
        return start, len(self.pieces)


@dataclass(frozen=True)
class Reader:
    """Makes Readings. `most` is the number of pieces beyond which the least related tables are left out."""

    pieces: Pieces
    most: int = 400

    def read(
        self,
        words: Sequence[Word],
        view: SchemaView,
        hits: Hits,
        *,
        columns_of: Mapping[int, Sequence[int]] | None = None,
    ) -> Reading:
        """`columns_of` says which tables and columns to read, in which order; else those that fit."""
        links = link(words, view)
        if columns_of is None:
            columns_of = {table: view.columns_of[table] for table in self.fitting(words, view, hits)}
        page = Page()
        page.mark(CLS)
        spans = list(self._question(page, words, links, hits))
        page.mark(SEP)
        items, item_spans, owners = self._schema(page, view, links, hits, columns_of)
        page.mark(SEP)
        return Reading(page.pieces, page.flags, spans, items, item_spans, owners)

    def fitting(
        self, words: Sequence[Word], view: SchemaView, hits: Hits, *, needed: Collection[int] = ()
    ) -> list[int]:
        """The tables that have room, those the question is nearest to first; in the schema's order."""
        links = link(words, view)
        room = self.most - 2 - sum(len(self.pieces.of(word.text)) for word in words)
        costs = [4 + sum(self._cost(view.columns[column].words) for column in owned) for owned in view.columns_of]
        everything = range(len(view.tables))
        if sum(costs) <= room:
            return list(everything)
        kept: list[int] = []
        for table in sorted(everything, key=lambda table: (table not in needed, -_nearness(table, view, links, hits))):
            if costs[table] <= room or table in needed or not kept:
                kept.append(table)
                room -= costs[table]
        return sorted(kept)

    def _cost(self, words: str) -> int:
        return sum(len(self.pieces.of(word)) for word in words.split())

    def _question(self, page: Page, words: Sequence[Word], links: Links, hits: Hits) -> Iterator[Span]:
        hit = frozenset().union(*hits.values())
        quoted = False
        for index, word in enumerate(words):
            quoted ^= word.text in QUOTES
            yield page.write(
                self.pieces.of(word.text),
                role=QUESTION,
                first=1,
                hit=index in hit,
                column_match=links.to_columns[index],
                table_match=links.to_tables[index],
                capital=index > 0 and word.text[0].isupper(),
                digit=word.numeric,
                quoted=quoted,
            )

    def _schema(
        self, page: Page, view: SchemaView, links: Links, hits: Hits, columns_of: Mapping[int, Sequence[int]]
    ) -> tuple[list[Pointer], list[Span], list[int]]:
        slots = {table: slot for slot, table in enumerate(columns_of, 1) if slot <= TABLE_SLOTS}
        targets = dict(view.foreign)
        items: list[Pointer] = []
        spans: list[Span] = []
        owners: list[int] = []
        for table, columns in columns_of.items():
            if len(page.pieces) > MOST_PIECES:
                break
            owner, slot = len(items), slots.get(table, 0)
            items.append(Pointer("table", table))
            owners.append(owner)
            spans.append(
                page.write(
                    self.pieces.of_name(view.table_words[table]),
                    role=TABLE,
                    match=links.of_tables[table],
                    first=1,
                    slot=slot,
                )
            )
            for number in columns:
                if len(page.pieces) > LAST_PIECES or len(items) >= MOST_ITEMS:
                    break
                column = view.columns[number]
                target = targets.get(number)
                items.append(Pointer("column", number))
                owners.append(owner)
                spans.append(
                    page.write(
                        self.pieces.of_name(column.words),
                        role=COLUMN,
                        kind=KINDS[column.kind],
                        match=links.of_columns[number],
                        first=1,
                        key=column.key,
                        foreign=target is not None,
                        hit=number in hits,
                        slot=slot,
                        target=slots.get(view.columns[target].table, 0) if target else 0,
                    )
                )
        return items, spans, owners


def link(words: Sequence[Word], view: SchemaView) -> Links:
    """Compare every name with the question, by stems."""
    stems = [stem(word.text) for word in words]
    places: dict[str, list[int]] = {}
    for index, text in enumerate(stems):
        places.setdefault(text, []).append(index)
    to_tables, to_columns = [0] * len(words), [0] * len(words)
    of_tables = [_match(name, stems, places, to_tables) for name in view.table_words]
    of_columns = [0, *(_match(column.words, stems, places, to_columns) for column in view.columns[1:])]
    return Links(of_tables, of_columns, to_tables, to_columns)


def _match(name: str, stems: Sequence[str], places: Mapping[str, Sequence[int]], marks: list[int]) -> int:
    """As in Links; `marks` gets the same at the words that match."""
    wanted = [stem(word) for word in name.split()]
    whole = [start for start in places.get(wanted[0], ()) if stems[start : start + len(wanted)] == wanted]
    for start in whole:
        marks[start : start + len(wanted)] = [WHOLE] * len(wanted)
    if whole:
        return WHOLE
    shared = [word for word in wanted if word in places and word not in SMALL_WORDS and len(word) > 1 and word != "id"]
    for word in shared:
        for index in places[word]:
            marks[index] = max(marks[index], PART)
    return PART if shared else 0


def _nearness(table: int, view: SchemaView, links: Links, hits: Hits) -> float:
    columns = view.columns_of[table]
    by_names = sum(links.of_columns[column] for column in columns) / (3 + len(columns) ** 0.5)
    return links.of_tables[table] * 2 + by_names + sum(3 for column in columns if column in hits)
