"""Text-to-SQL as chat messages, and back: `parse` undoes `render`, so the bundled model reads what any LLM reads.

The user message is a schema as CREATE TABLE text, the cell values that the question mentions as comments, and the
question. Facts about a column stand in the comment behind it; a table of which nothing more is told takes one line:

    CREATE TABLE customers (  -- everyone who ever ordered; also called "clients", "buyers"
      id INTEGER PRIMARY KEY,
      city TEXT  -- where the parcel goes; for example 'Berlin', 'Lyon'
    );
    CREATE TABLE countries (code TEXT PRIMARY KEY, name TEXT);
    -- "revenue", also called "sales", is SUM(orders.total) WHERE orders.status = 'paid'  -- what customers have paid
    -- the question's "munich" is customers.city = 'München'

    Question: how many customers are in munich?
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pilot.errors import InputInvalid
from pilot.protocol import Message
from pilot.schema import DIALECTS, Column, Dialect, ForeignKey, Kind, Metric, Schema, Table, ValueHit

PRODUCT = {"sqlite": "SQLite", "mysql": "MySQL", "postgres": "PostgreSQL", "duckdb": "DuckDB"}
SYSTEM = (
    "You write one {product} SELECT statement that answers the question. "
    "Use only the tables and columns given. Answer with the SQL alone, without explanation."
)

DECLINED = "The database does not say"  # how a reply begins that declines a question which the schema cannot answer


@dataclass(frozen=True)
class Attempt:
    """An earlier statement of this question, and what was wrong with it: a repair is asked for."""

    sql: str
    problem: str


@dataclass(frozen=True)
class Example:
    """An approved answer that resembles the question."""

    question: str
    sql: str


@dataclass(frozen=True)
class TextToSql:
    """The task: everything the model is told."""

    question: str
    schema: Schema
    hits: tuple[ValueHit, ...] = ()
    examples: tuple[Example, ...] = ()
    history: tuple[Example, ...] = ()  # earlier turns of this conversation, oldest first
    attempt: Attempt | None = None
    today: str = ""  # ISO date that "last quarter" is counted from
    times: tuple[str, ...] = ()  # what the question says of time, as days
    definitions: tuple[str, ...] = ()  # what the owner's documents say of its words


def render(task: TextToSql) -> list[Message]:
    """The messages of this task. What stays the same between questions comes first, so that its prefix is cached."""
    parts = [create_table(table) for table in task.schema.tables]
    parts += [_metric(metric) for metric in task.schema.metrics]
    parts += [f"-- the question's {_quoted(hit.text)} is {hit.table}.{hit.column} = {_literal(hit.value)}"
              for hit in task.hits]  # fmt: skip
    if task.today:
        parts.append(f"-- today is {task.today}")
    parts += [f"-- the question's {_line(time)}" for time in task.times]
    parts += [f"-- the owner's documents say: {_line(each)}" for each in task.definitions]
    for example in task.examples:
        parts.append(f"-- for example {_quoted(example.question)} is answered by: {_line(example.sql)}")
    messages = [Message(role="system", content=SYSTEM.format(product=PRODUCT[task.schema.dialect]))]
    context = "\n".join(parts)
    for turn in task.history:
        messages.append(Message(role="user", content=f"Question: {_line(turn.question)}"))
        messages.append(Message(role="assistant", content=turn.sql))
    messages.append(Message(role="user", content=f"{context}\n\nQuestion: {_line(task.question)}"))
    if task.attempt:
        messages.append(Message(role="assistant", content=task.attempt.sql))
        messages.append(Message(role="user", content=f"That is wrong: {_line(task.attempt.problem)}. Correct the SQL."))
    return messages


def declining(missing: str = "") -> str:
    """A reply without SQL. `missing` is what the question names and the schema has nothing for, where that is known."""
    return f"{DECLINED}: there is nothing called {_quoted(missing)} in it." if missing else f"{DECLINED}."


def declined(reply: str) -> str | None:
    """The missing word if this reply declines, "" where it names none; None for any other reply."""
    if not reply.strip().startswith(DECLINED):
        return None
    named = re.search(r'called "(.*?)" in it', reply)
    return named[1] if named else ""


def parse(messages: Sequence[Message]) -> TextToSql:
    """Read a task out of messages: those of `render`, or any that hold CREATE TABLE text and a question.

    Raises InputInvalid when no table or no question is in them.
    """
    dialect = _dialect(messages)
    contexts = [
        message.content
        for message in messages
        if message.role != "assistant" and "CREATE TABLE" in message.content.upper()
    ]
    if not contexts:
        raise InputInvalid(
            "there is no CREATE TABLE text in the messages",
            remedy="Send the schema as CREATE TABLE statements, then a line 'Question: ...'.",
        )
    context = contexts[-1]
    tables = tuple(_tables(context, dialect))
    asked = [match for message in messages if message.role == "user" for match in QUESTION.findall(message.content)]
    question = asked[-1].strip() if asked else _after_schema(context)
    if not tables or not question:
        raise InputInvalid("the messages hold no readable table or no question", remedy="End with 'Question: ...'.")
    hits = tuple(
        ValueHit(table, column, value.replace("''", "'"), text) for text, table, column, value in HIT.findall(context)
    )
    today = TODAY.search(context)
    schema = Schema(dialect, tables, tuple(_metrics(context)))
    return TextToSql(question, schema, hits, today=today[1] if today else "")


QUESTION = re.compile(r"^\s*(?:--\s*)?Question:\s*(.+)$", re.MULTILINE | re.IGNORECASE)
HIT = re.compile(r"^-- the question's \"(.*?)\" is (.+?)\.(\S+) = '((?:[^']|'')*)'$", re.MULTILINE)
TODAY = re.compile(r"^-- today is (\d{4}-\d{2}-\d{2})$", re.MULTILINE)
SAMPLES = re.compile(r"(?:^|; )for example ((?:'(?:[^']|'')*'(?:, )?)+)$")
ALSO = re.compile(r'(?:^|; )also called ((?:"[^"]*"(?:, )?)+)$')
METRIC = re.compile(
    r'^-- "([^"]+)"(?:, also called ((?:"[^"]*"(?:, )?)+),)? is (.+?)(?: WHERE (.+?))?(?:  -- (.*))?$', re.MULTILINE
)
CREATE = re.compile(r"CREATE\s+(?:TABLE|VIEW)\b.*?(?:;|\Z)", re.IGNORECASE | re.DOTALL)

RESERVED = frozenset((  # what `parse` would not take for a name in one of the dialects
    "ALTER", "AND", "ANY", "AS", "BETWEEN", "CASE", "CHARSET", "CONSTRAINT", "CREATE", "CROSS",
    "CURRENT_CATALOG", "CURRENT_DATE", "CURRENT_SCHEMA", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER",
    "DISTINCT", "DISTINCTROW", "DROP", "ELSE", "EXCEPT", "EXCLUDE", "FALSE", "FETCH", "FOR", "FORCE", "FROM",
    "FUNCTION", "GLOB", "GRANT", "HAVING", "IGNORE", "ILIKE", "INDEX", "INNER", "INSERT", "INSTALL",
    "INTERSECT", "INTO", "JOIN", "KEY", "LATERAL", "LIKE", "LOCALTIME", "LOCALTIMESTAMP", "MACRO", "MAP", "MOD",
    "NOT", "NOTNULL", "NULL", "ON", "ONLY", "OR", "OUTER", "PARTITIONED_BY", "POSITIONAL", "QUALIFY", "REGEXP",
    "RETURNING", "REVOKE", "RLIKE", "ROLLBACK", "SELECT", "SEPARATOR", "SESSION_USER", "STRAIGHT_JOIN",
    "SUMMARIZE", "TABLE", "TABLESAMPLE", "THEN", "TRUE", "UNCACHE", "UNION", "UNIQUE", "USING", "VALUES",
    "VARIADIC", "WHEN", "WHERE", "WITH", "XOR",
))  # fmt: skip


def create_table(table: Table) -> str:
    """One table as the model reads it."""
    head = f"CREATE TABLE {name(table.name)} ("
    told = _notes_of(table.comment, table.synonyms)
    if not told and not any(column.comment or column.samples or column.synonyms for column in table.columns):
        return head + ", ".join(_line_of(table)) + ");"
    rows = list(_rows(table))
    body = [
        f"  {text}{',' if i < len(rows) - 1 else ''}{f'  -- {note}' if note else ''}"
        for i, (text, note) in enumerate(rows)
    ]
    return "\n".join([f"{head}{f'  -- {told}' if told else ''}", *body, ");"])


def _rows(table: Table) -> Iterator[tuple[str, str]]:
    """What stands between the parentheses: each line with its note."""
    single_key = [column.name for column in table.columns if column.primary_key]
    for column in table.columns:
        key = " PRIMARY KEY" if single_key == [column.name] else ""
        samples = "for example " + ", ".join(map(_literal, column.samples)) if column.samples else ""
        note = _notes_of(column.comment.replace(";", ","), column.synonyms, samples)
        yield f"{name(column.name)} {column.type}{key}".rstrip(), note
    if len(single_key) > 1:
        yield f"PRIMARY KEY ({', '.join(map(name, single_key))})", ""
    for key_ in table.foreign_keys:
        yield _foreign_key(key_), ""


def _line_of(table: Table) -> Iterator[str]:
    """The same in fewer words: a key of one column stands behind it."""
    single_key = [column.name for column in table.columns if column.primary_key]
    inline = {key.columns[0]: key for key in reversed(table.foreign_keys) if len(key.columns) == 1}
    for column in table.columns:
        key = " PRIMARY KEY" if single_key == [column.name] else ""
        refers = inline.get(column.name)
        behind = f" REFERENCES {name(refers.ref_table)} ({name(refers.ref_columns[0])})" if refers else ""
        yield f"{name(column.name)} {column.type}".rstrip() + key + behind
    if len(single_key) > 1:
        yield f"PRIMARY KEY ({', '.join(map(name, single_key))})"
    for other in table.foreign_keys:
        if other not in inline.values():
            yield _foreign_key(other)


def _foreign_key(key: ForeignKey) -> str:
    ours, theirs = ", ".join(map(name, key.columns)), ", ".join(map(name, key.ref_columns))
    return f"FOREIGN KEY ({ours}) REFERENCES {name(key.ref_table)} ({theirs})"


def _notes_of(comment: str, synonyms: Sequence[str], samples: str = "") -> str:
    also = f"also called {_listed(synonyms)}" if synonyms else ""
    return "; ".join(filter(None, (_line(comment), also, samples)))


def _metric(metric: Metric) -> str:
    also = f", also called {_listed(metric.synonyms)}," if metric.synonyms else ""
    where = f" WHERE {_line(metric.where)}" if metric.where else ""
    told = f"  -- {_line(metric.description)}" if metric.description else ""
    return f"-- {_quoted(metric.name)}{also} is {_line(metric.sql)}{where}{told}"


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(map(_quoted, texts))


def name(text: str) -> str:
    """An identifier as CREATE TABLE text shows it: quoted only where it must be."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) and text.upper() not in RESERVED
    return text if plain else '"' + text.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + _line(text).replace("'", "''") + "'"


def _quoted(text: str) -> str:
    return '"' + _line(text).replace('"', "'") + '"'


def _line(text: str) -> str:
    """One line: a newline inside a comment would end it."""
    return " ".join(text.split())


def _dialect(messages: Sequence[Message]) -> Dialect:
    text = " ".join(message.content for message in messages if message.role == "system")
    return next((dialect for dialect in DIALECTS if PRODUCT[dialect] in text), "sqlite")


def _after_schema(context: str) -> str:
    """The last line that is neither SQL nor comment: people do not always write 'Question:'."""
    rest = CREATE.sub("", context)
    lines = [line.strip() for line in rest.splitlines() if line.strip() and not line.strip().startswith("--")]
    return lines[-1] if lines else ""


def _tables(context: str, dialect: Dialect) -> list[Table]:
    tables = []
    for statement in _statements(context):
        notes = _notes(statement)
        try:
            tree = sqlglot.parse_one(_unquote_mysql(statement, dialect), read=dialect)
        except SqlglotError:
            continue  # one strange table must not hide the others
        if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
            tables.append(_table(tree.this, notes, view=tree.kind == "VIEW"))
    return tables


def _unquote_mysql(statement: str, dialect: Dialect) -> str:
    """`name` quotes by SQL's standard; MySQL's own quote is the backtick."""
    return (
        re.sub(r'"((?:[^"]|"")*)"', lambda found: "`" + found[1] + "`", statement) if dialect == "mysql" else statement
    )


def _statements(context: str) -> list[str]:
    """CREATE TABLE statements, each to its closing parenthesis: comments may hold semicolons and parentheses."""
    found: list[str] = []
    lines: list[str] = []
    for line in context.splitlines():
        if re.match(r"\s*CREATE\s+(TABLE|VIEW)\b", line, re.IGNORECASE):
            lines = [line]
        elif lines:
            lines.append(line)
        if lines and re.search(r"\)[^()]*;?\s*$", line.split("--")[0]) and _balanced(lines):
            found.append("\n".join(lines))
            lines = []
    return found


def _balanced(lines: list[str]) -> bool:
    code = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`", "", "\n".join(re.sub(r"--.*", "", line) for line in lines))
    return code.count("(") == code.count(")")


def _notes(statement: str) -> dict[str, str]:
    """First word of a line (a column's name, lower case; CREATE's line under "") -> its comment."""
    notes = {}
    for line in statement.splitlines():
        code, dashes, note = line.partition("--")
        words = re.match(r'\s*(?:"([^"]+)"|`([^`]+)`|(\w+))', code)
        if dashes and words:
            first = next(word for word in words.groups() if word)
            notes["" if first.upper() == "CREATE" else first.lower()] = note.strip()
    return notes


def _table(schema: exp.Schema, notes: dict[str, str], *, view: bool) -> Table:
    # SQLite's columns need no type: then they are read as bare names
    definitions = [part for part in schema.expressions if isinstance(part, exp.ColumnDef | exp.Identifier)]
    keys = {part.name.lower() for part in definitions if part.find(exp.PrimaryKeyColumnConstraint)}
    for constraint in schema.find_all(exp.PrimaryKey):
        keys |= {part.name.lower() for part in constraint.expressions}
    columns = tuple(
        _column(part, notes.get(part.name.lower(), ""), key=part.name.lower() in keys) for part in definitions
    )
    comment, synonyms, _ = _told(notes.get("", ""))
    keys_ = tuple(_foreign_keys(schema))
    return Table(schema.this.name, columns, keys_, comment=comment, view=view, synonyms=synonyms)


def _column(part: exp.ColumnDef | exp.Identifier, note: str, *, key: bool) -> Column:
    comment, synonyms, samples = _told(note)
    spelled = part.kind.sql() if isinstance(part, exp.ColumnDef) and part.kind else ""
    return Column(
        part.name, spelled, kind_of(spelled), primary_key=key, comment=comment, samples=samples, synonyms=synonyms
    )


def _told(note: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """A note's comment, synonyms and samples."""
    found = SAMPLES.search(note)
    samples = tuple(text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", found[1])) if found else ()
    note = note[: found.start()] if found else note
    also = ALSO.search(note)
    return (note[: also.start()], _unlisted(also[1]), samples) if also else (note, (), samples)


def _metrics(context: str) -> Iterator[Metric]:
    for name_, also, sql, where, told in METRIC.findall(context):
        yield Metric(name_, sql, where, told, _unlisted(also))


def _unlisted(texts: str) -> tuple[str, ...]:
    return tuple(re.findall(r'"([^"]*)"', texts))


def _foreign_keys(schema: exp.Schema) -> list[ForeignKey]:
    keys = []
    for constraint in schema.find_all(exp.ForeignKey):
        reference = constraint.args["reference"].this
        ours = tuple(part.name for part in constraint.expressions)
        theirs = tuple(part.name for part in reference.expressions) if isinstance(reference, exp.Schema) else ours
        keys.append(ForeignKey(ours, reference.find(exp.Table).name, theirs))
    for part in schema.expressions:
        reference = part.find(exp.Reference) if isinstance(part, exp.ColumnDef) else None
        if reference:
            target = reference.this
            columns = (
                tuple(column.name for column in target.expressions) if isinstance(target, exp.Schema) else (part.name,)
            )
            keys.append(ForeignKey((part.name,), target.find(exp.Table).name, columns))
    return keys


def kind_of(type_: str) -> Kind:
    """What a question can do with a column of this SQL type."""
    upper = type_.upper()
    if re.match(r"ENUM\b|SET\b", upper):  # whose values may spell anything: ENUM('daily', 'printed')
        return "text"
    if upper.endswith("]") or re.match(r"(STRUCT|MAP|UNION)\b|JSON", upper):  # several values in one
        return "other"
    if re.match(r"(MULTI)?(POINT|POLYGON|LINESTRING)|GEO", upper):
        return "other"
    if re.search(r"DATE|TIME|YEAR|INTERVAL", upper):
        return "time"
    if re.search(r"BOOL|TINYINT\(1\)|^BIT(\(1\))?$", upper):
        return "boolean"
    if re.search(r"INT|REAL|NUM|DEC|FLO|DOUB|MONEY|SERIAL", upper):
        return "number"
    if re.search(r"CHAR|TEXT|CLOB|ENUM|SET|UUID|STRING|^$", upper):
        return "text"
    return "other"
