"""Which questions are of one family: the same statement but for the values in it. What a family has taught, an exam
must not ask.
"""

from sqlglot import exp
from sqlglot.errors import SqlglotError

from pilot.chat.statements import parsed
from pilot.schema import Dialect


def family(sql: str, dialect: Dialect) -> str:
    """The statement without its values, its aliases and its spelling."""
    try:
        tree = parsed(sql, dialect).copy()
    except SqlglotError:
        return " ".join(sql.lower().split())
    tables = {table.alias_or_name.lower(): table.name.lower() for table in tree.find_all(exp.Table)}
    for table in tree.find_all(exp.Table):
        table.set("alias", None)
    for column in tree.find_all(exp.Column):
        if column.table:
            column.set("table", exp.to_identifier(tables.get(column.table.lower(), column.table.lower())))
    for select in tree.find_all(exp.Select):
        select.set("expressions", [part.unalias() for part in select.expressions])
    for literal in list(tree.find_all(exp.Literal)):
        literal.replace(exp.Placeholder())
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", False)
        identifier.set("this", identifier.name.lower())
    return str(tree.sql(dialect, comments=False))
