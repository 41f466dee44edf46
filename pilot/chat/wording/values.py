"""A value in words: columns, functions, arithmetic, CASE, windows. What has no words is quoted as it stands."""

import re
from collections.abc import Sequence

from sqlglot import exp

from pilot.chat.wording import aggregates, dates, windows
from pilot.chat.wording.names import aliased
from pilot.chat.wording.speaker import Say, Speaker

PLAIN = (exp.TsOrDsToDate, exp.TsOrDsToTimestamp, exp.TsOrDsToDatetime, exp.Collate, exp.TsOrDsToTime)

OF_ONE: dict[type[exp.Expr], str] = {
    exp.Sum: "chat.say.sum", exp.Avg: "chat.say.avg", exp.Median: "chat.say.median", exp.Stddev: "chat.say.stddev",
    exp.StddevSamp: "chat.say.stddev", exp.StddevPop: "chat.say.stddev", exp.Variance: "chat.say.variance",
    exp.ArrayAgg: "chat.say.group_concat", exp.AnyValue: "chat.say.any_value",
    exp.Abs: "chat.say.abs", exp.Upper: "chat.say.upper", exp.Lower: "chat.say.lower", exp.Length: "chat.say.length",
    exp.Trim: "chat.say.trim", exp.Ceil: "chat.say.ceil", exp.Floor: "chat.say.floor", exp.Sqrt: "chat.say.sqrt",
    exp.Neg: "chat.say.neg", exp.FirstValue: "chat.say.first_value", exp.LastValue: "chat.say.last_value",
    exp.Reverse: "chat.say.reverse", exp.Mode: "chat.say.mode", exp.ApproxDistinct: "chat.say.about_distinct",
}  # fmt: skip
OF_TWO: dict[type[exp.Expr], str] = {
    exp.Add: "chat.say.add", exp.Sub: "chat.say.sub", exp.Mul: "chat.say.mul", exp.Div: "chat.say.div",
    exp.ArgMax: "chat.say.arg_max", exp.ArgMin: "chat.say.arg_min",
    exp.IntDiv: "chat.say.int_div", exp.Mod: "chat.say.mod", exp.Nullif: "chat.say.nullif", exp.Pow: "chat.say.pow",
}  # fmt: skip
OF_NONE: dict[type[exp.Expr], str] = {
    exp.Null: "chat.say.null", exp.CurrentDate: "chat.say.today", exp.CurrentTimestamp: "chat.say.now",
    exp.CurrentDatetime: "chat.say.now", exp.Localtimestamp: "chat.say.now", exp.RowNumber: "chat.say.row_number",
    exp.Rank: "chat.say.rank", exp.DenseRank: "chat.say.dense_rank", exp.PercentRank: "chat.say.percent_rank",
    exp.Rand: "chat.say.random",
}  # fmt: skip
NAMED = {"NOW": "chat.say.now", "SYSDATE": "chat.say.now"}  # the parser has no type for MySQL's
EXTREMES: dict[type[exp.Expr], dict[str, str]] = {
    exp.Min: {"time": "chat.say.min_time", "text": "chat.say.min_text", "": "chat.say.min"},
    exp.Max: {"time": "chat.say.max_time", "text": "chat.say.max_text", "": "chat.say.max"},
}


def value(say: Speaker, node: exp.Expr) -> str:
    """Raises nothing: an expression without words of its own is told as its SQL."""
    kind = type(node)
    if kind in OF_NONE:
        return say.texts(OF_NONE[kind])
    if kind in EXTREMES:
        keys = EXTREMES[kind]
        return say.texts(keys.get(say.names.kind(node.this), keys[""]), x=aggregates.over(say, node.this))
    told = dates.value(say, node)
    if told is not None:
        return told
    if kind in OF_ONE:
        return aggregates.of_all(say, node, OF_ONE[kind])
    if isinstance(node, exp.Div) and (share := windows.share(say, node)):
        return share
    if kind in OF_TWO:
        return say.texts(OF_TWO[kind], a=say.operand(node.this), b=say.operand(node.expression))
    if isinstance(node, aggregates.CONDITIONS):
        return say.texts("chat.say.whether", condition=say.condition(node))
    return _special(say, node)


def _special(say: Speaker, node: exp.Expr) -> str:
    for kinds, words in SPECIAL:
        if isinstance(node, kinds):
            return words(say, node)
    return _text_function(say, node)


def _text_function(say: Speaker, node: exp.Expr) -> str:
    match node:
        case exp.Round():
            digits, inner = node.args.get("decimals"), _unfixed(say, node)
            if digits is None or digits.name == "0":
                return say.texts("chat.say.round_whole", x=say.operand(inner))
            return say.texts("chat.say.round", x=say.operand(inner), count=_integer(say, digits))
        case exp.Substring() if node.args.get("length") is not None:
            start, length = say.value(node.args["start"]), say.value(node.args["length"])
            if start == "1":
                return say.texts("chat.say.first_letters", x=say.value(node.this), n=length)
            return say.texts("chat.say.letters_from", x=say.value(node.this), start=start, n=length)
        case exp.Substring():
            return say.texts("chat.say.letters_to_end", x=say.value(node.this), start=say.value(node.args["start"]))
        case exp.StrPosition():
            return say.texts("chat.say.place", x=say.value(node.this), part=say.value(node.args["substr"]))
        case exp.Left():
            return say.texts("chat.say.first_letters", x=say.value(node.this), n=say.value(node.expression))
        case exp.Right():
            return say.texts("chat.say.last_letters", x=say.value(node.this), n=say.value(node.expression))
        case exp.Replace():
            old, new = say.value(node.expression), say.value(node.args["replacement"])
            return say.texts("chat.say.replace", x=say.value(node.this), old=old, new=new)
        case exp.Greatest() | exp.Least():
            key = "chat.say.greatest" if isinstance(node, exp.Greatest) else "chat.say.least"
            return say.texts(key, x=say.values([node.this, *node.expressions]))
    if isinstance(node, exp.Anonymous) and node.name.upper() in NAMED:
        return say.texts(NAMED[node.name.upper()])
    return str(node.sql(say.dialect, comments=False))


def _column(say: Speaker, node: exp.Expr) -> str:
    assert isinstance(node, exp.Column)
    if isinstance(node.this, exp.Star):
        return say.texts("chat.say.all_columns_of", table=_star_of(say, node))
    return say.names.column(node) if aliased(node) is None else say.texts("chat.say.named", name=node.name)


def _star(say: Speaker, node: exp.Expr) -> str:
    told = say.texts("chat.say.all_columns")
    if left_out := node.args.get("except_"):
        told = say.texts("chat.say.except", x=told, columns=say.list([part.name for part in left_out]))
    if replaced := node.args.get("replace"):
        new = [say.texts("chat.explain.headed", x=say.value(part), name=part.alias) for part in replaced]
        told = say.texts("chat.say.with_new", x=told, columns=say.list(new))
    return told


def _beside(say: Speaker, nodes: Sequence[exp.Expr]) -> str:
    return say.texts("chat.list.comma").join(say.value(node) for node in nodes)


def _star_of(say: Speaker, node: exp.Column) -> str:
    query = node.find_ancestor(exp.Select)
    sources = say.names.sources(query) if query is not None else []
    return next((source.called for source in sources if source.alias.lower() == node.table.lower()), node.table)


def _case(say: Speaker, node: exp.Expr) -> str:
    branches = [node] if isinstance(node, exp.If) else node.args["ifs"]
    subject = None if isinstance(node, exp.If) else node.this
    told = []
    for branch in branches:
        condition = branch.this if subject is None else exp.EQ(this=subject.copy(), expression=branch.this.copy())
        if subject is not None:
            condition.parent = node  # names are looked up from here
        told.append(
            say.texts("chat.say.case_when", x=say.operand(branch.args["true"]), condition=say.condition(condition))
        )
    otherwise = aggregates.otherwise_of(node)
    last = say.texts("chat.say.null") if otherwise is None else say.operand(otherwise)
    return say.texts("chat.say.case", branches=say.texts("chat.list.comma").join(told), otherwise=last)


def _cast(say: Speaker, node: exp.Expr) -> str:
    inner, spelled = say.value(node.this), node.to.sql().upper()
    if re.search(r"INT", spelled):
        return say.texts("chat.say.as_whole", x=inner)
    if re.search(r"REAL|FLOAT|DOUBLE|DEC|NUM", spelled):
        return say.texts("chat.say.as_number", x=inner)
    if re.search(r"DATE|TIME", spelled):
        return say.texts("chat.say.as_time", x=inner)
    return say.texts("chat.say.as_text", x=inner)


def _unfixed(say: Speaker, node: exp.Round) -> exp.Expr:
    """What is rounded, without a cast that changes no number: PostgreSQL needs one."""
    inner, digits = node.this, node.args.get("decimals")
    if not isinstance(inner, exp.Cast) or say.names.kind(inner.this.unnest()) != "number":
        return inner
    if inner.to.this in (exp.DType.FLOAT, exp.DType.DOUBLE):
        return inner.this
    if inner.to.this != exp.DType.DECIMAL or len(inner.to.expressions) != 2:
        return inner
    kept, left = inner.to.expressions[1].name, digits.name if digits is not None else "0"
    return inner.this if kept.isdecimal() and left.isdecimal() and int(kept) > int(left) else inner


def _integer(say: Speaker, node: exp.Expr) -> int | str:
    told = say.value(node)
    return int(told) if told.isdecimal() else told


def _pieces(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.DPipe):
        return [*_pieces(node.this), *_pieces(node.expression)]
    return list(node.expressions) if isinstance(node, exp.Concat | exp.ConcatWs) else [node]


def _literal(say: Speaker, node: exp.Expr) -> str:
    return say.texts("chat.say.text", x=node.name) if node.is_string else str(node.name)


SPECIAL: tuple[tuple[type[exp.Expr] | tuple[type[exp.Expr], ...], Say], ...] = (
    (exp.Column, _column),
    (exp.Literal, _literal),
    (exp.Boolean, lambda say, node: say.texts("chat.say.true" if node.this else "chat.say.false")),
    ((exp.Alias, exp.Paren, *PLAIN), lambda say, node: say.value(node.this)),
    (exp.Tuple, lambda say, node: say.texts("chat.say.bracket", x=_beside(say, node.expressions))),
    (exp.Distinct, lambda say, node: say.values(node.expressions)),
    (exp.Count, aggregates.count),
    ((exp.Case, exp.If), _case),
    ((exp.Cast, exp.TryCast), _cast),
    (exp.Coalesce, lambda say, node: say.values([node.this, *node.expressions], word="chat.list.else")),
    ((exp.Subquery, exp.Query), lambda say, node: say.texts("chat.say.bracket", x=say.query(node))),
    (exp.Window, windows.window),
    ((exp.Lag, exp.Lead), windows.neighbour),
    (exp.Star, _star),
    (exp.Ntile, lambda say, node: say.texts("chat.say.ntile", count=say.value(node.this))),
    (exp.WithinGroup, aggregates.within_group),
    ((exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.ApproxQuantile), aggregates.quantile),
    ((exp.LogicalOr, exp.LogicalAnd), aggregates.any_or_every),
    (exp.GroupConcat, aggregates.listing),
    (exp.Filter, aggregates.filtered),
    (
        (exp.DPipe, exp.Concat, exp.ConcatWs),
        lambda say, node: say.texts("chat.say.concat", x=say.values(_pieces(node))),
    ),
    (exp.Interval, lambda say, node: dates.duration(say, node.this, node.args.get("unit"))),
)
