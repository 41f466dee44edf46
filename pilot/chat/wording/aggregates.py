"""Counts, totals, averages in words; a CASE inside tells which rows are counted."""

from sqlglot import exp

from pilot.chat.wording.order import in_order
from pilot.chat.wording.speaker import Speaker

CONDITIONS = (
    exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.In,
    exp.Between, exp.Is, exp.Exists, exp.NullSafeEQ, exp.RegexpLike, exp.Glob,
)  # fmt: skip


def of_all(say: Speaker, node: exp.Expr, key: str) -> str:
    """SUM, AVG and their like; over a CASE that gives 1 or 0 they count, or say the share."""
    inner = node.this
    counted = _counted(inner)
    if counted is not None and isinstance(node, exp.Sum):
        return say.texts("chat.say.count_where", condition=say.condition(counted))
    if counted is not None and isinstance(node, exp.Avg):
        return say.texts("chat.say.share_where", condition=say.condition(counted))
    only = _only_where(inner, or_zero=isinstance(node, exp.Sum))
    if only is not None and isinstance(node, exp.Sum | exp.Avg):
        told = say.texts(key, x=over(say, only.args["true"]))
        return say.texts("chat.say.filtered", x=told, condition=say.condition(only.this))
    return say.texts(key, x=over(say, inner))


def over(say: Speaker, node: exp.Expr) -> str:
    """What an aggregate is over."""
    if isinstance(node, exp.Distinct):
        return say.texts("chat.say.different", x=say.values(node.expressions))
    if isinstance(node, exp.Order):
        return say.value(node.this)
    return say.operand(node)


def count(say: Speaker, node: exp.Expr) -> str:
    inner = node.this
    if isinstance(inner, exp.Distinct):
        return say.texts("chat.say.count_distinct", x=say.values(inner.expressions))
    if isinstance(inner, exp.Star | exp.Literal):
        return say.texts("chat.say.count")
    branch = single_branch(inner)
    if branch is not None and isinstance(branch.args["true"], exp.Literal) and _nothing(otherwise_of(inner)):
        return say.texts("chat.say.count_where", condition=say.condition(branch.this))
    return say.texts("chat.say.count_known", x=say.value(inner))


def _counted(node: exp.Expr) -> exp.Expr | None:
    """The condition, when a value is 1 where it holds and 0 elsewhere."""
    if isinstance(node, CONDITIONS):
        return node
    branch = single_branch(node)
    if branch is None or branch.args["true"].sql() not in ("1", "1.0"):
        return None
    otherwise = otherwise_of(node)
    zero = otherwise is not None and otherwise.sql() in ("0", "0.0")
    condition: exp.Expr = branch.this
    return condition if zero else None


def _only_where(node: exp.Expr, *, or_zero: bool) -> exp.Expr | None:
    """The branch, when a value stands where its condition holds and nothing elsewhere, or 0, which adds nothing."""
    branch, otherwise = single_branch(node), otherwise_of(node)
    zero = or_zero and otherwise is not None and otherwise.sql() in ("0", "0.0")
    return branch if branch is not None and (_nothing(otherwise) or zero) else None


def filtered(say: Speaker, node: exp.Expr) -> str:
    return say.texts("chat.say.filtered", x=say.value(node.this), condition=say.condition(node.expression.this))


def within_group(say: Speaker, node: exp.Expr) -> str:
    """PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY price)."""
    order = node.expression.expressions
    inner = node.this
    if isinstance(inner, exp.PercentileCont | exp.PercentileDisc) and len(order) == 1:
        return say.texts("chat.say.quantile", x=say.value(order[0].this), share=say.value(inner.this))
    if isinstance(inner, exp.Mode) and len(order) == 1:
        return say.texts("chat.say.mode", x=say.value(order[0].this))
    return str(node.sql(say.dialect, comments=False))


def quantile(say: Speaker, node: exp.Expr) -> str:
    share = node.args.get("quantile") or node.args.get("expression")
    if share is None:
        return str(node.sql(say.dialect, comments=False))
    return say.texts("chat.say.quantile", x=over(say, node.this), share=say.value(share))


def any_or_every(say: Speaker, node: exp.Expr) -> str:
    key = "chat.say.in_any" if isinstance(node, exp.LogicalOr) else "chat.say.in_every"
    return say.texts(key, condition=say.condition(node.this))


def listing(say: Speaker, node: exp.Expr) -> str:
    """GROUP_CONCAT, with the order of its parts where one is given."""
    inner = node.this
    if not isinstance(inner, exp.Order):
        return say.texts("chat.say.group_concat", x=over(say, inner))
    told = say.texts("chat.say.group_concat", x=over(say, inner.this))
    return say.texts("chat.say.in_order", x=told, order=in_order(say, inner))


def single_branch(node: exp.Expr) -> exp.Expr | None:
    if isinstance(node, exp.If):
        return node
    if isinstance(node, exp.Case) and node.this is None and len(node.args["ifs"]) == 1:
        branch: exp.Expr = node.args["ifs"][0]
        return branch
    return None


def otherwise_of(node: exp.Expr) -> exp.Expr | None:
    return node.args.get("false") if isinstance(node, exp.If) else node.args.get("default")


def _nothing(node: exp.Expr | None) -> bool:
    return node is None or isinstance(node, exp.Null)
