"""A condition in words. And, or and not keep their grouping: what is bracketed in SQL is bracketed here."""

import re
from collections.abc import Iterator

from sqlglot import exp

from pilot.chat.wording.speaker import Speaker

COMPARED: dict[type[exp.Expr], tuple[str, str]] = {  # for times, and for all else
    exp.EQ: ("chat.if.eq", "chat.if.eq"),
    exp.NullSafeEQ: ("chat.if.same", "chat.if.same"),
    exp.NEQ: ("chat.if.neq", "chat.if.neq"),
    exp.NullSafeNEQ: ("chat.if.other", "chat.if.other"),
    exp.GT: ("chat.if.after", "chat.if.gt"),
    exp.GTE: ("chat.if.since", "chat.if.gte"),
    exp.LT: ("chat.if.before", "chat.if.lt"),
    exp.LTE: ("chat.if.until", "chat.if.lte"),
}
LIKE = (
    (re.compile(r"%([^%_]+)%"), "chat.if.contains", "chat.if.not_contains"),
    (re.compile(r"([^%_]+)%"), "chat.if.starts", "chat.if.not_starts"),
    (re.compile(r"%([^%_]+)"), "chat.if.ends", "chat.if.not_ends"),
)
PATTERNS = (exp.Like, exp.ILike, exp.RegexpLike, exp.Glob, exp.SimilarTo, exp.RegexpILike)
OPPOSITES: dict[type[exp.Expr], type[exp.Expr]] = {exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}


def condition(say: Speaker, node: exp.Expr) -> str:
    match node:
        case exp.And():
            return say.list([_part(say, part, exp.Or) for part in _flat(node, exp.And)], word="chat.list.and_if")
        case exp.Or():
            return say.list([_part(say, part, exp.And) for part in _flat(node, exp.Or)], word="chat.list.or_if")
        case exp.Paren():
            return say.condition(node.this)
        case exp.Not():
            return _denied(say, node.this.unnest() if isinstance(node.this, exp.Paren) else node.this)
    return _plain(say, node, denied=False)


def _denied(say: Speaker, node: exp.Expr) -> str:
    if type(node) in OPPOSITES:
        return _compared(say, OPPOSITES[type(node)], node)
    if isinstance(node, exp.And | exp.Or | exp.Not) or type(node) in COMPARED:
        several = isinstance(node, exp.And | exp.Or)
        told = say.condition(node)
        return say.texts("chat.if.not", condition=say.texts("chat.say.bracket", x=told) if several else told)
    return _plain(say, node, denied=True)


def _plain(say: Speaker, node: exp.Expr, *, denied: bool) -> str:
    """A condition that has words of its own for its opposite."""
    if type(node) in COMPARED:
        return _compared(say, type(node), node)
    match node:
        case exp.Between():
            key = "chat.if.not_between" if denied else "chat.if.between"
            low, high = say.value(node.args["low"]), say.value(node.args["high"])
            return say.texts(key, a=say.value(node.this), low=low, high=high)
        case exp.In():
            return _among(say, node, denied=denied)
        case exp.Is():
            return _is(say, node, denied=denied)
        case exp.Exists():
            return _exists(say, node.this, denied=denied)
        case exp.Escape():
            return _pattern(say, node.this, denied=denied)
        case _ if isinstance(node, PATTERNS):
            return _pattern(say, node, denied=denied)
        case exp.Boolean():
            return say.texts("chat.if.always" if bool(node.this) != denied else "chat.if.never")
    return say.texts("chat.if.is_false" if denied else "chat.if.is_true", a=say.value(node))


def _compared(say: Speaker, kind: type[exp.Expr], node: exp.Expr) -> str:
    left, right = node.this, node.expression
    if isinstance(right, exp.Any | exp.All) and (listed := _array(right)) is not None:
        words = "chat.list.or" if isinstance(right, exp.Any) else "chat.list.and"
        return say.texts(COMPARED[kind][1], a=say.value(left), b=say.values(listed, word=words))
    if isinstance(right, exp.Any | exp.All):
        every = say.texts("chat.if.any" if isinstance(right, exp.Any) else "chat.if.all", x=say.query(right.this))
        return say.texts(COMPARED[kind][1], a=say.value(left), b=every)
    if isinstance(left, exp.Literal | exp.Null) and kind in (exp.EQ, exp.NEQ):
        left, right = right, left
    if kind is exp.EQ and isinstance(left, exp.Column) and isinstance(right, exp.Column):
        return say.texts("chat.if.equals", a=say.value(left), b=say.value(right))
    of_time = "time" in (say.names.kind(left), say.names.kind(right))
    return say.texts(COMPARED[kind][0 if of_time else 1], a=say.value(left), b=say.value(right))


def _array(node: exp.Expr) -> list[exp.Expr] | None:
    """The values of ANY(ARRAY[...])."""
    inner = node.this.unnest() if isinstance(node.this, exp.Paren) else node.this
    return list(inner.expressions) if isinstance(inner, exp.Array) else None


def _among(say: Speaker, node: exp.In, *, denied: bool) -> str:
    query = node.args.get("query")
    if query is not None:
        return say.texts(
            "chat.if.not_among" if denied else "chat.if.among", a=say.value(node.this), query=say.query(query)
        )
    if len(node.expressions) == 1:
        return say.texts(
            "chat.if.neq" if denied else "chat.if.eq", a=say.value(node.this), b=say.value(node.expressions[0])
        )
    listed = say.values(node.expressions, word="chat.list.and" if denied else "chat.list.or")
    return say.texts("chat.if.not_in" if denied else "chat.if.in", a=say.value(node.this), list=listed)


def _is(say: Speaker, node: exp.Is, *, denied: bool) -> str:
    told, what = say.value(node.this), node.expression
    if isinstance(what, exp.Null):
        return say.texts("chat.if.known" if denied else "chat.if.missing", a=told)
    return say.texts("chat.if.neq" if denied else "chat.if.eq", a=told, b=say.value(what))


def _exists(say: Speaker, query: exp.Expr, *, denied: bool) -> str:
    """Only FROM and WHERE matter: what EXISTS selects is not looked at."""
    where = query.args.get("where") if isinstance(query, exp.Select) else None
    if not isinstance(query, exp.Select) or query.args.get("from_") is None or query.args.get("group") is not None:
        return say.texts("chat.if.no_result" if denied else "chat.if.any_result", query=say.query(query))
    tables = say.list([source.called for source in say.names.sources(query)])
    tests = [join.args["on"] for join in query.args.get("joins") or [] if join.args.get("on") is not None]
    tests += [where.this] if where is not None else []
    if not tests:
        return say.texts("chat.if.no_row" if denied else "chat.if.any_row", tables=tables)
    told = say.list([_part(say, test, exp.Or) for test in tests], word="chat.list.and_if")
    return say.texts("chat.if.no_row_where" if denied else "chat.if.any_row_where", tables=tables, condition=told)


def _pattern(say: Speaker, node: exp.Expr, *, denied: bool) -> str:
    told, pattern = say.value(node.this), node.expression
    if isinstance(node, exp.Like | exp.ILike) and isinstance(pattern, exp.Literal):
        for form, key, opposite in LIKE:
            if found := form.fullmatch(pattern.name):
                text = say.texts("chat.say.text", x=found[1])
                return say.texts(opposite if denied else key, a=told, b=text)
        if not set("%_") & set(pattern.name):
            return say.texts("chat.if.neq" if denied else "chat.if.eq", a=told, b=say.value(pattern))
    return say.texts("chat.if.not_like" if denied else "chat.if.like", a=told, b=say.value(pattern))


def _flat(node: exp.Expr, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """a AND b AND c as three, not as a pair of a pair; brackets that change nothing are left out."""
    inner = node.unnest() if isinstance(node, exp.Paren) else node
    if type(inner) is kind:
        yield from _flat(inner.this, kind)
        yield from _flat(inner.expression, kind)
    else:
        yield inner


def _part(say: Speaker, node: exp.Expr, bracketed: type[exp.Expr]) -> str:
    inner = node.unnest() if isinstance(node, exp.Paren) else node
    told = say.condition(inner)
    return say.texts("chat.say.bracket", x=told) if type(inner) is bracketed else told
