"""How a statement fits the question's own words, whatever model wrote it: its numbers and how they compare, its order,
and what is compared with what. Candidates are weighed by it; alone it refuses nothing.
"""

import math
import re
from collections.abc import Iterator, Mapping

from sqlglot import exp

from pilot.chat.naming import CHINESE, stems
from pilot.chat.statements import table_of
from pilot.datasource.functions import words
from pilot.numbers import NUMBER_WORDS, number
from pilot.schema import Schema

# What a vote counts for a statement that
TURNED = 0.1  # compares a number of the question in another way: = 30 where it says "30 or younger",
INVENTED = 0.2  # compares with a number that the question does not say,
FUTILE = 0.1  # orders the one row that an aggregate of all rows is,
UNLIKE = 0.3  # compares one thing with the average, the least or the most of another,
CUT = 0.2  # shows the first row where the question names an order, and no first or last in it,
MISORDERED = 0.1  # or orders by something else than the question does

Amount = int | float
Operator = type[exp.Expr]

OPERATORS = (exp.EQ, exp.NEQ, exp.GT, exp.LT, exp.GTE, exp.LTE)
TURNS: Mapping[Operator, Operator] = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE}
WHOLE: Mapping[Operator, Operator] = {exp.GT: exp.GTE, exp.LT: exp.LTE}  # with an EQ beside
SPELLED = r"\d[\d,]*(?:\.\d+)?"
NUMBER = rf"(?P<number>{SPELLED}|{'|'.join(NUMBER_WORDS)})"
MORE = "(?:more|older|above|over|higher|larger|greater|bigger|longer|later|taller|heavier)"
LESS = "(?:less|fewer|younger|below|under|lower|smaller|shorter|earlier|cheaper|lighter)"
SAID: tuple[tuple[re.Pattern[str], Operator], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), operator)
    for pattern, operator in (
        (rf"\b{NUMBER}(?: \w+){{0,2}} or {MORE}\b", exp.GTE),
        (rf"\b{NUMBER}(?: \w+){{0,2}} or {LESS}\b", exp.LTE),
        (rf"\b(?:at least|no less than|not less than) {NUMBER}\b", exp.GTE),
        (rf"\b(?:at most|no more than|not more than|up to) {NUMBER}\b", exp.LTE),
        (rf"(?<!no )(?<!not )\b{MORE} than {NUMBER}\b(?! or\b)", exp.GT),
        (rf"(?<!no )(?<!not )\b{LESS} than {NUMBER}\b(?! or\b)", exp.LT),
    )
)
SCALED = re.compile(
    r"\b(?:hundred|thousand|million|billion|dozen|half|double|twice|percent|quarter)\b|\d[km]\b|%", re.IGNORECASE
)
ORDERED = re.compile(
    r"\b(?:ascending|descending|alphabetical(?:ly)?|sorted|ordered|in (?:the )?order)\b", re.IGNORECASE
)
RANGED = re.compile(r"\bfrom (?:the )?(?:\w+ )?\w+ to (?:the )?(?:\w+ )?\w+", re.IGNORECASE)
BY = re.compile(r"\b(?:order of|(?:order|ordered|sort|sorted|order them|sort them) by) (?P<by>[\w ]+)", re.IGNORECASE)
ALPHABETICAL = re.compile(r"\balphabetical", re.IGNORECASE)
TIMES = frozenset(words("date time year month day timestamp datetime"))
EXTREMES = frozenset(words("first last top bottom most least best worst maximum minimum max min"))
SUPERLATIVE = re.compile(r".{2,}est")


def fit(question: str, tree: exp.Expr, schema: Schema) -> float:
    """1, or less for each sign that this is not what was asked."""
    signs = (
        (TURNED, _turned(question, tree)),
        (INVENTED, _invented(question, tree, schema)),
        (FUTILE, any(map(_futile, tree.find_all(exp.Select)))),
        (UNLIKE, any(map(_unlike, tree.find_all(*OPERATORS)))),
        (CUT, _cut(question, tree)),
        (MISORDERED, _misordered(question, tree, schema)),
    )
    return math.prod(weight for weight, shows in signs if shows)


def _turned(question: str, tree: exp.Expr) -> bool:
    """A number that the question compares in one way stands in the statement with other ways only."""
    compared = list(_compared(tree))
    for pattern, wanted in SAID:
        for said in pattern.finditer(question):
            used = {operator for _, operator, value in compared if value == number(said["number"])}
            used |= {whole for part, whole in WHOLE.items() if {exp.EQ, part} <= used}
            if used and wanted not in used:
                return True
    return False


def _invented(question: str, tree: exp.Expr, schema: Schema) -> bool:
    """Unless it is one more or less than what is said, a flag, or said in words that are no numbers."""
    if CHINESE.search(question) or SCALED.search(question):
        return False
    spelled = (number(text) for text in re.findall(rf"{SPELLED}|[A-Za-z]+", question))
    said = [value for value in spelled if value is not None]
    near = {value + step for value in said for step in (-1, 0, 1)}
    return any(
        value not in near and (value not in (0, 1) or (isinstance(side, exp.Column) and _is_key(side, schema)))
        for side, _, value in _compared(tree)
    )


def _compared(tree: exp.Expr) -> Iterator[tuple[exp.Expr, Operator, Amount]]:
    """(what, how, with which number) of each comparison of a column or of an aggregate."""
    for node in tree.find_all(*OPERATORS):
        operator = type(node)
        for side, other, how in (
            (node.this, node.expression, operator),
            (node.expression, node.this, TURNS.get(operator, operator)),
        ):
            value = number(other.name) if isinstance(other, exp.Literal) else None
            side = side.this if isinstance(side, exp.Cast) else side
            if value is not None and isinstance(side, exp.Column | exp.AggFunc):
                yield side, how, value


def _is_key(column: exp.Column, schema: Schema) -> bool:
    table = schema.table(table_of(column, schema))
    if table is None:
        return False
    keys = [each.name for each in table.columns if each.primary_key]
    keys += [name for key in table.foreign_keys for name in key.columns]
    return column.name.lower() in map(str.lower, keys)


def _futile(select: exp.Select) -> bool:
    aggregated = all(isinstance(shown.unalias(), exp.AggFunc) for shown in select.expressions)
    return aggregated and not select.args.get("group") and bool(select.args.get("order"))


def _unlike(node: exp.Expr) -> bool:
    """amount > (SELECT AVG(price) ...)"""
    for side, other in ((node.this, node.expression), (node.expression, node.this)):
        inner = other.unnest() if isinstance(other, exp.Subquery) else None
        if isinstance(inner, exp.Select) and len(inner.expressions) == 1:
            shown, column = inner.expressions[0].unalias(), side.find(exp.Column)
            of = shown.find(exp.Column) if isinstance(shown, exp.Avg | exp.Max | exp.Min) else None
            if of is not None and column is not None and of.name.lower() != column.name.lower():
                return True
    return False


def _cut(question: str, tree: exp.Expr) -> bool:
    """'From the newest to the oldest' are all."""
    if not tree.args.get("limit") or not (ORDERED.search(question) or RANGED.search(question)):
        return False
    rest = re.findall(r"\w+", RANGED.sub(" ", question).lower())
    return not any(word in EXTREMES or SUPERLATIVE.fullmatch(word) or number(word) is not None for word in rest)


def _misordered(question: str, tree: exp.Expr, schema: Schema) -> bool:
    order = tree.args.get("order")
    by = [ordered.this for ordered in order.expressions] if order else []
    if not by or not all(isinstance(key, exp.Column) for key in by):
        return False
    names = [set(stems(key.name)) for key in by]
    if ALPHABETICAL.search(question):
        return any(name & TIMES for name in names)
    found = BY.search(question)
    wanted = set(stems(found["by"])) if found else set()
    tables = [schema.table(name) for name in {table.name for table in tree.find_all(exp.Table)}]
    known = {word for table in tables if table for column in table.columns for word in stems(column.name)}
    return bool(wanted & known) and not any(name & wanted for name in names)
