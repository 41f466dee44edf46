"""The owner's words, for a model that reads names alone.

What the question calls by a synonym is renamed for the model, and back again in its SQL. A metric that the question
names becomes a column of the table that it counts; where the SQL uses that column, the metric's own SQL is put, with
the rows and the joins that it needs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp

from pilot.model.text_to_sql.words import name_words, stem, words_of
from pilot.prompts.text_to_sql import TextToSql
from pilot.schema import Column, Dialect, ForeignKey, Metric, Schema, Table, ValueHit

SIMPLE = (exp.Sum, exp.Avg, exp.Min, exp.Max)  # of one expression per row
SHORT = 3  # words of a comment that may stand for the name


@dataclass(frozen=True)
class Spoken:
    """The task in the question's words, and the way back."""

    task: TextToSql
    schema: Schema  # as the database spells it
    tables: Mapping[str, str]  # renamed -> own name
    columns: Mapping[str, str]
    metrics: Mapping[str, Metric]  # by the name of the column that stands for it

    @classmethod
    def of(cls, task: TextToSql) -> "Spoken":
        said = [stem(word.text) for word in words_of(task.question)]
        taken = {table.name.lower() for table in task.schema.tables}
        taken |= {column.name.lower() for table in task.schema.tables for column in table.columns}
        tables = dict(_renamed(_called(task.schema.tables), said, taken))
        columns = dict(_renamed(_called(each for table in task.schema.tables for each in table.columns), said, taken))
        metrics = {
            name: metric
            for metric in task.schema.metrics
            if (name := _free(next((each for each in (metric.name, *metric.synonyms) if _says(said, each)), ""), taken))
        }
        schema = _in_other_words(task.schema, tables, columns)
        schema = _with_columns(schema, metrics, tables, task.schema.dialect)
        hits = tuple(_hit(hit, tables, columns) for hit in task.hits)
        back = {new: old for old, new in tables.items()}, {new: old for old, new in columns.items()}
        return cls(replace(task, schema=schema, hits=hits), task.schema, *back, metrics)

    def uses(self, sql: str) -> bool:
        """Whether the statement counts what the question names: another figure of that name is not the owner's."""
        tree = sqlglot.parse_one(sql, read=self.schema.dialect)
        return self.metrics.keys() <= {column.name for column in tree.find_all(exp.Column)}

    def own(self, sql: str) -> str:
        """The statement in the database's words."""
        if not (self.tables or self.columns or self.metrics):
            return sql
        tree = sqlglot.parse_one(sql, read=self.schema.dialect)
        for identifier in list(tree.find_all(exp.Identifier)):
            names = self.columns if _is_column(identifier) else self.tables
            if identifier.name in names:
                identifier.replace(_name(names[identifier.name]))
        for query in list(tree.find_all(exp.Select)):
            for name, metric in self.metrics.items():
                _Counted(query, self.schema).put(name, metric)
        return tree.sql(self.schema.dialect)


class _Counted:
    """One SELECT in which a metric takes the place of its column."""

    def __init__(self, query: exp.Select, schema: Schema) -> None:
        self._query = query
        self._schema = schema

    def put(self, name: str, metric: Metric) -> None:
        uses = [column for column in self._query.find_all(exp.Column) if column.name == name]
        uses = [column for column in uses if column.find_ancestor(exp.Select) is self._query]
        if not uses:
            return
        figure = sqlglot.parse_one(metric.sql, read=self._schema.dialect)
        where = sqlglot.parse_one(metric.where, read=self._schema.dialect) if metric.where else None
        present = self._tables()
        for column in self._query.find_all(exp.Column):
            if not column.table and len(present) == 1 and column not in uses:
                column.set("table", _name(present[0]))
        for column in uses:
            self._replace(column, figure)
        for tree in filter(None, (figure, where)):
            for needed in dict.fromkeys(column.table for column in tree.find_all(exp.Column)):
                self._join(needed)
        if where is not None:
            self._query.where(where.copy(), copy=False)

    def _replace(self, column: exp.Column, figure: exp.Expr) -> None:
        around = column.parent
        per_row = figure.this if isinstance(figure, SIMPLE) else None
        if isinstance(around, SIMPLE):
            if per_row is None or type(around) is type(figure):
                around.replace(figure.copy())
            else:
                column.replace(exp.paren(per_row.copy()))
        elif per_row is not None and not self._counts(column):
            column.replace(exp.paren(per_row.copy()))
        else:
            column.replace(figure.copy())

    def _counts(self, column: exp.Column) -> bool:
        """Whether the bare column means the figure: of each group, or the only thing asked for."""
        if column.find_ancestor(exp.Where):
            return False
        return bool(self._query.args.get("group")) or len(self._query.expressions) == 1

    def _tables(self) -> list[str]:
        return [table.name for table in self._query.find_all(exp.Table)
                if table.find_ancestor(exp.Select) is self._query]  # fmt: skip

    def _join(self, needed: str) -> None:
        """Bring a table in by the shortest way of foreign keys."""
        present = self._tables()
        before: dict[str, tuple[str, ForeignKey, bool] | None] = dict.fromkeys(present)
        ring = list(present)
        while ring and needed not in before:
            following = []
            for name in ring:
                for other, key, ours in self._neighbours(name):
                    if other not in before:
                        before[other] = (name, key, ours)
                        following.append(other)
            ring = following
        way = []
        step = needed
        while (link := before.get(step)) is not None:
            way.append((step, *link))
            step = link[0]
        for name, known, key, ours in reversed(way):
            one, other = (known, name) if ours else (name, known)
            pairs = zip(key.columns, key.ref_columns, strict=True)
            on = [
                exp.column(_name(left), _name(one)).eq(exp.column(_name(right), _name(other))) for left, right in pairs
            ]
            self._query.join(exp.Table(this=_name(name)), on=exp.and_(*on), copy=False)

    def _neighbours(self, name: str) -> Iterator[tuple[str, ForeignKey, bool]]:
        """(table, key, whether the key is of `name`)"""
        for table in self._schema.tables:
            for key in table.foreign_keys:
                if table.name == name:
                    yield key.ref_table, key, True
                elif key.ref_table == name:
                    yield table.name, key, False


Called = Iterator[tuple[str, Sequence[str]]]


def _called(each: Iterator[Table | Column] | Sequence[Table | Column]) -> Called:
    """(name, what it may be called as well)"""
    for one in each:
        brief = one.comment if 0 < len(one.comment.split()) <= SHORT else ""
        others = [other for other in (*one.synonyms, brief) if other]
        if others:
            yield one.name, others


def _renamed(called: Called, said: Sequence[str], taken: set[str]) -> Iterator[tuple[str, str]]:
    """(own name, the question's word for it), where the question does not say the name itself."""
    for name, others in called:
        found = next((other for other in others if _says(said, other)), "")
        if found and not _says(said, name) and (new := _free(found, taken)):
            taken.add(new)
            yield name, new


def _says(said: Sequence[str], name: str) -> bool:
    wanted = [stem(word) for word in name_words(name).split()]
    return bool(wanted) and any(list(said[at : at + len(wanted)]) == wanted for at in range(len(said)))


def _free(text: str, taken: set[str]) -> str:
    """The words as a name that nothing else has; "" when there is none."""
    name = "_".join(name_words(text).split()) if text else ""
    return name if name.isidentifier() and name not in taken else ""


def _in_other_words(schema: Schema, tables: Mapping[str, str], columns: Mapping[str, str]) -> Schema:
    def key(each: ForeignKey) -> ForeignKey:
        ours, theirs = (tuple(columns.get(name, name) for name in names) for names in (each.columns, each.ref_columns))
        return replace(each, columns=ours, ref_table=tables.get(each.ref_table, each.ref_table), ref_columns=theirs)

    return replace(schema, tables=tuple(
        replace(
            table,
            name=tables.get(table.name, table.name),
            columns=tuple(replace(column, name=columns.get(column.name, column.name)) for column in table.columns),
            foreign_keys=tuple(map(key, table.foreign_keys)),
        )
        for table in schema.tables
    ))  # fmt: skip


def _with_columns(schema: Schema, metrics: Mapping[str, Metric], tables: Mapping[str, str], dialect: Dialect) -> Schema:
    """Each metric as a number of the table that it counts."""
    for name, metric in metrics.items():
        first = next(iter(sqlglot.parse_one(metric.sql, read=dialect).find_all(exp.Column)), None)
        home = tables.get(first.table, first.table) if first else ""
        column = Column(name, "DECIMAL", "number")
        schema = replace(schema, tables=tuple(
            replace(table, columns=(*table.columns, column)) if table.name == home else table for table in schema.tables
        ))  # fmt: skip
    return schema


def _hit(hit: ValueHit, tables: Mapping[str, str], columns: Mapping[str, str]) -> ValueHit:
    return replace(hit, table=tables.get(hit.table, hit.table), column=columns.get(hit.column, hit.column))


def _is_column(identifier: exp.Identifier) -> bool:
    return isinstance(identifier.parent, exp.Column) and identifier.arg_key == "this"


def _name(text: str) -> exp.Identifier:
    return exp.to_identifier(text, quoted=not text.isidentifier() or None)
