"""A query as the model means it: a small tree over the numbers of a SchemaView, without any SQL text."""

from dataclasses import dataclass
from typing import Literal

from pilot.model.text_to_sql.view import STAR, Join

Aggregate = Literal["COUNT", "SUM", "AVG", "MIN", "MAX"]
Arithmetic = Literal["PLUS", "MINUS", "MUL", "DIV"]
Operator = Literal["EQ", "NE", "GT", "LT", "GE", "LE", "LIKE", "STARTS", "ENDS", "NOTLIKE", "IN", "NOTIN", "BETWEEN",
                   "ISNULL", "NOTNULL"]  # fmt: skip
Part = Literal["YEAR", "MONTH", "DAY"]  # of a moment, and all that is larger: a month is one of its year
Compound = Literal["UNION", "INTERSECT", "EXCEPT"]
Direction = Literal["ASC", "DESC"]
Value = int | float | str  # a string is as the question spells it


@dataclass(frozen=True)
class Term:
    """A column, or a part of its time, or combined with a second one; perhaps aggregated: SUM(quantity * price)."""

    column: int
    aggregate: Aggregate | None = None
    distinct: bool = False
    arithmetic: Arithmetic | None = None
    other: int = STAR
    part: Part | None = None

    @property
    def columns(self) -> tuple[int, ...]:
        return (self.column, self.other) if self.arithmetic else (self.column,)


@dataclass(frozen=True)
class Condition:
    """`term operator right`; the right side is values, a column, a query, or nothing (IS NULL)."""

    term: Term
    operator: Operator
    values: tuple[Value, ...] = ()
    column: int | None = None
    query: "Query | None" = None
    connective: Literal["AND", "OR"] | None = None  # to the condition before


@dataclass(frozen=True)
class Order:
    term: Term
    direction: Direction


@dataclass(frozen=True)
class Query:
    tables: tuple[int, ...]
    select: tuple[Term, ...]
    joins: tuple[Join, ...] = ()
    distinct: bool = False
    where: tuple[Condition, ...] = ()
    groups: tuple[Term, ...] = ()
    having: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: Value | None = None
    compound: "tuple[Compound, Query] | None" = None
