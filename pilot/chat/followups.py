"""Follow-up questions without a model: "and in Germany?", "only the top three", "per month", "按名称排序".

A follow-up is read as a row of common phrases that together make up all of it; each becomes a change to the statement
before. What holds anything else is no follow-up that is known here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial

from sqlglot import exp

from pilot.chat.edits import Edit, Place, Unfit
from pilot.chat.explain import speaker
from pilot.chat.naming import Named, find
from pilot.chat.phrases import ENDING, FALLING, MORE, OPENING, OPERATORS, PHRASES, RISING, SEPARATOR, UNITS, Change
from pilot.chat.slots import Slot, mask, mentioned
from pilot.chat.statements import parsed
from pilot.chat.wording.order import in_order
from pilot.chat.wording.spacing import tidy
from pilot.chat.wording.speaker import Speaker
from pilot.datasource.values import ValueIndex
from pilot.dates import Relation
from pilot.dates import find as find_times
from pilot.i18n import Texts
from pilot.schema import Schema, ValueHit


@dataclass(frozen=True)
class FollowUp:
    """The statement that a follow-up makes of the one before, not yet checked, and what was changed, in words."""

    sql: str
    meaning: tuple[str, ...]


@dataclass(frozen=True)
class Before:
    """What was asked and answered before."""

    question: str
    sql: str


@dataclass
class _Reader:
    """One follow-up while it is read."""

    edit: Edit
    say: Speaker
    slots: Sequence[Slot]
    relations: dict[int, Relation]  # of the slots that are times
    before: Sequence[tuple[str, ValueHit]]  # values of the question before, with the word in front of each
    also: bool

    def told(self, key: str, **values: str | int) -> str:
        return tidy(self.say.texts(f"ask.follow.{key}", **values), self.say.texts.language)


def read(
    question: str,
    before: Before,
    schema: Schema,
    values: ValueIndex | None,
    today: date,
    texts: Texts,
) -> FollowUp | None:
    """None when this is no follow-up of a common form, or the statement before cannot be changed in this way."""
    slots = mask(question, mentioned(question, values), today).slots
    said = {time.start: time.relation for time in find_times(question, today)}
    rest = _normal(question, slots)
    relations = {number: said[slot.start] for number, slot in enumerate(slots) if slot.start in said}
    told_before = list(_said_before(before.question, values, today))
    try:
        edit = Edit(parsed(before.sql, schema.dialect), schema)
        reader = _Reader(edit, speaker(schema, texts), slots, relations, told_before, MORE.search(rest) is not None)
        meaning = tuple(_changes(reader, rest))
    except Unfit:
        return None
    return FollowUp(str(reader.edit.tree.sql(schema.dialect)), meaning) if meaning else None


def asks_share(question: str) -> bool:
    """Whether all that is asked is "as a percentage": alone, it asks nothing."""
    rest = _opened(_normal(question, ()))
    found = (pattern.match(rest) for pattern, change in _phrases() if change == "share")
    return any(each is not None and _ended(rest[each.end() :]) == "" for each in found)


def _normal(question: str, slots: Sequence[Slot]) -> str:
    """In small letters, with <v0>, <n1>, <t2> in place of values, numbers and times, without marks at the end."""
    text, at = "", 0
    for number, slot in enumerate(slots):
        kind = slot.kind[0]
        text += f"{question[at : slot.start].lower()}<{kind}{number}>"
        at = slot.end
    text += question[at:].lower()
    return re.sub(r"\s+", " ", re.sub(r"[?!.？！。…]+\s*$", "", text)).strip()


def _said_before(question: str, values: ValueIndex | None, today: date) -> Iterator[tuple[str, ValueHit]]:
    for slot in mask(question, mentioned(question, values), today).slots:
        words = re.findall(r"\w+", question[: slot.start].lower())
        yield from ((words[-1] if words else "", hit) for hit in slot.hits)


def _changes(reader: _Reader, rest: str) -> Iterator[str]:
    """Phrase after phrase; raises Unfit at the first that is not known."""
    rest = _opened(rest)
    while rest:
        for pattern, change in _phrases():
            found = pattern.match(rest)
            end = _ended(rest[found.end() :]) if found else None
            if found and end is not None:
                yield CHANGES[change](reader, found)
                rest = end
                break
        else:
            raise Unfit(rest)


def _opened(text: str) -> str:
    """Without the words that only lead on."""
    while found := OPENING.match(text):
        text = text[found.end() :]
    return text.strip()


def _ended(text: str) -> str | None:
    """What comes behind a phrase, if the phrase can end here."""
    if ENDING.fullmatch(text):
        return ""
    trimmed = re.sub(r"^(?:\s+(?:please|instead|only|too|as well)|的)", "", text)
    separated = SEPARATOR.match(trimmed)
    return _opened(trimmed[separated.end() :]) if separated else None


# What each phrase does


def _filter(reader: _Reader, found: re.Match[str], *, exclude: bool) -> str:
    """With what was said in the same words before, the value takes its place: "in Munich", then "in Germany"."""
    slots = [reader.slots[int(number)] for number in re.findall(r"<v(\d+)>", found[0])]
    _check_thing(reader, found)
    place = _place(reader, slots)
    values = tuple(dict.fromkeys(hit.value for slot in slots for hit in slot.hits if _is_at(hit, place)))
    if len(values) < len(slots):
        raise Unfit("values of several columns")
    said = found.groupdict().get("before") or ""
    old = [] if exclude else reader.edit.filtered(place)
    for word, hit in reader.before:
        if not old and not exclude and said and word == said:
            old = _conditions_with(reader, hit)
    told_old = [reader.say.condition(condition) for condition in old]
    made = reader.edit.keep(place, values, exclude=exclude, instead_of=old)
    told = reader.say.condition(made)
    if told_old:
        return reader.told("where_instead", condition=told, old=reader.say.list(told_old))
    return reader.told("where", condition=told)


def _conditions_with(reader: _Reader, hit: ValueHit) -> list[exp.Expr]:
    table = reader.edit.schema.table(hit.table)
    column = table.column(hit.column) if table else None
    found = reader.edit.filtered(Place(table, column)) if table and column else []
    return [condition for condition in found if any(each.name == hit.value for each in condition.find_all(exp.Literal))]


def _place(reader: _Reader, slots: Sequence[Slot]) -> Place:
    """The column that holds all the values: one that is filtered already, else one of a table that is read, else one
    that is joined easily.
    """
    schema, edit = reader.edit.schema, reader.edit
    shared = [{(hit.table, hit.column) for hit in slot.hits} for slot in slots]
    common = set.intersection(*shared)
    places = [
        Place(table, column)
        for name, column_name in sorted(common)
        if (table := schema.table(name)) and (column := table.column(column_name))
    ]
    ranked = sorted(
        (place for place in places if edit.reaches(place.table)),
        key=lambda place: (not edit.filtered(place), place.table.name not in edit.tables),
    )
    if not ranked:
        raise Unfit("no column has it")
    return ranked[0]


def _is_at(hit: ValueHit, place: Place) -> bool:
    return (hit.table, hit.column) == (place.table.name, place.column.name)


def _check_thing(reader: _Reader, found: re.Match[str]) -> None:
    """What is filtered may be named again: "paid orders"."""
    thing = (found.groupdict().get("thing") or "").strip()
    named = find(thing, reader.edit.schema, reader.edit.tables) if thing else None
    if thing and (named is None or named.column is not None or named.table.name not in reader.edit.tables):
        raise Unfit(thing)


def _during(reader: _Reader, found: re.Match[str]) -> str:
    number = int(found["t"])
    slot = reader.slots[number]
    assert slot.period is not None
    relation = reader.relations.get(number, "in")
    _check_thing(reader, found)
    made = reader.edit.during(reader.edit.time_place(), slot.period, relation)
    told = reader.say.list([reader.say.condition(test) for test in made], word="chat.list.and_if")
    return reader.told("where", condition=told)


def _first(reader: _Reader, found: re.Match[str], *, largest: bool | None) -> str:
    count = int(reader.slots[int(found["n"])].number) if found["n"] else 1
    if not count:
        raise Unfit("no row")
    _check_thing(reader, found)
    order = reader.edit.first(count, largest=largest)
    told = reader.told("first", count=count)
    sorted_by = reader.told("sorted", order=in_order(reader.say, order)) if order is not None else ""
    return reader.say.texts("ask.follow.then", first=sorted_by, last=told) if sorted_by else told


def _everything(reader: _Reader, _: re.Match[str]) -> str:
    reader.edit.first(None, largest=None)
    return reader.told("everything")


def _sort(reader: _Reader, found: re.Match[str]) -> str:
    way = found.groupdict().get("way") or ""
    name: Named | exp.Expr | None
    descending = True if re.search(FALLING, way) else False if re.search(RISING, way) else None
    said = (found.groupdict().get("name") or "").strip()
    if said or "alphabet" in found[0]:
        name = reader.edit.shown(said) or _named(reader, said or "name")
    elif descending is None:
        raise Unfit("by what?")
    else:
        name = None
    order = reader.edit.sort(name, descending=descending)
    return reader.told("sorted", order=in_order(reader.say, order))


def _reverse(reader: _Reader, _: re.Match[str]) -> str:
    return reader.told("sorted", order=in_order(reader.say, reader.edit.reverse()))


def _group(reader: _Reader, found: re.Match[str]) -> str:
    said = found["name"].strip()
    unit = UNITS.get(said.removesuffix("s"))
    key = reader.edit.group(unit or _named(reader, said), also=reader.also)
    return reader.told("grouped", x=reader.say.value(key))


def _share(reader: _Reader, _: re.Match[str]) -> str:
    return reader.told("percent", x=reader.say.value(reader.edit.share()))


def _count(reader: _Reader, _: re.Match[str]) -> str:
    reader.edit.count()
    return reader.told("counted")


def _show(reader: _Reader, found: re.Match[str]) -> str:
    return reader.told("shown", x=reader.say.value(reader.edit.show(_named(reader, found["name"].strip()))))


def _compare(reader: _Reader, found: re.Match[str]) -> str:
    operator = next(sign for words, sign in OPERATORS if re.fullmatch(words, found["than"]))
    said = (found["name"] or "").strip()
    place = None
    if said:
        name = _named(reader, said)
        if name.column is None:
            raise Unfit(said)
        place = Place(name.table, name.column)
    number = reader.slots[int(found["n"])].number
    made = reader.edit.compare(operator, f"{number:g}" if isinstance(number, float) else str(number), place)
    return reader.told("where", condition=reader.say.condition(made))


def _named(reader: _Reader, said: str) -> Named:
    name = find(said, reader.edit.schema, reader.edit.tables)
    if name is None:
        raise Unfit(said)
    return name


CHANGES: dict[Change, Callable[[_Reader, re.Match[str]], str]] = {
    "filter": partial(_filter, exclude=False), "without": partial(_filter, exclude=True), "during": _during,
    "top": partial(_first, largest=True), "first": partial(_first, largest=None),
    "bottom": partial(_first, largest=False), "everything": _everything, "sort": _sort, "reverse": _reverse,
    "group": _group, "share": _share, "count": _count, "compare": _compare, "show": _show,
}  # fmt: skip


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], Change], ...]:
    return tuple((re.compile(pattern), change) for change, pattern in PHRASES)
