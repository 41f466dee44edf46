"""ORDER BY and GROUP BY in words. Both may name what is shown by its heading or its position."""

from sqlglot import Dialect as Grammar
from sqlglot import exp

from pilot.chat.wording.names import aliased
from pilot.chat.wording.speaker import Speaker

ORDERS = {
    ("time", False): "chat.order.oldest", ("time", True): "chat.order.newest", ("text", False): "chat.order.a_to_z",
    ("text", True): "chat.order.z_to_a",
}  # fmt: skip


SUBTOTALS = (("rollup", "chat.group.rollup"), ("cube", "chat.group.cube"))  # WITH ROLLUP has no list of its own


def in_order(say: Speaker, order: exp.Expr) -> str:
    """ORDER BY: 'price (largest first), then name (A to Z)'."""
    return say.list([_ordered(say, part) for part in order.expressions], word="chat.list.then")


def _ordered(say: Speaker, node: exp.Expr) -> str:
    """One part of ORDER BY: 'price (largest first)'."""
    if not isinstance(node, exp.Ordered):
        return say.value(node)
    told = _at_position(node.this) or node.this
    desc = bool(node.args.get("desc"))
    if isinstance(told, exp.Var):  # ORDER BY ALL
        return say.texts("chat.order.all_back" if desc else "chat.order.all")
    key = ORDERS.get((say.names.kind(told), desc), "chat.order.largest" if desc else "chat.order.smallest")
    sorted_ = say.texts(key, x=say.value(told))
    first = bool(node.args.get("nulls_first"))
    if first == _usual(say, desc=desc):
        return sorted_
    return say.texts("chat.order.missing_first" if first else "chat.order.missing_last", x=sorted_)


def _usual(say: Speaker, *, desc: bool) -> bool:
    """Whether the database puts NULL first when it is not told where."""
    ordering = Grammar.get_or_raise(say.dialect).NULL_ORDERING
    return ordering != "nulls_are_last" and desc == (ordering != "nulls_are_small")


def _meant(node: exp.Expr) -> exp.Expr:
    """What GROUP BY names by alias or position."""
    found = aliased(node)
    return found if found is not None else _at_position(node) or node


def _at_position(node: exp.Expr) -> exp.Expr | None:
    """ORDER BY 2 means the second column that is shown."""
    query = node.find_ancestor(exp.Select, exp.SetOperation)
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this
    if isinstance(node, exp.Literal) and not node.is_string and isinstance(query, exp.Select):
        position = int(node.name) if node.name.isdecimal() else 0
        if 0 < position <= len(query.expressions):
            shown: exp.Expr = query.expressions[position - 1].unalias()
            return shown
    return None


def grouped(say: Speaker, group: exp.Expr) -> str:
    """What GROUP BY lists: names of the same query stand for what they name."""
    if group.args.get("all"):
        return say.texts("chat.group.all")
    told = [_grouping(say, node) for node in group.expressions]
    for key, words in SUBTOTALS:
        for part in group.args.get(key) or []:
            told = [say.texts(words, groups=say.list(told)) if not part.expressions else _grouping(say, part)]
    return say.list(told)


def _grouping(say: Speaker, node: exp.Expr) -> str:
    match node:
        case exp.Rollup():
            return say.texts("chat.group.rollup", groups=_listed(say, node))
        case exp.Cube():
            return say.texts("chat.group.cube", groups=_listed(say, node))
        case exp.GroupingSets():
            return say.texts("chat.group.sets", sets=say.list([_set(say, part) for part in node.expressions]))
    return say.operand(_meant(node))


def _listed(say: Speaker, node: exp.Expr) -> str:
    return say.list([say.operand(_meant(part)) for part in node.expressions])


def _set(say: Speaker, node: exp.Expr) -> str:
    parts = node.expressions if isinstance(node, exp.Tuple) else [node.unnest()]
    if not parts:
        return say.texts("chat.group.whole")
    return say.texts("chat.say.bracket", x=say.list([say.operand(_meant(part)) for part in parts]))
