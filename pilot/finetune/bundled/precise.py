"""Question templates for what a run that had never seen 20 databases got wrong: which column of several is meant.

Over one table, as those of `alone`: rows by their number or id, several columns in the order of one of them, from here
to there, one value or another, two columns to group by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pilot.finetune.bundled.alone import MEASURED, Template
from pilot.finetune.bundled.clauses import Clause, phrase
from pilot.finetune.bundled.craft import ALL, COUNTS, Craft, Draft, listing
from pilot.finetune.bundled.english import plural
from pilot.finetune.bundled.measures import COUNT
from pilot.model.text_to_sql.query import Condition, Order, Query, Term
from pilot.model.text_to_sql.words import listed

WAYS = (  # words of two columns of places or people: where something begins, and where it ends
    (listed("origin from departure source sender giver start home pickup"),
     listed("destination to arrival target receiver recipient end away dropoff")),
)  # fmt: skip
PEOPLE = listed("sender giver receiver recipient")
IDENTIFYING = frozenset(listed("number id code"))


def ordered_cells(craft: Craft, table: int) -> Draft | None:
    """Name and price of products in the order of their weight: not of the first that is shown."""
    columns, orders = craft.some_columns(table), craft.domain.columns(table, *MEASURED, "year", "time", "name")
    if not columns or not orders:
        return None
    sorted_by = craft.rng.choice(orders)
    clauses, down = craft.clauses.some(table, most=1) if craft.chance(0.3) else [], craft.chance(0.5)
    text = _cells(craft, table, columns, clauses)
    text += f" {craft.say('sorted down' if down else 'sorted up', craft.domain.words(sorted_by, craft.rng))}"
    order = (Order(Term(sorted_by), "DESC" if down else "ASC"),)
    return craft.shown(text), craft.query((table,), tuple(map(Term, columns)), clauses, order=order)


def extreme_cells(craft: Craft, table: int) -> Draft | None:
    """The number and the distance of the flight with the highest price."""
    columns, ranks = craft.some_columns(table), craft.domain.columns(table, *MEASURED, "year")
    if not columns or not ranks:
        return None
    ranked_by = craft.rng.choice(ranks)
    high, number = craft.chance(0.65), craft.rng.choice(COUNTS) if craft.chance(0.3) else None
    noun = craft.domain.nouns(table) if number else craft.domain.noun(table)
    words = craft.domain.words(ranked_by, craft.rng)
    if number:
        which = craft.say("top" if high else "bottom", n=number, t=noun, w=words)
    else:
        which = craft.say("highest" if high else "lowest", t=noun, w=words)
    names = listing([craft.domain.words(column, craft.rng) for column in columns])
    order = (Order(Term(ranked_by), "DESC" if high else "ASC"),)
    query = craft.query((table,), tuple(map(Term, columns)), order=order, limit=number or 1)
    return craft.shown(craft.say("cells of one", n=names, t=which)), query


def of_number(craft: Craft, table: int) -> Draft | None:
    """What is the price of flight number 99?"""
    key = craft.domain.key(table)
    if key is None:
        return None
    number, columns = craft.rng.randint(1, 2000), craft.some_columns(table)
    last = craft.domain.view.columns[key].words.split()[-1]
    said = last if last in IDENTIFYING else "id"
    which = craft.say("of number", t=craft.domain.noun(table), k=said, v=number)
    clause = Clause("", Condition(Term(key), "EQ", (number,)))
    if not columns or craft.chance(0.2):
        return craft.shown(which), craft.query((table,), (ALL,), [clause])
    names = listing([craft.domain.words(column, craft.rng) for column in columns])
    return craft.shown(craft.say("cells of one", n=names, t=which)), craft.query(
        (table,), tuple(map(Term, columns)), [clause]
    )


def numbers(craft: Craft, table: int) -> Draft | None:
    """The numbers of all flights that ...: what they are called by, not how many they are."""
    key = craft.domain.key(table)
    if key is None:
        return None
    clauses = craft.clauses.some(table)
    last = craft.domain.view.columns[key].words.split()[-1]
    said = plural(last if last in IDENTIFYING else "id")
    if craft.chance(0.5):
        text = f"the {said} of {craft.rng.choice(('', 'the ', 'all '))}{phrase(craft.domain.nouns(table), clauses)}"
    else:
        things = phrase(f"{craft.domain.noun(table)} {said}", [each for each in clauses if not each.before])
        clauses = [each for each in clauses if not each.before]
        text = f"{craft.rng.choice(('', 'the ', 'all '))}{things}"
    return f"{craft.say('begin')} {text}", craft.query((table,), (Term(key),), clauses)


def ways(craft: Craft, table: int) -> Draft | None:
    """Flights from Berlin to Lyon; the average price of those that come from Berlin."""
    pair = _ends(craft, table)
    if pair is None:
        return None
    (start, end), things = pair, craft.domain.nouns(table)
    here, there = (_end(craft, column) for column in pair)
    chance = craft.rng.random()
    clauses = [Clause("", Condition(Term(start), "EQ", (here,))), Clause("", Condition(Term(end), "EQ", (there,)))]
    if chance < 0.4:
        text = craft.say("from to", t=things, a=here, b=there)
    elif chance < 0.75:
        text, clauses = craft.say("from here", t=things, a=here), clauses[:1]
    else:
        text, clauses = craft.say("to there", t=things, b=there), clauses[1:]
    columns, measures = craft.some_columns(table), craft.measures(table)[1:]
    chance = craft.rng.random()
    if chance < 0.3:
        return craft.say("count", text), craft.query((table,), (COUNT,), clauses)
    if chance < 0.5 and measures:
        measure = craft.rng.choice(measures)
        name = craft.rng.choice([name for name in measure.names if things not in name] or measure.names)
        return f"{craft.say('begin one')} the {name} of {text}", craft.query((table,), (measure.term,), clauses)
    if chance < 0.8 and columns:
        names = listing([craft.domain.words(column, craft.rng) for column in columns])
        query = craft.query((table,), tuple(map(Term, columns)), clauses)
        return craft.shown(craft.say("cells", n=names, w=text)), query
    return craft.shown(text), craft.query((table,), (ALL,), clauses)


def either(craft: Craft, table: int) -> Draft | None:
    """Orders that are pending or paid."""
    column = craft.grouping(table)
    if column is None:
        return None
    one, other = craft.clauses.cell(column), craft.clauses.cell(column)
    if one == other:
        return None
    things, words = craft.domain.nouns(table), craft.domain.words(column, craft.rng)
    text = craft.say("either", t=things, w=words, a=one, b=other)
    first, second = (Condition(Term(column), "EQ", (value,)) for value in (one, other))
    where = (first, replace(second, connective="OR"))
    if craft.chance(0.4):
        return craft.say("count", text), Query((table,), (COUNT,), where=where)
    return craft.shown(text), Query((table,), (craft.naming(table),), where=where)


def per_two(craft: Craft, table: int) -> Draft | None:
    """How many employees are there for each department and gender?"""
    columns = craft.domain.columns(table, "place", "kind")
    if len(columns) < 2:
        return None
    one, other = craft.rng.sample(columns, 2)
    words = f"{craft.domain.words(one, craft.rng)} and {craft.domain.words(other, craft.rng)}"
    text = craft.say("count per", t=craft.domain.nouns(table), l=craft.say("per"), w=words)
    groups = (Term(one), Term(other))
    return text, craft.query((table,), (*groups, COUNT), groups=groups)


def extremes_per(craft: Craft, table: int) -> Draft | None:
    """The lowest and the highest price of each brand."""
    group, columns = craft.grouping(table), craft.domain.columns(table, *MEASURED)
    if group is None or not columns:
        return None
    column, low_first = craft.rng.choice(columns), craft.chance(0.5)
    said = [craft.rng.choice(("lowest", "minimum", "smallest")), craft.rng.choice(("highest", "maximum", "largest"))]
    terms = [Term(column, "MIN"), Term(column, "MAX")]
    if not low_first:
        said, terms = said[::-1], terms[::-1]
    name, words = craft.domain.words(group, craft.rng), craft.domain.words(column, craft.rng)
    text = craft.say("two numbers", a=said[0], b=said[1], w=words, t=craft.domain.nouns(table))
    shown = craft.rng.choice(("{w} and the {t} for each", "the {t} for each {w}", "each {w} with the {t}"))
    text = shown.format(w=name, t=text) + (f" {name}" if shown.endswith("each") else "")
    return craft.shown(text), craft.query((table,), (Term(group), *terms), groups=(Term(group),))


def _cells(craft: Craft, table: int, columns: Sequence[int], clauses: Sequence[Clause]) -> str:
    names = listing([craft.domain.words(column, craft.rng) for column in columns])
    return craft.say("cells", n=names, w=phrase(craft.domain.nouns(table), clauses))


def _ends(craft: Craft, table: int) -> tuple[int, int] | None:
    """Two columns of text that say where something begins and where it ends."""
    texts = [
        column for column in craft.domain.view.columns_of[table] if craft.domain.view.columns[column].kind == "text"
    ]
    for starts, ends in WAYS:
        for one in texts:
            for other in texts:
                if _has(craft, one, starts) and _has(craft, other, ends):
                    return one, other
    return None


def _end(craft: Craft, column: int) -> str:
    people = _has(craft, column, PEOPLE)
    return craft.clauses.values.name(craft.rng) if people else craft.clauses.values.of("city", craft.rng)


def _has(craft: Craft, column: int, words: Sequence[str]) -> bool:
    return any(word in words for word in craft.domain.view.columns[column].words.split())


PRECISE: Mapping[Template, float] = {
    ordered_cells: 7, extreme_cells: 7, of_number: 4, numbers: 4, ways: 6, either: 4, per_two: 3, extremes_per: 3,
}  # fmt: skip
