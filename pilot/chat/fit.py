"""How a statement fits the question's own words, whatever model wrote it: how its number is compared, what with the
average, and whether all is shown. Candidates are weighed by it; alone it refuses nothing. Where in doubt, it is silent.
"""

import math
import re
from collections.abc import Iterator, Mapping

from sqlglot import exp

from pilot.chat.naming import stems
from pilot.chat.statements import table_of
from pilot.datasource.functions import words
from pilot.numbers import NUMBER_WORDS, number
from pilot.schema import Schema

# What a vote counts for a statement that
TURNED = 0.1  # compares the number of the question in another way: = 30 where it says "30 or younger",
FUTILE = 0.1  # orders the one row that an aggregate of all rows is,
UNLIKE = 0.3  # compares one thing with the average of another, where the question says no more than "the average",
CUT = 0.2  # or shows the first row where the question goes from the newest to the oldest

Amount = int | float
Operator = type[exp.Expr]

OPERATORS = (exp.EQ, exp.GT, exp.LT, exp.GTE, exp.LTE)
TURNS: Mapping[Operator, Operator] = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE}
# Only what stands in these has to hold: not in OR, NOT, EXCEPT, CASE, an aggregate, or what a join may miss.
HOLDING = (exp.Where, exp.Having, exp.And, exp.Paren, exp.In, exp.Select, exp.Subquery, exp.From)
NUMBER = re.compile(rf"(?:\d[\d,.]*|\b(?:{'|'.join(NUMBER_WORDS)})\b)", re.IGNORECASE)
SPELLED = rf"(?P<number>\d[\d,]*(?:\.\d+)?|{'|'.join(NUMBER_WORDS)})"
MORE = "(?:more|older|above|over|higher|larger|greater|bigger|longer|later|taller|heavier)"
LESS = "(?:less|fewer|younger|below|under|lower|smaller|shorter|earlier|cheaper|lighter)"
THEN = r"\b(?! (?:or|than)\b)"  # "30 or more than Anna", "more than 30 or the same"
SAID: tuple[tuple[re.Pattern[str], Operator], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), operator)
    for pattern, operator in (
        (rf"\b{SPELLED}(?: \w+){{0,2}} or {MORE}{THEN}", exp.GTE),
        (rf"\b{SPELLED}(?: \w+){{0,2}} or {LESS}{THEN}", exp.LTE),
        (rf"\b(?:at least|(?:no|not) (?:less|fewer) than) {SPELLED}{THEN}", exp.GTE),
        (rf"\b(?:at most|(?:no|not) more than|up to) {SPELLED}{THEN}", exp.LTE),
        (rf"(?<!no )(?<!not )\b{MORE} than {SPELLED}{THEN}", exp.GT),
        (rf"(?<!no )(?<!not )\b{LESS} than {SPELLED}{THEN}", exp.LT),
    )
)
EITHER = re.compile(rf"\b(?:{MORE}|{LESS})\b.* or (?:{MORE}|{LESS})\b", re.IGNORECASE)  # "above 30 or below average"
NEGATED = re.compile(
    r"\bnot?\b(?! (?:more|less|fewer) than)|n['’]t\b|\b(?:none|never|nor|neither|nobody|nothing|cannot|without|"
    r"except|exclud\w*|unless|outside|other than|all but|apart from|lack\w*|fail\w*|ignor\w*|remov\w*|do(?:es)?nt|"
    r"didnt|rank\w*)\b",
    re.IGNORECASE,
)
BACKWARDS = frozenset(words("rank ranking position place finish standing seed priority depth year birth date"))
AVERAGE = re.compile(r"\b(?:than|above|below|over|under) (?:the )?average\s*(?:[.?!,;]|$)", re.IGNORECASE)
END = (
    "(?:the )?(?:(?:most|least) [a-z]+|newest|oldest|latest|earliest|youngest|cheapest|dearest|highest|lowest|largest|"
    "smallest|biggest|greatest|longest|shortest|tallest|heaviest|lightest|fastest|slowest|best|worst)"
)
RANGED = re.compile(rf"\bfrom {END}(?: [a-z]+)? to {END}\s*(?:[.?!,;]|$)", re.IGNORECASE)
CHOSEN = re.compile(
    r"\d|\b(?:first|second|third|last|next|top|bottom|most|least|best|worst|maximum|minimum|max|min|middle|median|"
    r"example|single|any|\w{2,}est)\b",
    re.IGNORECASE,
)


def fit(question: str, tree: exp.Expr, schema: Schema) -> float:
    """1, or less for each sign that this is not what was asked."""
    signs = (
        (TURNED, _turned(question, tree)),
        (FUTILE, any(map(_futile, tree.find_all(exp.Select)))),
        (UNLIKE, bool(AVERAGE.search(question)) and any(_unlike(node, schema) for node in tree.find_all(*OPERATORS))),
        (CUT, _cut(question, tree)),
    )
    return math.prod(weight for weight, shows in signs if shows)


def _turned(question: str, tree: exp.Expr) -> bool:
    """The only number of the question stands in the statement, compared in other ways only."""
    if len(NUMBER.findall(question)) != 1 or NEGATED.search(question) or EITHER.search(question):
        return False
    said = [(operator, number(found["number"])) for pattern, operator in SAID for found in pattern.finditer(question)]
    if len(said) != 1:
        return False
    [(wanted, value)] = said
    used = [(side, how) for side, how, other in _compared(tree) if other == value]
    backwards = any(BACKWARDS & set(stems(column.name)) for side, _ in used for column in side.find_all(exp.Column))
    return bool(used) and not backwards and wanted not in {how for _, how in used}


def _compared(tree: exp.Expr) -> Iterator[tuple[exp.Expr, Operator, Amount]]:
    """(what, how, with which number) of each comparison of a column or an aggregate that has to hold; = 0 and = 1 may
    be flags, or mean at most one.
    """
    for node in tree.find_all(*OPERATORS):
        operator = type(node)
        for side, other, how in (
            (node.this, node.expression, operator),
            (node.expression, node.this, TURNS.get(operator, operator)),
        ):
            value = number(other.name) if isinstance(other, exp.Literal) else None
            side = side.this if isinstance(side, exp.Cast) else side
            if value is None or not isinstance(side, exp.Column | exp.AggFunc) or (how is exp.EQ and value in (0, 1)):
                continue
            if _holds(node):
                yield side, how, value


def _holds(node: exp.Expr) -> bool:
    above = node.parent
    return above is None or (isinstance(above, HOLDING) and _holds(above))


def _futile(select: exp.Select) -> bool:
    """MAX(price) may well be in the order of price, and an order without a limit does no harm."""
    order, shown = select.args.get("order"), select.expressions
    aggregated = all(isinstance(each.unalias(), exp.AggFunc) for each in shown) and not select.args.get("group")
    if not order or not select.args.get("limit") or not aggregated:
        return False
    named = {each.alias for each in shown} | {column.name for each in shown for column in each.find_all(exp.Column)}
    return any(column.name not in named for column in order.find_all(exp.Column))


def _unlike(node: exp.Expr, schema: Schema) -> bool:
    """amount > (SELECT AVG(price) ...), both of one table"""
    for side, other in ((node.this, node.expression), (node.expression, node.this)):
        inner = other.unnest() if isinstance(other, exp.Subquery) else None
        if isinstance(side, exp.Column) and isinstance(inner, exp.Select) and len(inner.expressions) == 1:
            shown = inner.expressions[0].unalias()
            of = shown.this if isinstance(shown, exp.Avg) else None
            if isinstance(of, exp.Column) and of.name.lower() != side.name.lower():
                return table_of(of, schema) == table_of(side, schema) != ""
    return False


def _cut(question: str, tree: exp.Expr) -> bool:
    """'From the newest to the oldest' are all, unless one of them is chosen."""
    limit = tree.args.get("limit")
    if not limit or limit.expression.name != "1" or not tree.args.get("order") or not RANGED.search(question):
        return False
    rest = RANGED.sub(" ", question)
    return not CHOSEN.search(rest) and not NUMBER.search(rest)
