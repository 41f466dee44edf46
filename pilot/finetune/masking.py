"""Questions without personal data: values of the columns that the owner names never enter an example.

In the place of each stands a word that means nobody, the same in question and SQL, so that what is learnt is where such
a value goes. Such columns show the model no samples either.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlglot import exp

from pilot.chat.statements import COMPARISONS, literals, parsed, table_of
from pilot.datasource.catalog import OpenSource
from pilot.prompts.text_to_sql import TextToSql
from pilot.schema import Column, Schema, Table, ValueHit
from pilot.store import Approved

Place = tuple[str, str]  # table and column, in lower case


@dataclass(frozen=True)
class Question:
    """A question whose answer is known. `stands_for` are the words put in the place of personal values."""

    id: str
    source: str
    question: str
    sql: str
    asked_on: date
    family: str
    rejected: str = ""
    stands_for: tuple[ValueHit, ...] = ()

    @property
    def approved(self) -> Approved:
        return Approved(self.id, self.source, self.question, self.sql, "", self.asked_on, datetime.min)


def without(question: Question, opened: OpenSource, columns: Sequence[str]) -> Question | None:
    """The same question with other values in it; None where it names one by a number, for which no word can stand.
    Columns are named as table.column.
    """
    hidden, schema = places(columns, opened.schema), opened.schema
    trees = [parsed(sql, schema.dialect) for sql in (question.sql, question.rejected) if sql]
    said = [((hit.table.lower(), hit.column.lower()), hit.value, hit.text)
            for hit in opened.values.every(question.question)]  # fmt: skip
    for literal in [literal for tree in trees for literal in literals(tree)]:
        if place := _beside(literal, hidden, schema):
            if not literal.is_string:
                return None
            plain = literal.name.strip("%")
            said.append((place, plain, plain))
    text, stands_for = question.question, list(question.stands_for)
    names: dict[str, str] = {}
    for (table, column), value, spelled in said:
        if (table, column) not in hidden or not value:
            continue
        name = names.setdefault(value.lower(), f"{column.capitalize()}{len(names) + 1}")
        text = re.sub(re.escape(spelled), name, text, flags=re.IGNORECASE)
        stands_for.append(ValueHit(*_spelled(table, column, schema), name, name))
        for literal in [literal for tree in trees for literal in literals(tree)]:
            if literal.is_string and literal.name.strip("%").lower() == value.lower():
                literal.replace(exp.Literal.string(literal.name.replace(literal.name.strip("%"), name)))
    sql, *rejected = (str(tree.sql(schema.dialect)) for tree in trees)
    kept = tuple(dict.fromkeys(stands_for))
    return replace(question, question=text, sql=sql, rejected="".join(rejected), stands_for=kept)


def _beside(literal: exp.Literal, hidden: set[Place], schema: Schema) -> Place | None:
    """The hidden column with which it is compared, be it within a function or of a table that is not plain to see. Of
    numbers only what is equal to one tells whose it is.
    """
    test = literal.find_ancestor(*COMPARISONS, exp.Select)
    if test is None or not isinstance(test, COMPARISONS if literal.is_string else (exp.EQ, exp.NEQ, exp.In)):
        return None
    for column in test.find_all(exp.Column):
        table = table_of(column, schema).lower()
        found = [place for place in hidden if place[1] == column.name.lower() and table in ("", place[0])]
        if found:
            return min(found)
    return None


def _spelled(table: str, column: str, schema: Schema) -> tuple[str, str]:
    """As the schema has them."""
    holder = next(each for each in schema.tables if each.name.lower() == table)
    return holder.name, next(each.name for each in holder.columns if each.name.lower() == column)


def unseen(task: TextToSql, question: Question, columns: Sequence[str]) -> TextToSql:
    """What a model may be told of this question."""
    if not columns:
        return task
    hidden = places(columns, task.schema)
    hits = [hit for hit in task.hits if (hit.table.lower(), hit.column.lower()) not in hidden]
    tables = tuple(replace(table, columns=tuple(_bare(table, each, hidden) for each in table.columns))
                   for table in task.schema.tables)  # fmt: skip
    return replace(task, schema=replace(task.schema, tables=tables), hits=(*hits, *question.stands_for))


def places(columns: Sequence[str], schema: Schema) -> set[Place]:
    """Those of the columns that this schema has."""
    named = ((name.rpartition(".")[0], name.rpartition(".")[2]) for name in columns)
    return {(table.lower(), column.lower()) for table, column in named
            if (holder := schema.table(table)) and holder.column(column)}  # fmt: skip


def _bare(table: Table, column: Column, hidden: set[Place]) -> Column:
    return replace(column, samples=()) if (table.name.lower(), column.name.lower()) in hidden else column
