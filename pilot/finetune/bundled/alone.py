"""Question templates over one table. Each returns None when the table has no column for it."""

from collections.abc import Callable, Mapping, Sequence

from pilot.finetune.bundled.clauses import Clause, phrase
from pilot.finetune.bundled.craft import ALL, COUNTS, SHORT_INCOME, Craft, Draft, listing, text_of
from pilot.finetune.bundled.english import plural
from pilot.finetune.bundled.lexicon import Role, degree_of
from pilot.finetune.bundled.measures import COUNT, Measure
from pilot.model.text_to_sql.query import Aggregate, Condition, Operator, Order, Part, Query, Term

Template = Callable[[Craft, int], Draft | None]

MEASURED: tuple[Role, ...] = ("number", "price", "money", "pay", "stock", "quantity")
KINDS_OF_ROWS = ("type", "position", "job", "role", "species", "category", "genre", "kind", "title")
AMONG_MANY: tuple[tuple[str, Operator], ...] = (
    ("more than", "GT"), ("at least", "GE"), ("fewer than", "LT"), ("over", "GT"), ("less than", "LT"),
)  # fmt: skip
EXTREMES: tuple[tuple[str, Aggregate], ...] = (
    ("highest", "MAX"), ("maximum", "MAX"), ("lowest", "MIN"), ("minimum", "MIN"), ("average", "AVG"),
)  # fmt: skip


def count(craft: Craft, table: int) -> Draft | None:
    clauses, things = craft.clauses.some(table), craft.domain.nouns(table)
    query = craft.query((table,), (COUNT,), clauses)
    if len(clauses) == 1 and craft.chance(0.4):
        clause = clauses[0]
        if clause.before or clause.text.split()[0] in (
            "in",
            "from",
            "placed",
            "shipped",
            "paid",
            "born",
            "made",
            "out",
        ):
            return f"{craft.say('count state', things)} {clause.text}", query
        if craft.domain.is_event(table) and clause.condition.operator == "STARTS":
            return f"{craft.say('count happened', things)} {clause.text}", query
    return craft.say("count", phrase(things, clauses)), query


def rows(craft: Craft, table: int) -> Draft | None:
    clauses, things = craft.clauses.some(table), craft.domain.nouns(table)
    display = craft.domain.display(table)
    if clauses and display and craft.chance(0.4):
        return craft.say("rows named", phrase(things, clauses)), craft.query((table,), (Term(display),), clauses)
    return craft.shown(craft.say("rows", phrase(things, clauses))), craft.query((table,), (ALL,), clauses)


def called(craft: Craft, table: int) -> Draft | None:
    """Rows by what they are: how many engineers do we have?"""
    columns = [
        column
        for column in craft.domain.columns(table, "kind", "name")
        if any(part in craft.domain.view.columns[column].words.split() for part in KINDS_OF_ROWS)
    ]
    if not columns or len(columns) == len(craft.domain.columns(table, "name")):
        return None
    column = craft.rng.choice(columns)
    value = craft.clauses.cell(column)
    when = craft.when(table, 0.2)
    clauses = [Clause(value, Condition(Term(column), "EQ", (value,))), *when]
    if craft.chance(0.6):
        text = craft.say("called count", plural(value))
        return f"{text} {text_of(when)}", craft.query((table,), (COUNT,), clauses)
    text = craft.say("called", plural(value))
    return f"{text} {text_of(when)}", craft.query((table,), (craft.naming(table),), clauses)


def cells(craft: Craft, table: int) -> Draft | None:
    columns = craft.some_columns(table)
    if not columns:
        return None
    clauses = craft.clauses.some(table, most=1)
    names = [craft.domain.words(column, craft.rng) for column in columns]
    if craft.chance(0.4):
        names = [plural(name) for name in names]
    text = craft.shown(craft.say("cells", n=listing(names), w=phrase(craft.domain.nouns(table), clauses)))
    order: tuple[Order, ...] = ()
    if craft.chance(0.15):
        column, down = craft.rng.choice(columns), craft.chance(0.5)
        text += " " + craft.say("sorted down" if down else "sorted up", craft.domain.words(column, craft.rng))
        order = (Order(Term(column), "DESC" if down else "ASC"),)
    return text, craft.query((table,), tuple(map(Term, columns)), clauses, order=order)


def total(craft: Craft, table: int) -> Draft | None:
    """One number over all rows."""
    measures = craft.measures(table)[1:]
    if not measures:
        return None
    measure = craft.rng.choice(measures)
    name, clauses = craft.rng.choice(measure.names), craft.narrowing(table)
    query = craft.query((table,), (measure.term,), clauses)
    if name in SHORT_INCOME and craft.chance(0.4):
        return f"{craft.say('income', name)} {' and '.join(clause.text for clause in clauses)}", query
    whose = craft.rng.choice(("the", "our", ""))
    return f"{craft.say('begin one')} {whose} {name} {craft.over_rows(table, clauses, name)}", query


def extremes(craft: Craft, table: int) -> Draft | None:
    """The lowest and the highest of a column."""
    columns = craft.domain.columns(table, *MEASURED)
    if not columns:
        return None
    column = craft.rng.choice(columns)
    words, clauses = craft.domain.words(column, craft.rng), craft.narrowing(table)
    things = phrase(craft.domain.nouns(table), clauses)
    (first, one), (second, other) = craft.rng.sample(EXTREMES, 2)
    if one == other or craft.chance(0.5):
        text = craft.say("one number", a=first, w=words, t=things)
        select: tuple[Term, ...] = (Term(column, one),)
    else:
        text = craft.say("two numbers", a=first, b=second, w=words, t=things)
        select = (Term(column, one), Term(column, other))
    return f"{craft.say('begin one')} the {text}", craft.query((table,), select, clauses)


def extreme(craft: Craft, table: int) -> Draft | None:
    """The most expensive product, the latest ten orders."""
    columns = craft.domain.columns(table, *MEASURED, "year", "time")
    if not columns:
        return None
    column, high = craft.rng.choice(columns), craft.chance(0.65)
    clauses = craft.clauses.some(table, most=1) if craft.chance(0.3) else []
    number = craft.rng.choice(COUNTS) if craft.chance(0.45) else None
    noun = craft.domain.nouns(table) if number else craft.domain.noun(table)
    begin = craft.say("the ones") if number else craft.say("the one", craft.domain.noun(table))
    text = f"{begin} {_extreme(craft, column, phrase(noun, clauses), number, high=high)}"
    if craft.domain.roles[column] == "pay" and not number and craft.chance(0.5):
        text, clauses = craft.say("paid most" if high else "paid least", craft.domain.noun(table)), []
    order = (Order(Term(column), "DESC" if high else "ASC"),)
    return text, craft.query((table,), (craft.naming(table),), clauses, order=order, limit=number or 1)


def _extreme(craft: Craft, column: int, what: str, number: object, *, high: bool) -> str:
    words = craft.domain.words(column, craft.rng)
    degree, said = degree_of(words), "" if number is None else str(number)
    if craft.domain.roles[column] == "time":
        if "birth" in words or "born" in words:
            return f"{said} {'youngest' if high else 'oldest'} {what}"
        adjective = craft.say("newest" if high else "oldest")
        return f"{said} {adjective} {what}" if craft.chance(0.4) else f"{adjective} {said} {what}"
    if degree and craft.chance(0.65):
        return f"{said} {craft.rng.choice((degree.most if high else degree.least).split('|'))} {what}"
    if said:
        return craft.say("top" if high else "bottom", n=said, t=what, w=words)
    return craft.say("highest" if high else "lowest", t=what, w=words)


def per_value(craft: Craft, table: int) -> Draft | None:
    """Of one table, for each value of a column."""
    column = craft.grouping(table)
    if column is None:
        return None
    measures = craft.measures(table)
    measure = measures[0] if craft.chance(0.6) else craft.rng.choice(measures)
    words = craft.domain.words(column, craft.rng)
    return per(craft, measure, (table,), column, words, craft.narrowing(table))


def per(
    craft: Craft, measure: Measure, tables: tuple[int, ...], column: int, words: str, clauses: Sequence[Clause]
) -> Draft:
    """A measure of the first table's rows for each value of `column`."""
    name, link = (
        craft.rng.choice(measure.names),
        craft.say("per place" if craft.domain.roles[column] == "place" else "per"),
    )
    if measure.term == COUNT and craft.chance(0.4):
        text = craft.say("count per", t=phrase(craft.domain.nouns(tables[0]), clauses), l=link, w=words)
    else:
        text = craft.shown(f"{name} {craft.over_rows(tables[0], clauses, name)} {link} {words}")
    group = Term(column)
    return text, craft.query(tables, (group, measure.term), clauses, groups=(group,))


def commonest(craft: Craft, table: int) -> Draft | None:
    column = craft.grouping(table)
    if column is None:
        return None
    high, clauses = craft.chance(0.8), craft.narrowing(table)
    key = craft.rng.choice(("commonest", "commonest", "commonest alone")) if high else "rarest"
    if high and craft.domain.roles[column] == "place" and craft.chance(0.3):
        key = "commonest place"
    if key == "commonest alone":
        clauses = []
    words = craft.domain.words(column, craft.rng)
    text = craft.say(key, w=words, t=phrase(craft.domain.nouns(table), clauses))
    group, order = Term(column), (Order(COUNT, "DESC" if high else "ASC"),)
    return text, craft.query((table,), (group,), clauses, groups=(group,), order=order, limit=1)


def different(craft: Craft, table: int) -> Draft | None:
    column = craft.grouping(table)
    if column is None:
        return None
    clauses = craft.clauses.some(table, most=1) if craft.chance(0.2) else []
    parts = {"w": plural(craft.domain.words(column, craft.rng)), "t": phrase(craft.domain.nouns(table), clauses)}
    if craft.chance(0.4):
        term = Term(column, "COUNT", distinct=True)
        return craft.say("different count", **parts), craft.query((table,), (term,), clauses)
    place = craft.domain.roles[column] == "place" and craft.chance(0.5)
    text = craft.say("different place" if place else "different", **parts)
    return text, craft.query((table,), (Term(column),), clauses, distinct=True)


def frequent(craft: Craft, table: int) -> Draft | None:
    column = craft.grouping(table)
    if column is None:
        return None
    number, (said, operator) = craft.rng.randint(1, 50), craft.rng.choice(AMONG_MANY)
    words = plural(craft.domain.words(column, craft.rng))
    text = craft.say("frequent", w=words, s=said, n=number, t=craft.domain.nouns(table))
    having = (Condition(COUNT, operator, (number,)),)
    return text, craft.query((table,), (Term(column),), groups=(Term(column),), having=having)


def beyond_average(craft: Craft, table: int) -> Draft | None:
    columns = craft.domain.columns(table, *MEASURED)
    if not columns:
        return None
    column, high = craft.rng.choice(columns), craft.chance(0.7)
    words, things = craft.domain.words(column, craft.rng), craft.domain.nouns(table)
    text, degree = craft.say("beyond", t=things, w=words, o=craft.say("above" if high else "below")), degree_of(words)
    if degree and craft.chance(0.5):
        text = craft.say(
            "beyond degree", t=things, d=craft.rng.choice((degree.more if high else degree.less).split("|"))
        )
    average = Query((table,), (Term(column, "AVG"),))
    clause = Clause("", Condition(Term(column), "GT" if high else "LT", query=average))
    return craft.shown(text), craft.query((table,), (craft.naming(table),), [clause])


def over_time(craft: Craft, table: int) -> Draft | None:
    """Orders per month."""
    times = craft.domain.columns(table, "time")
    if not times:
        return None
    column = craft.rng.choice(times)
    part: Part = craft.rng.choice(("MONTH", "MONTH", "MONTH", "YEAR", "YEAR", "DAY"))
    measures, things = craft.measures(table), craft.domain.nouns(table)
    measure = craft.rng.choice(measures[:2] if craft.chance(0.7) else measures)
    name, clauses = craft.rng.choice(measure.names), craft.narrowing(table)
    if measure.term == COUNT and craft.chance(0.4):
        name = craft.rng.choice((things, f"how many {things}"))
    what = f"{name} {craft.over_rows(table, clauses, name)}"
    text = f"{what} {craft.say(part)}" if craft.chance(0.85) else f"{craft.say(f'adverb {part}')} {what}"
    if len(times) > 1 and craft.chance(0.4):
        text += f" by {craft.domain.view.columns[column].words}"
    group = Term(column, part=part)
    query = craft.query((table,), (group, measure.term), clauses, groups=(group,))
    return text if name.startswith("how") else craft.shown(text), query


ALONE: Mapping[Template, float] = {
    count: 10, rows: 12, called: 4, cells: 8, total: 7, extremes: 4, extreme: 10, per_value: 8, commonest: 5,
    different: 5, frequent: 3, beyond_average: 3, over_time: 14,
}  # fmt: skip
