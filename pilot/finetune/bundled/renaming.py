"""Schemas under the names that businesses give: custCtryCd, tbl_ord_hdr, CRM_CUST."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pilot.abbreviations import short_forms
from pilot.finetune.bundled.english import plural, singular
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import listed, name_words

SYSTEMS = listed("crm erp hr sys app wh fin sls bi mdm ods stg x z")
OF_TABLES = ("tbl_", "t_", "tbl", "dim_", "fct_", "tab_", "")
CASES = ("snake", "snake", "camel", "pascal", "upper", "upper")
LEAST_SHORTENED = 5  # letters of a word that is shortened without a usual way


@dataclass(frozen=True)
class Habits:
    """Of the team that made a database."""

    case: str
    shortened: float  # share of the words
    cut: float  # share of the words without a usual short form that lose letters
    prefix: str  # of tables
    owned: bool  # columns begin with their table
    plural: bool

    @classmethod
    def by_chance(cls, rng: random.Random) -> "Habits":
        prefix = rng.choice(OF_TABLES) if rng.random() < 0.4 else ""
        if rng.random() < 0.2:
            prefix = rng.choice(SYSTEMS) + "_"
        return cls(
            case=rng.choice(CASES),
            shortened=rng.choice((0.0, 0.5, 0.8, 1.0)),
            cut=rng.choice((0.0, 0.0, 0.2, 0.5)),
            prefix=prefix,
            owned=rng.random() < 0.25,
            plural=rng.random() < 0.4,
        )

    def renamed(self, view: SchemaView, rng: random.Random) -> SchemaView:
        short = {word: self._short(word, rng) for words in _all_words(view) for word in words.split()}
        tables, owners = [], []
        for words in view.table_words:
            noun = singular(words)
            said = [short.get(word, word) for word in (plural(noun) if self.plural else noun).split()]
            tables.append(self.prefix + self._joined(said))
            owners.append([short.get(word, word) for word in noun.split()])
        columns = [view.columns[0]]
        for column in view.columns[1:]:
            said = [short[word] for word in column.words.split()]
            if self.owned and said[0] != owners[column.table][0]:
                said = [*owners[column.table][:1], *said]
            name = self._joined(said)
            columns.append(replace(column, name=name, words=name_words(name)))
        return SchemaView(tuple(tables), tuple(map(name_words, tables)), tuple(columns), view.foreign)

    def _short(self, word: str, rng: random.Random) -> str:
        if rng.random() >= self.shortened:
            return word
        if word in short_forms():
            return rng.choice(short_forms()[word])
        if len(word) >= LEAST_SHORTENED and rng.random() < self.cut:
            return without_vowels(word) if rng.random() < 0.6 else word[: rng.choice((3, 4))]
        return word

    def _joined(self, words: Sequence[str]) -> str:
        match self.case:
            case "camel":
                return words[0] + "".join(word.capitalize() for word in words[1:])
            case "pascal":
                return "".join(word.capitalize() for word in words)
            case "upper":
                return "_".join(words).upper()
        return "_".join(words)


def without_vowels(word: str) -> str:
    return word[0] + re.sub("[aeiou]", "", word[1:])[:4]


def _all_words(view: SchemaView) -> list[str]:
    nouns = [singular(words) for words in view.table_words]
    return [*nouns, *map(plural, nouns), *(column.words for column in view.columns[1:])]
