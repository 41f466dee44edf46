"""A whole query as a noun: 'the average of price in products where stock is more than 0'."""

from sqlglot import exp

from pilot.chat.wording.names import entries
from pilot.chat.wording.order import grouped, in_order
from pilot.chat.wording.speaker import Speaker

SETS: dict[type[exp.Expr], str] = {
    exp.Union: "chat.query.union", exp.Intersect: "chat.query.intersect", exp.Except: "chat.query.except",
}  # fmt: skip


ALL: dict[type[exp.Expr], str] = {exp.Union: "chat.query.union_all"}
JOINED = {
    "LEFT": "chat.query.left", "RIGHT": "chat.query.right", "FULL": "chat.query.full", "SEMI": "chat.query.semi",
    "ANTI": "chat.query.anti", "": "chat.query.joined",
}  # fmt: skip


def query(say: Speaker, node: exp.Expr) -> str:
    match node:
        case exp.Subquery():
            return say.query(node.this)
        case exp.SetOperation():
            key = SETS[type(node)] if node.args.get("distinct") else ALL.get(type(node), SETS[type(node)])
            return cut(say, say.texts(key, a=_side(say, node.this), b=_side(say, node.expression)), node)
        case exp.Select():
            return _select(say, node)
    return str(node.sql(say.dialect, comments=False))


def _select(say: Speaker, node: exp.Select) -> str:
    told = _shown(say, node)
    if node.args.get("from_") is not None:
        told = say.texts("chat.query.in", x=told, source=source(say, node))
    if where := node.args.get("where"):
        told = say.texts("chat.query.where", x=told, condition=say.condition(where.this))
    if group := node.args.get("group"):
        told = say.texts("chat.query.group", x=told, groups=grouped(say, group))
    for filter_ in (node.args.get("having"), node.args.get("qualify")):
        if filter_ is not None:
            told = say.texts("chat.query.having", x=told, condition=say.condition(filter_.this))
    if first := first_of_each(say, node):
        told = say.texts("chat.query.first_of_each", x=told, each=first)
    return cut(say, told, node)


def _shown(say: Speaker, node: exp.Select) -> str:
    told = say.values(node.expressions)
    if node.args.get("distinct") and node.args["distinct"].args.get("on") is None:
        return say.texts("chat.query.different", x=told)
    plain = all(isinstance(part.unalias(), exp.Column) for part in node.expressions)
    return say.texts("chat.query.values", x=told) if plain and not node.is_star else told


def first_of_each(say: Speaker, node: exp.Expr) -> str:
    """DISTINCT ON (...): what is the same in the rows of which only the first stays."""
    distinct = node.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    return say.values(on.expressions if isinstance(on, exp.Tuple) else [on]) if on is not None else ""


def source(say: Speaker, node: exp.Expr) -> str:
    """What a query reads, in short: 'orders with customers (orders.customer_id equals customers.id)'."""
    told = ""
    for entry in entries(node):
        one, join = _entry(say, entry), entry.parent
        if not isinstance(join, exp.Join):
            told = one
            continue
        told = say.texts(JOINED.get(join_kind(join), JOINED[""]), a=told, b=one)
        if condition := matched(say, join):
            told = say.texts("chat.query.matched", x=told, condition=condition)
    return told


def join_kind(join: exp.Join) -> str:
    """LEFT, RIGHT, FULL, SEMI, ANTI; empty for a plain join."""
    return next((word for word in (join.kind.upper(), join.side.upper()) if word and word in JOINED), "")


def matched(say: Speaker, join: exp.Join) -> str:
    """What must hold between the rows that a join puts together; empty where every pair is meant."""
    on = join.args.get("on")
    if on is not None:
        return "" if isinstance(on, exp.Boolean) and on.this and not join_kind(join) else say.condition(on)
    if using := join.args.get("using"):
        return say.texts("chat.explain.same", columns=say.list([part.name for part in using]))
    return say.texts("chat.explain.natural") if join.method.upper() == "NATURAL" else ""


def _entry(say: Speaker, entry: exp.Expr) -> str:
    if isinstance(entry, exp.Subquery | exp.Lateral):
        return say.texts("chat.say.bracket", x=say.query(entry.this))
    return named(say, entry)


def named(say: Speaker, entry: exp.Expr) -> str:
    """A table's name, with the name that columns are told by where that is another."""
    if isinstance(entry, exp.Table) and isinstance(entry.this, exp.Func):  # generate_series(1, 5)
        made = entry.this.sql(say.dialect, comments=False)
        return say.texts("chat.explain.called", table=made, name=entry.alias) if entry.alias else made
    found = say.names.source(entry)
    if found.table and found.by_alias:
        return say.texts("chat.explain.called", table=found.table.name, name=found.called)
    return found.called


def cut(say: Speaker, told: str, node: exp.Expr) -> str:
    """ORDER BY, LIMIT and OFFSET behind a noun."""
    if order := node.args.get("order"):
        told = say.texts("chat.query.ordered", x=told, order=in_order(say, order))
    limit, offset = count(node.args.get("limit")), count(node.args.get("offset"))
    if offset:
        told = say.texts("chat.query.without_first", x=told, count=offset)
    return say.texts("chat.query.first", x=told, count=limit) if limit is not None else told


def count(node: exp.Expr | None) -> int | None:
    """The number of a LIMIT, OFFSET or FETCH."""
    if node is None:
        return None
    number = node.args.get("count") or node.args.get("expression")
    return int(number.name) if isinstance(number, exp.Literal) and number.name.isdecimal() else None


def _side(say: Speaker, node: exp.Expr) -> str:
    return say.texts("chat.say.bracket", x=say.query(node))
