"""Tell what a checked statement does, in plain words, from its parsed tree: what people verify instead of SQL.

No model takes part: the words are as exact as the tree. One line for each step, in the order in which a person would
do them: read, match, keep, group, show, sort, cut.
"""

from collections.abc import Iterator

from sqlglot import exp

from pilot.chat.wording.conditions import condition
from pilot.chat.wording.names import Names
from pilot.chat.wording.order import grouped, in_order
from pilot.chat.wording.queries import count, first_of_each, join_kind, matched, named, query
from pilot.chat.wording.spacing import tidy
from pilot.chat.wording.speaker import COMPOSED, Speaker
from pilot.chat.wording.values import value
from pilot.i18n import Texts
from pilot.schema import Schema

JOINS = {
    "LEFT": "chat.explain.left_join", "RIGHT": "chat.explain.right_join", "FULL": "chat.explain.full_join",
    "": "chat.explain.join", "SEMI": "chat.explain.semi_join", "ANTI": "chat.explain.anti_join",
}  # fmt: skip
SETS: dict[type[exp.Expr], str] = {
    exp.Intersect: "chat.explain.intersect", exp.Except: "chat.explain.except",
}  # fmt: skip
UNIONS = {  # of two lists, and of more
    "each once": ("chat.explain.union", "chat.explain.union.many"),
    "all": ("chat.explain.union_all", "chat.explain.union_all.many"),
}


def explain(tree: exp.Expr, schema: Schema, texts: Texts, *, row_limit: int = 0) -> list[str]:
    """The steps. `row_limit` is the most rows that are shown: the LIMIT that the guard made of it is no step."""
    return [tidy(line, texts.language) for line in _steps(speaker(schema, texts), tree, row_limit)]


def speaker(schema: Schema, texts: Texts) -> Speaker:
    return Speaker(texts, Names(schema), schema.dialect, value, condition, query)


def _steps(say: Speaker, tree: exp.Expr, row_limit: int) -> Iterator[str]:
    with_ = tree.args.get("with_")
    for part in with_.expressions if with_ is not None else []:
        yield _list_made(say, part)
    match tree:
        case exp.Select():
            yield from _select(say, tree)
        case exp.SetOperation():
            yield from _set(say, tree)
        case exp.Subquery():
            yield from _steps(say, tree.this, 0)
        case _:
            yield say.texts("chat.explain.listing", sql=tree.sql(say.dialect, comments=False))
            return
    yield from _end(say, tree, row_limit)


def _select(say: Speaker, tree: exp.Select) -> Iterator[str]:
    from_ = tree.args.get("from_")
    if from_ is not None:
        yield from _read(say, from_.this, "chat.explain.read")
    for join in tree.args.get("joins") or []:
        yield from _join(say, join)
    if where := tree.args.get("where"):
        yield say.texts("chat.explain.keep", condition=say.condition(where.this))
    if group := tree.args.get("group"):
        yield say.texts("chat.explain.group", groups=grouped(say, group))
    if having := tree.args.get("having"):
        yield say.texts("chat.explain.having", condition=say.condition(having.this))
    if qualify := tree.args.get("qualify"):
        yield say.texts("chat.explain.qualify", condition=say.condition(qualify.this))
    yield _show(say, tree)
    if first := first_of_each(say, tree):
        yield say.texts("chat.explain.first_of_each", x=first)


def _list_made(say: Speaker, part: exp.Expr) -> str:
    """WITH: a list for this statement only. One that reads itself grows until nothing is added."""
    columns = [column.name for column in part.args["alias"].args.get("columns") or []]
    name = say.texts("chat.explain.with_columns", name=part.alias, columns=say.list(columns)) if columns else part.alias
    own = any(table.name.lower() == part.alias.lower() for table in part.this.find_all(exp.Table))
    return say.texts("chat.explain.grow" if own else "chat.explain.prepare", name=name, query=say.query(part.this))


def _read(say: Speaker, entry: exp.Expr, key: str) -> Iterator[str]:
    """A table; or a list that is made for this statement only, which is told first."""
    yield from _made(say, entry)
    yield say.texts(key, table=named(say, entry))


def _made(say: Speaker, entry: exp.Expr) -> Iterator[str]:
    if isinstance(entry, exp.Subquery):
        yield say.texts("chat.explain.prepare", name=entry.alias or "?", query=say.query(entry.this))
    elif isinstance(entry, exp.Lateral):
        yield say.texts("chat.explain.prepare_each", name=entry.alias or "?", query=say.query(entry.this))


def _join(say: Speaker, join: exp.Join) -> Iterator[str]:
    entry, condition = join.this, matched(say, join)
    yield from _made(say, entry)
    if not condition:
        key = "chat.explain.pairs" if _links(join.parent) else "chat.explain.every_pair"
        yield say.texts(key, table=named(say, entry))
        return
    key = JOINS.get(join_kind(join), JOINS[""])
    yield say.texts(key, table=named(say, entry), condition=condition)


def _links(query: exp.Expr | None) -> bool:
    """Whether WHERE matches tables: an older spelling of a join."""
    where = query.args.get("where") if query is not None else None
    tests = where.find_all(exp.EQ) if where is not None else ()
    return any(isinstance(test.this, exp.Column) and isinstance(test.expression, exp.Column) for test in tests)


def _show(say: Speaker, tree: exp.Select) -> str:
    alone = len(tree.expressions) == 1
    shown = say.list([_item(say, part, alone=alone) for part in tree.expressions])
    if not tree.args.get("distinct") or tree.args["distinct"].args.get("on") is not None:
        return say.texts("chat.explain.show", items=shown)
    plain = alone and isinstance(tree.expressions[0], exp.Column) and not tree.is_star
    return say.texts("chat.explain.show_values" if plain else "chat.explain.show_different", items=shown)


def _item(say: Speaker, part: exp.Expr, *, alone: bool) -> str:
    """A column that is shown, with the heading it is given where that says something new."""
    inner, told = part.unalias(), say.value(part)
    named_new = isinstance(part, exp.Alias) and part.alias.lower() != inner.name.lower()
    headed = part.alias if named_new else ""
    if isinstance(inner, COMPOSED) and (headed or not alone):
        told = say.texts("chat.say.bracket", x=told)
    return say.texts("chat.explain.headed", x=told, name=headed) if headed else told


def _set(say: Speaker, tree: exp.SetOperation) -> Iterator[str]:
    """Several lists that are put together in the same way are told one after the other."""
    lists = list(_same(tree, tree))
    for number, part in enumerate(lists, start=1):
        key = {1: "chat.explain.first_list", 2: "chat.explain.second_list"}.get(number, "chat.explain.next_list")
        yield say.texts(key, number=number, query=say.query(part))
    if not isinstance(tree, exp.Union):
        yield say.texts(SETS[type(tree)])
        return
    two, many = UNIONS["each once" if tree.args.get("distinct") else "all"]
    yield say.texts(two if len(lists) == 2 else many)


def _same(node: exp.Expr, outermost: exp.SetOperation) -> Iterator[exp.Expr]:
    """a UNION b UNION c as three; what has an order, a limit or brackets of its own is one."""
    alike = type(node) is exp.Union and type(outermost) is exp.Union
    same = alike and bool(node.args.get("distinct")) == bool(outermost.args.get("distinct"))
    if node is outermost or (same and not any(node.args.get(key) for key in ("order", "limit", "offset"))):
        yield from _same(node.this, outermost)
        yield from [node.expression]
    else:
        yield node


def _end(say: Speaker, tree: exp.Expr, row_limit: int) -> Iterator[str]:
    if order := tree.args.get("order"):
        yield say.texts("chat.explain.sort", order=in_order(say, order))
    if offset := count(tree.args.get("offset")):
        yield say.texts("chat.explain.leave_out", count=offset)
    limit = count(tree.args.get("limit"))
    if limit is not None and not (row_limit and limit > row_limit):
        yield say.texts("chat.explain.first", count=limit)
