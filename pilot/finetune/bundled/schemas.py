"""Random business schemas: entities that belong together, named as one team of people or another would."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pilot.abbreviations import short_forms
from pilot.finetune.bundled.english import plural
from pilot.finetune.bundled.phrases import lines_of
from pilot.model.text_to_sql.view import ColumnView, Join, SchemaView
from pilot.model.text_to_sql.words import name_words
from pilot.schema import Kind

MARKS: Mapping[str, Kind] = {"#": "number", "@": "time", "?": "boolean"}
PREFIXES = ("tbl_", "t_", "dim_")
SOLD = ("order", "order item", "product")  # what most businesses have
AROUND = ("customer", "customer", "category", "payment", "employee", "supplier", "shipment", "invoice")
ABOVE = ("manager id", "supervisor id", "reports to", "parent id")  # a row of the same table


@dataclass(frozen=True)
class Field:
    names: Sequence[str]
    kind: Kind
    refers: str = ""  # to this entity


@dataclass(frozen=True)
class Entity:
    names: Sequence[str]
    fields: Sequence[Field]

    @property
    def parents(self) -> set[str]:
        return {field.refers for field in self.fields if field.refers}


@dataclass(frozen=True)
class Naming:
    """One team's habits."""

    plural: bool
    case: str  # "snake", "camel", "title", "upper"
    key: str  # "id", "entity_id", "entity_number"
    prefix: str = ""
    short: bool = False

    def table(self, noun: str) -> str:
        words = (plural(noun) if self.plural else noun).split()
        return self.prefix + self._joined(words)

    def column(self, words: str) -> str:
        return self._joined(words.split())

    def key_of(self, noun: str) -> str:
        return self._joined(["id"] if self.key == "id" else [*noun.split(), self.key.split("_")[1]])

    def _joined(self, words: Sequence[str]) -> str:
        if self.short:
            words = [short_forms().get(word, [word])[0] for word in words]
        match self.case:
            case "camel":
                return words[0] + "".join(word.capitalize() for word in words[1:])
            case "title":
                return "_".join(word.capitalize() for word in words)
            case "upper":
                return "_".join(words).upper()
        return "_".join(words)


def entities() -> dict[str, Entity]:
    """By usual name."""
    found = [_entity(names, fields) for names, fields in lines_of("entities.txt")]
    return {entity.names[0]: entity for entity in found}


def random_schema(known: Mapping[str, Entity], rng: random.Random) -> SchemaView:
    """One to seven entities, most of them related."""
    chosen = list(_chosen(known, rng, rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 7))))
    naming = Naming(
        plural=rng.random() < 0.65,
        case=rng.choice(("snake", "snake", "snake", "camel", "title", "upper")),
        key=rng.choice(("id", "id", "id", "entity_id", "entity_id", "entity_number")),
        prefix=rng.choice(PREFIXES) if rng.random() < 0.07 else "",
        short=rng.random() < 0.07,
    )
    nouns = {usual: _name(known[usual].names, rng) for usual in chosen}
    columns = [ColumnView("*", -1, "*", "text")]
    keys: dict[str, int] = {}
    references: list[tuple[int, str]] = []
    for table, usual in enumerate(chosen):
        keys[usual] = len(columns)
        columns.append(_column(naming.key_of(nouns[usual]), table, "number", key=True))
        for field in known[usual].fields:
            if field.refers and field.refers not in nouns:
                continue
            if not field.refers and field is not known[usual].fields[0] and rng.random() < 0.2:
                continue
            name = naming.column(_said(field, usual, nouns, rng))
            if any(column.table == table and column.name == name for column in columns):
                continue
            if field.refers:
                references.append((len(columns), field.refers))
            columns.append(_column(name, table, "number" if field.refers else field.kind))
    tables = tuple(naming.table(nouns[usual]) for usual in chosen)
    foreign: list[Join] = [(column, keys[usual]) for column, usual in references]
    return SchemaView(tables, tuple(map(name_words, tables)), tuple(columns), tuple(foreign))


def _entity(names: str, fields: str) -> Entity:
    return Entity(tuple(names.split("|")), tuple(_field(part.strip()) for part in fields.split(";")))


def _field(text: str) -> Field:
    if text.startswith(">"):
        return Field((), "number", refers=text.removeprefix(">"))
    kind = MARKS.get(text[0], "text")
    return Field(tuple(text.lstrip("".join(MARKS)).split("|")), kind)


def _chosen(known: Mapping[str, Entity], rng: random.Random, count: int) -> Iterator[str]:
    chosen = [rng.choice(list(known))]
    if rng.random() < 0.4:
        chosen = list(dict.fromkeys((*rng.sample(SOLD, rng.choice((2, 3, 3))), *rng.sample(AROUND, rng.randint(1, 4)))))
    while len(chosen) < count:
        related = [name for name in known if name not in chosen and _related(name, chosen, known)]
        others = [name for name in known if name not in chosen]
        chosen.append(rng.choice(related if related and rng.random() < 0.9 else others))
    rng.shuffle(chosen)
    yield from chosen


def _related(name: str, chosen: Sequence[str], known: Mapping[str, Entity]) -> bool:
    return any(name in known[other].parents or other in known[name].parents for other in chosen)


def _name(names: Sequence[str], rng: random.Random) -> str:
    return names[0] if rng.random() < 0.5 else rng.choice(names)


def _said(field: Field, owner: str, nouns: Mapping[str, str], rng: random.Random) -> str:
    """What this column is called, in words."""
    if not field.refers:
        return _name(field.names, rng)
    if field.refers == owner:
        return rng.choice(ABOVE)
    noun = nouns[field.refers]
    return f"{noun} id" if rng.random() < 0.9 else noun


def _column(name: str, table: int, kind: Kind, *, key: bool = False) -> ColumnView:
    return ColumnView(name, table, name_words(name), kind, "", key)
