"""Question templates over tables that foreign keys join. Each returns None when the path has no columns for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from pilot.finetune.bundled.alone import AMONG_MANY, MEASURED, per
from pilot.finetune.bundled.clauses import Clause, phrase
from pilot.finetune.bundled.craft import COUNTS, Craft, Draft, listing, text_of
from pilot.finetune.bundled.domain import Path
from pilot.finetune.bundled.english import plural
from pilot.finetune.bundled.lexicon import degree_of
from pilot.finetune.bundled.measures import COUNT, Measure
from pilot.model.text_to_sql.query import Condition, Order, Term

Template = Callable[[Craft, Path], Draft | None]

ORDERS = ("order", "purchase")
UNITS = ("units sold", "quantity sold", "number of units sold", "items sold")
SPENT = ("total spending", "money spent", "spend")
ONE_TO_MANY = (("has ", "have "), ("is ", "are "), ("was ", "were "), ("sells ", "sell "), ("spends ", "spend "))


def measured_per(craft: Craft, path: Path) -> Draft | None:
    """Revenue per country, number of orders for each customer."""
    measure, clauses = craft.measure(path), craft.narrowing(path.tables[0])
    attribute = craft.grouping(path.top) if craft.chance(0.5) else None
    one = craft.domain.noun(path.top)
    if attribute is not None:
        words = craft.domain.words(attribute, craft.rng)
        if craft.chance(0.3):
            words = f"{one} {craft.domain.view.columns[attribute].words}"
        return per(craft, measure, path.tables, attribute, words, clauses)
    display, key = craft.domain.display(path.top), craft.domain.key(path.top)
    if display is None or key is None:
        return None
    name = craft.rng.choice(measure.names)
    text = craft.shown(f"{name} {craft.over_rows(path.tables[0], clauses, name)} {craft.say('per')} {one}")
    if measure.term == COUNT and craft.chance(0.35):
        text = craft.say("count per one", t=phrase(craft.domain.nouns(path.tables[0]), clauses), w=one)
    return text, craft.query(path.tables, (Term(display), measure.term), clauses, groups=(Term(key),))


def best(craft: Craft, path: Path) -> Draft | None:
    """Which five products sold best?"""
    measure = craft.measure(path)
    attribute = craft.grouping(path.top) if craft.chance(0.3) else None
    shown = attribute or craft.domain.display(path.top)
    group = attribute or craft.domain.key(path.top)
    if not measure.tops or shown is None or group is None:
        return None
    high = not measure.bottoms or craft.chance(0.8)
    one = craft.domain.words(attribute, craft.rng) if attribute else craft.domain.noun(path.top)
    when = craft.when(path.tables[0], 0.2)
    number = craft.rng.choice(COUNTS) if craft.chance(0.5) else None
    several = number is not None or craft.chance(0.1)
    adjective = craft.rng.choice(measure.adjectives) if measure.adjectives and high and not attribute else ""
    if several:
        text = _best_many(craft, measure, plural(one), number, adjective, high=high)
    else:
        text = _best_one(craft, measure, one, adjective, high=high)
    select = (Term(shown), measure.term) if several else (Term(shown),)
    order = (Order(measure.term, "DESC" if high else "ASC"),)
    limit = number if several else 1
    query = craft.query(path.tables, select, when, groups=(Term(group),), order=order, limit=limit)
    return f"{text} {text_of(when)}", query


def _best_one(craft: Craft, measure: Measure, one: str, adjective: str, *, high: bool) -> str:
    if adjective and craft.chance(0.4):
        return craft.say("best adjective", a=adjective, t=one)
    deed, name = craft.rng.choice(measure.tops if high else measure.bottoms), craft.rng.choice(measure.names)
    return craft.say("best" if high else "worst", t=one, d=deed, m=name)


def _best_many(craft: Craft, measure: Measure, many: str, number: object, adjective: str, *, high: bool) -> str:
    deed, name = craft.rng.choice(measure.tops if high else measure.bottoms), craft.rng.choice(measure.names)
    for one, several in ONE_TO_MANY:
        deed = several + deed.removeprefix(one) if deed.startswith(one) else deed
    if number is None:
        return craft.say("ranked", t=many, d=deed, m=name)
    if adjective and craft.chance(0.4):
        return craft.say("best adjective n", n=number, a=adjective, t=many)
    return craft.say("best n" if high else "worst n", n=number, t=many, d=deed, m=name)


def over_limit(craft: Craft, path: Path) -> Draft | None:
    """Customers with more than five orders, or that spent over 1000."""
    display, key = craft.domain.display(path.top), craft.domain.key(path.top)
    if display is None or key is None:
        return None
    many, (said, operator) = craft.domain.nouns(path.top), craft.rng.choice(AMONG_MANY)
    measure = craft.measure(path)
    if measure.term == COUNT or craft.chance(0.5):
        term, number = COUNT, craft.rng.choice((1, 2, 3, 5, 10, 20, 50, 100))
        text = craft.say("more than", m=many, s=said, n=number, t=craft.domain.nouns(path.tables[0]))
    else:
        term, number = measure.term, craft.rng.choice((50, 100, 500, 1000, 5000, 10000, 100000))
        text = craft.say("total more than", m=many, s=said, n=number, t=craft.rng.choice(measure.names))
    having = (Condition(term, operator, (number,)),)
    return text, craft.query(path.tables, (Term(display),), groups=(Term(key),), having=having)


def without(craft: Craft, path: Path) -> Draft | None:
    """Customers who never ordered; products that nobody bought last year."""
    child, parent = path.tables[:2]
    key = craft.domain.key(parent)
    if key is None:
        return None
    clauses = craft.clauses.some(parent, most=1) if craft.chance(0.25) else []
    when, many = craft.when(child, 0.2), phrase(craft.domain.nouns(parent), clauses)
    text = craft.say("without", m=many, t=phrase(craft.domain.nouns(child), when))
    if _is_order(craft, child) and craft.chance(0.6):
        text = f"{craft.say('never ordered', m=many)} {text_of(when)}"
    if craft.domain.sells(child, parent) and craft.chance(0.6):
        text, when = craft.say("never sold", m=many), []
    inner = craft.query((child,), (Term(path.keys[0]),), when)
    never = Clause("", Condition(Term(key), "NOTIN", query=inner))
    query = craft.query((parent,), (craft.naming(parent),), [*clauses, never])
    if text.startswith("which"):
        return text, query
    return (f"how many {text}", replace(query, select=(COUNT,))) if craft.chance(0.2) else (craft.shown(text), query)


def with_some(craft: Craft, path: Path) -> Draft | None:
    """Customers who ordered last month."""
    display, child = craft.domain.display(path.top), path.tables[0]
    clause = craft.clauses.timed(child) if craft.chance(0.5) else craft.clauses.one(child)
    if display is None or clause is None:
        return None
    many = craft.domain.nouns(path.top)
    text = craft.say("with", m=many, t=phrase(craft.domain.nouns(child), [clause]))
    if _is_order(craft, child) and clause.condition.operator == "STARTS" and craft.chance(0.6):
        text = craft.say("ordered", m=many, w=clause.text)
    return text, craft.query(path.tables, (Term(display),), [clause], distinct=True)


def of_named(craft: Craft, path: Path) -> Draft | None:
    """Orders by Anna Schmidt; how many units of Earl Grey were sold?"""
    display, child = craft.domain.display(path.top), path.tables[0]
    if display is None:
        return None
    value, when = craft.clauses.cell(display), craft.when(child, 0.2)
    who = craft.rng.choice((value, value, f"{craft.domain.noun(path.top)} {value}", f"'{value}'"))
    clauses = [Clause(value, Condition(Term(display), "EQ", (value,))), *when]
    chance, things = craft.rng.random(), craft.domain.nouns(child)
    if chance < 0.3:
        text, term = craft.say("count of named", t=things, v=who), COUNT
    elif chance < 0.6:
        text, term = _measure_of_named(craft, path, who)
    elif craft.domain.goods_of(path) is not None and craft.chance(0.5):
        return _bought(craft, path, who, clauses[0])
    else:
        text = craft.shown(craft.say("of named", t=things, v=who))
        term = craft.standing_for(child, path.keys[0])
    return f"{text} {text_of(when)}", craft.query(path.tables, (term,), clauses)


def _measure_of_named(craft: Craft, path: Path, who: str) -> tuple[str, Term]:
    measure = craft.measure(path)
    name = craft.rng.choice(measure.names)
    key = "units of named" if name in UNITS else "spent by named" if name in SPENT else "revenue of named"
    if (name in (*UNITS, *SPENT) or name == "revenue") and craft.chance(0.7):
        return craft.say(key, v=who), measure.term
    return craft.say("measure of named", b=craft.say("begin one"), n=name, v=who), measure.term


def _bought(craft: Craft, path: Path, who: str, named: Clause) -> Draft | None:
    product = craft.domain.goods_of(path)
    display = craft.domain.display(product) if product is not None else None
    if product is None or display is None:
        return None
    text = craft.say("bought by named", v=who, m=craft.domain.nouns(product))
    return text, craft.query((*path.tables, product), (Term(display),), [named], distinct=True)


def of_group(craft: Craft, path: Path) -> Draft | None:
    """Orders from customers in Germany; revenue in France last year."""
    clause, child = craft.clauses.one(path.top), path.tables[0]
    if clause is None or clause.condition.operator in ("LIKE", "STARTS", "ENDS"):
        return None
    things, when = craft.domain.nouns(child), craft.when(child, 0.2)
    group = f"{craft.rng.choice(('of', 'from', 'by', 'for'))} {phrase(craft.domain.nouns(path.top), [clause])}"
    if craft.domain.roles[clause.condition.term.column] == "place" and craft.chance(0.4):
        group = clause.text
    chance = craft.rng.random()
    if chance < 0.4:
        text, term = craft.say("count of group", t=things, g=group), COUNT
    elif chance < 0.75:
        measure = craft.measure(path)
        text, term = f"{craft.say('begin one')} the {craft.rng.choice(measure.names)} {group}", measure.term
    else:
        text, term = craft.shown(f"{things} {group}"), craft.standing_for(child, path.keys[0])
    return f"{text} {text_of(when)}", craft.query(path.tables, (term,), [clause, *when])


def participants(craft: Craft, path: Path) -> Draft | None:
    """How many customers ordered something in 2024? Each counts once."""
    child, parent = path.tables[:2]
    thing, many, when = craft.domain.noun(child), craft.domain.nouns(parent), craft.when(child, 0.6)
    text = craft.say("participants", m=many, t=craft.domain.nouns(child), o=thing, a=f"{_article(thing)} {thing}")
    if _is_order(craft, child) and craft.chance(0.6):
        text = craft.say("participants ordered", m=many)
    if craft.domain.sells(child, parent) and craft.chance(0.6):
        text, when = craft.say("participants sold", m=many), []
    each = Term(path.keys[0], "COUNT", distinct=True)
    return f"{text} {text_of(when)}", craft.query((child,), (each,), when)


def side_by_side(craft: Craft, path: Path) -> Draft | None:
    """Price and quantity of order items with their product."""
    child, parent = path.tables[:2]
    ours, theirs = craft.some_columns(child), craft.domain.display(parent)
    if not ours or theirs is None:
        return None
    clauses = craft.clauses.some(child, most=1) if craft.chance(0.4) else []
    names = listing([craft.domain.words(column, craft.rng) for column in ours])
    things = phrase(craft.domain.nouns(child), clauses)
    text = craft.shown(craft.say("side by side", n=names, t=things, p=craft.domain.noun(parent)))
    return text, craft.query((child, parent), (*map(Term, ours), Term(theirs)), clauses)


def extreme_per(craft: Craft, path: Path) -> Draft | None:
    """The highest price in each category."""
    child, parent = path.tables[0], path.top
    columns = craft.domain.columns(child, *MEASURED)
    display, key = craft.domain.display(parent), craft.domain.key(parent)
    if not columns or display is None or key is None:
        return None
    column, high = craft.rng.choice(columns), craft.chance(0.7)
    words, one = craft.domain.words(column, craft.rng), craft.domain.noun(parent)
    most = craft.rng.choice(("highest", "maximum", "largest") if high else ("lowest", "minimum", "smallest"))
    text, degree = craft.say("extreme per", m=most, w=words, t=craft.domain.nouns(child), p=one), degree_of(words)
    if degree and craft.chance(0.5):
        adjective = craft.rng.choice((degree.most if high else degree.least).split("|"))
        text = craft.say("adjective per", a=adjective, t=craft.domain.noun(child), p=one)
    term = Term(column, "MAX" if high else "MIN")
    return craft.shown(text), craft.query(path.tables, (Term(display), term), groups=(Term(key),))


def _is_order(craft: Craft, table: int) -> bool:
    return craft.domain.noun(table).split()[-1] in ORDERS


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


RELATED: Mapping[Template, float] = {
    measured_per: 18, best: 22, over_limit: 5, without: 7, with_some: 5, of_named: 10, of_group: 8, participants: 5,
    side_by_side: 4, extreme_per: 4,
}  # fmt: skip
