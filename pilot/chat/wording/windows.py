"""Window functions in words: among which rows, in which order, over how many of them."""

from sqlglot import exp

from pilot.chat.wording.order import in_order
from pilot.chat.wording.speaker import Speaker

SIDES = {
    ("ROWS", "PRECEDING"): "chat.frame.rows_before", ("ROWS", "FOLLOWING"): "chat.frame.rows_after",
    ("", "PRECEDING"): "chat.frame.before", ("", "FOLLOWING"): "chat.frame.after",
}  # fmt: skip
ENDS = {"PRECEDING": "chat.frame.start", "FOLLOWING": "chat.frame.end"}


def window(say: Speaker, node: exp.Expr) -> str:
    told = say.value(node.this)
    parts = _parts(node)
    if groups := parts.get("partition_by"):
        told = say.texts("chat.say.within", x=told, groups=say.values(groups))
    elif parts.get("order") is None and isinstance(node.this, exp.AggFunc):
        told = say.texts("chat.say.over_all", x=told)
    if order := parts.get("order"):
        told = say.texts("chat.say.in_order", x=told, order=in_order(say, order))
    frame = parts.get("spec")
    return say.texts("chat.say.framed", x=told, frame=_frame(say, frame)) if frame is not None else told


def share(say: Speaker, node: exp.Div) -> str:
    """100 * x / SUM(x) OVER (...) as a percentage; "" for any other division, and for one that drops the rest."""
    hundred = ("100", "100.0") if say.dialect in ("mysql", "duckdb") else ("100.0",)
    part, whole = node.this.unnest(), node.expression.unnest()
    if isinstance(whole, exp.Nullif) and whole.expression.name == "0":
        whole = whole.this
    if not isinstance(part, exp.Mul) or not isinstance(whole, exp.Window) or not isinstance(whole.this, exp.Sum):
        return ""
    factors = [part.this.unnest(), part.expression.unnest()]
    parts = [each for each in factors if each.name not in hundred]
    if len(parts) != 1 or parts[0] != whole.this.this or set(_parts(whole)) - {"partition_by"}:
        return ""
    if groups := _parts(whole).get("partition_by"):
        return say.texts("chat.say.percent_within", x=say.value(parts[0]), groups=say.values(groups))
    return say.texts("chat.say.percent", x=say.value(parts[0]))


def neighbour(say: Speaker, node: exp.Expr) -> str:
    """LAG and LEAD: the value some rows away, and what stands where there is none."""
    back, offset, default = isinstance(node, exp.Lag), node.args.get("offset"), node.args.get("default")
    if offset is None or offset.name == "1":
        told = say.texts("chat.say.lag" if back else "chat.say.lead", x=say.value(node.this))
    else:
        key = "chat.say.lag_far" if back else "chat.say.lead_far"
        told = say.texts(key, x=say.value(node.this), count=say.value(offset))
    return told if default is None else say.texts("chat.say.or_else", x=told, default=say.value(default))


def _parts(node: exp.Expr) -> dict[str, exp.Expr | list[exp.Expr]]:
    """Of OVER (...), and of the WINDOW clause that it names."""
    own = {key: node.args[key] for key in ("partition_by", "order", "spec") if node.args.get(key)}
    query, name = node.find_ancestor(exp.Select), node.args.get("alias")
    for each in (query.args.get("windows") or []) if query is not None and name is not None else []:
        if each.name.lower() == name.name.lower():
            return {**_parts(each), **own}
    return own


def _frame(say: Speaker, spec: exp.Expr) -> str:
    kind = "ROWS" if str(spec.args.get("kind")).upper() == "ROWS" else ""
    start = _edge(say, kind, spec.args.get("start"), spec.args.get("start_side"))
    end = _edge(say, kind, spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"))
    return say.texts("chat.frame.rows" if kind else "chat.frame.range", start=start, end=end)


def _edge(say: Speaker, kind: str, edge: exp.Expr | str | None, side: str | None) -> str:
    if isinstance(edge, exp.Expr):
        return say.texts(SIDES[(kind, side or "PRECEDING")], count=say.value(edge))
    return say.texts("chat.frame.here" if edge == "CURRENT ROW" else ENDS[side or "PRECEDING"])
