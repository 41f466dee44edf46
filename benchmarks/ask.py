"""Asking a database, measured: the guard on right SQL, large schemas, the grammar, and what the whole way gains.

    python benchmarks/ask.py DATA [--only guard large grammar samples gain] [--samples 500] [--json FILE]

DATA is a folder with spider_train.jsonl, databases/spider/*.sqlite, suggested_dev_db_ids.json, schemas_classic.json and
its question files. Processor time is counted, so that others on the machine disturb little.

gold_refused            right statements that the guard refuses; those that SQLite itself refuses are not counted
gold_in_grammar         share of the distinct ones, 300 of each set, that the grammar holds, spelled as it spells them
tables_recall_700       share of questions of which every table is in what the model sees (2,000 tokens), of all
                        databases merged into one; by words and vectors, as in the product
tables_recall_words_700 the same by words alone, as where the model server has no embeddings
tokens_most_700         the longest of these prompts, in estimated tokens
overhead_ms_700, _5000  the way of a question without the model: values, tables, prompt, grammar, guard, explanation
grammar_compile_ms      of a schema of 20 tables with 15 columns, by llguidance
grammar_overhead        time per token with the grammar / without - 1, a LLaMA shape of 58 million parameters
valid_share             statements of a random model that hold to the grammar and pass the guard, which knows every name
path_gain_points        execution accuracy of the whole way minus that of the model alone, on the development split, by
                        the LLM server at MODEL_SERVER, or one that is started for it; gain_STEP is what the way loses
                        without that step
"""

import argparse
import asyncio
import json
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import sqlglot
import torch
from llguidance import LLMatcher, LLTokenizer
from sqlglot import exp
from sqlglot.errors import SqlglotError

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # run as a script, this folder would come first


from benchmarks.serving import Bench
from benchmarks.spelling import in_grammar
from pilot import config
from pilot.chat.constraint import Constraint
from pilot.chat.context import Context, tokens
from pilot.chat.explain import explain
from pilot.chat.relevance import describe
from pilot.chat.steps import Steps, bare, names
from pilot.datasource.guard import check
from pilot.datasource.lark import grammar
from pilot.datasource.lark_rules import MOST_TABLES
from pilot.datasource.source import connect
from pilot.datasource.values import Place, ValueIndex
from pilot.errors import SqlError, SqlRejected
from pilot.evaluation import text2sql
from pilot.i18n import Texts
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.embeddings import find_encoder
from pilot.model.encoder import SentenceEncoder
from pilot.prompts.text_to_sql import TextToSql, kind_of, render
from pilot.protocol import ChatRequest, Delta, Done, Message, StructuredOutputs, Usage
from pilot.schema import Column, ForeignKey, Kind, Schema, Table
from tests.model import tiny

EMBEDDER = "all-MiniLM-L6-v2"
PARTS = ("guard", "large", "grammar", "samples", "gain")
GOALS = {
    "gold_refused": "0", "gold_in_grammar": ">= 0.9", "tables_recall_700": ">= 0.98", "tokens_most_700": "<= 2000",
    "overhead_ms_700": "< 60", "overhead_ms_5000": "< 150", "grammar_compile_ms": "< 20",
    "grammar_overhead": "<= 0.05", "valid_share": "1.0", "path_gain_points": ">= 5",
}  # fmt: skip
KINDS: tuple[Kind, ...] = ("number", "text", "time", "boolean", "other")
CLASSIC = ("academic", "advising", "geography", "imdb", "restaurants", "scholar", "yelp")
SPELLED = 300  # statements of each set that are looked for in the grammar
BATCH = 16  # samples of one request
SAMPLE_TOKENS = 500
SAMPLED, SAMPLED_TABLES = 6, 6  # databases, and tables of each: chance needs long to join what it has named
DECODED = 96  # tokens of a stream
START_SECONDS, STOP_SECONDS = 180, 20  # of an LLM server
Question = tuple[str, str, str]  # database, question, SQL


def read(file: Path) -> list[Question]:
    lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return [(line["db_id"], line["question"], line["sql"]) for line in lines]


# The guard


def guard(options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    schemas = dict(classic(options.data / "schemas_classic.json"))
    files = {file.stem: file for file in (options.data / "databases" / "spider").glob("*.sqlite")}
    for name, file in files.items():
        schemas[name] = connect(f"sqlite:///{file}").structure()
    sets = [options.data / f"{name}.jsonl" for name in ("spider_train", *CLASSIC)]
    asked = [question for file in sets for question in read(file) if question[0] in schemas]
    refused = 0
    for name, _, sql in asked:
        try:
            check(sql, schema=schemas[name], max_rows=1000)
        except SqlRejected as error:
            if name not in files or runs(files[name], sql):
                refused += 1
                print(f"  refused: {name}: {sql}\n    {error.message}", file=sys.stderr)
    yield "gold_checked", float(len(asked))
    yield "gold_refused", float(refused)
    distinct = [sorted({(name, sql) for name, _, sql in read(file) if name in schemas}) for file in sets]
    some = [each for found in distinct for each in random.Random(1).sample(found, min(SPELLED, len(found)))]
    yield "gold_spelled", float(len(some))
    yield "gold_in_grammar", derivable(some, schemas) / len(some)


def derivable(asked: Sequence[tuple[str, str]], schemas: Mapping[str, Schema]) -> int:
    tokenizer, found = LLTokenizer("byte"), 0
    matchers: dict[str, LLMatcher] = {}
    for name, sql in asked:
        schema = schemas[name]
        if len(schema.tables) > MOST_TABLES:
            continue
        if name not in matchers:
            matchers[name] = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(grammar(schema)))
        try:
            spelled = list(in_grammar(sqlglot.parse_one(sql, read="sqlite"), schema).encode())
        except (SqlglotError, ValueError):
            continue
        found += matchers[name].deep_copy().validate_tokens(spelled) == len(spelled)
    return found


def classic(file: Path) -> Iterator[tuple[str, Schema]]:
    for each in json.loads(file.read_text(encoding="utf-8")):
        tables = tuple(
            Table(
                table["name"],
                tuple(Column(c["name"], c["type"], kind_of(c["type"]), primary_key=c["pk"]) for c in table["columns"]),
            )
            for table in each["tables"]
        )
        yield each["db_id"], Schema("sqlite", tables)


def runs(file: Path, sql: str) -> bool:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        connection.execute(sql)
    except sqlite3.Error:
        return False
    finally:
        connection.close()
    return True


# Large schemas


def large(options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "merged.sqlite"
        names = merge(options.data / "databases" / "spider", file)
        source = connect(f"sqlite:///{file}")
        schema = source.reflect()
        values = ValueIndex.build(source, schema)
        source.close()
    asked = list(gold(options.data, names))
    dice = random.Random(1)
    context = Context(schema, values)
    context.view("")
    encoder = SentenceEncoder.load(find_encoder(EMBEDDER, ROOT / "models"), "cpu", "auto")
    described = encoder.encode([describe(table) for table in schema.tables])
    vectors = encoder.encode([question for question, _, _ in asked])
    found = by_words = longest = 0
    for (question, tables, _), vector in zip(asked, vectors, strict=True):
        by_words += tables <= set(context.view(question).tables)
        view = context.view(question, similar=described @ vector)
        found += tables <= set(view.tables)
        longest = max(longest, tokens(render(TextToSql(question, view.schema, view.hits))[-1].content))
    yield "tables_700", float(len(schema.tables))
    yield "questions_700", float(len(asked))
    yield "tables_recall_700", found / len(asked)
    yield "tables_recall_words_700", by_words / len(asked)
    yield "tokens_most_700", float(longest)
    sample = dice.sample(asked, 100)
    yield "overhead_ms_700", overhead(context, sample)
    yield "overhead_ms_5000", overhead(Context(*copied(schema, values, 8)), sample)


def merge(folder: Path, target: Path) -> dict[str, dict[str, str]]:
    """All databases as one; a table's name begins with its database's. Returns old names -> new ones."""
    names: dict[str, dict[str, str]] = {}
    connection = sqlite3.connect(target)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    for file in sorted(folder.glob("*.sqlite")):
        connection.execute("ATTACH ? AS one", (str(file),))
        schema = connect(f"sqlite:///{file}").structure()
        own = names[file.stem] = {table.name.lower(): f"{file.stem}_{table.name}" for table in schema.tables}
        for table in schema.tables:
            connection.execute(created(table, own))
            connection.execute(
                f'INSERT OR IGNORE INTO "{own[table.name.lower()]}" SELECT * FROM one."{table.name}"'  # noqa: S608
            )
        connection.commit()
        connection.execute("DETACH one")
    connection.close()
    return names


def created(table: Table, names: dict[str, str]) -> str:
    parts = [f'"{column.name}" {column.type}' for column in table.columns]
    keys = [f'"{column.name}"' for column in table.columns if column.primary_key]
    parts += [f"PRIMARY KEY ({', '.join(keys)})"] if keys else []
    for key in table.foreign_keys:
        ours, theirs = (", ".join(f'"{name}"' for name in side) for side in (key.columns, key.ref_columns))
        parts.append(f'FOREIGN KEY ({ours}) REFERENCES "{names[key.ref_table.lower()]}" ({theirs})')
    return f'CREATE TABLE "{names[table.name.lower()]}" ({", ".join(parts)})'


def gold(data: Path, names: dict[str, dict[str, str]]) -> Iterator[tuple[str, set[str], str]]:
    """Questions with the tables that their SQL reads, and the SQL over the merged database."""
    for database, question, sql in read(data / "spider_train.jsonl"):
        if database not in names:
            continue
        try:
            tree = sqlglot.parse_one(sql, read="sqlite")
        except SqlglotError:
            continue
        used = set()
        for table in tree.find_all(exp.Table):
            name = names[database].get(table.name.lower())
            if name:
                used.add(name)
                alias = table.alias or table.name
                table.replace(exp.alias_(exp.Table(this=exp.to_identifier(name, quoted=True)), alias, table=True))
        yield question, used, tree.sql("sqlite")


def copied(schema: Schema, values: ValueIndex, times: int) -> tuple[Schema, ValueIndex]:
    """The same tables again and again under other names, with their cell values."""
    tables = tuple(
        replace(
            table,
            name=f"{table.name}_{number}",
            foreign_keys=tuple(
                ForeignKey(key.columns, f"{key.ref_table}_{number}", key.ref_columns) for key in table.foreign_keys
            ),
        )
        for number in range(times)
        for table in schema.tables
    )
    places = (
        Place(f"{place.table}_{number}", place.column, place.value)
        for number in range(times)
        for there in values.places.values()
        for place in there
    )
    return replace(schema, tables=tables), ValueIndex.of(places)


def overhead(context: Context, asked: list[tuple[str, set[str], str]]) -> float:
    """Milliseconds of a question on its way, the model's own left out; its SQL stands for what the model says."""
    context.view("")  # what is made once per schema
    own = {table.name for table in context.schema.tables}
    constraint, texts = Constraint(), Texts("en")
    spent = []
    for question, tables, sql in asked:
        if not tables <= own:  # the copies bear other names
            for name in sorted(tables, key=len, reverse=True):
                sql = sql.replace(f'"{name}"', f'"{name}_0"')
        began = time.process_time()
        view = context.view(question)
        constraint.of(view)
        render(TextToSql(question, view.schema, view.hits))
        try:
            explain(check(sql, schema=context.schema, max_rows=1000).tree, context.schema, texts, row_limit=1000)
        except SqlError as error:
            print(f"  {error.message}: {sql}", file=sys.stderr)
        spent.append(1000 * (time.process_time() - began))
    return statistics.mean(spent)


# The grammar


def twenty() -> Schema:
    """20 tables with 15 columns each."""
    tables = tuple(
        Table(f"table_{number}", tuple(Column(f"column_{place}", "X", KINDS[place % 5]) for place in range(15)))
        for number in range(20)
    )
    return Schema("sqlite", tables)


def constrained(_options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    text = grammar(twenty())
    tokenizer = LLTokenizer("byte")
    spent = []
    for _ in range(15):
        began = time.process_time()
        LLMatcher(tokenizer, LLMatcher.grammar_from_lark(text))
        spent.append(1000 * (time.process_time() - began))
    yield "grammar_compile_ms", statistics.median(spent)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), "cpu")
        free, held = [], []
        decoded(bench, None)
        for _ in range(3):
            free.append(decoded(bench, None))
            held.append(decoded(bench, text))
        yield "grammar_overhead", statistics.median(held) / statistics.median(free) - 1


def decoded(bench: Bench, text: str | None) -> float:
    """Seconds per token of eight streams."""
    wanted = StructuredOutputs(grammar=text) if text else None
    request = ChatRequest(
        messages=[Message(role="user", content=bench.words(40))], max_tokens=DECODED, temperature=1.0, n=8, seed=1,
        structured_outputs=wanted,
    )  # fmt: skip
    began = bench.clock()
    parts = list(bench.adapter.stream(request, threading.Event()))
    spent = bench.clock() - began
    return spent / sum(part.completion_tokens for part in parts if isinstance(part, Usage))


def samples(options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """A model that knows nothing, at temperature 1, until so many statements are whole."""
    torch.set_num_threads(1)
    files = sorted((options.data / "databases" / "spider").glob("*.sqlite"))[: 2 * SAMPLED]
    known = (connect(f"sqlite:///{each}").structure() for each in files)
    schemas = [schema for schema in known if len(schema.tables) <= SAMPLED_TABLES][:SAMPLED]
    whole = valid = cut = 0
    with tempfile.TemporaryDirectory() as folder:
        tiny.save(Path(folder) / "tiny")
        adapter = CausalAdapter.load("tiny", Path(folder) / "tiny", LoadOptions(models_dir=Path(folder), device="cpu"))
        while whole < options.samples:
            schema = schemas[(whole + cut) % len(schemas)]
            for sql, ended in spoken(adapter, schema, whole + cut):
                cut += not ended
                if ended and whole < options.samples:
                    whole += 1
                    valid += passes(sql, schema)
            print(f"{whole} samples are whole, {valid} of them valid, {cut} cut", file=sys.stderr)
        adapter.close()
    yield "samples_whole", float(whole)
    yield "samples_cut", float(cut)
    yield "valid_share", valid / whole


def spoken(adapter: CausalAdapter, schema: Schema, seed: int) -> Iterator[tuple[str, bool]]:
    """(text, whether it came to its end)"""
    request = ChatRequest(
        messages=[Message(role="user", content="q")], max_tokens=SAMPLE_TOKENS, temperature=1.0, n=BATCH, seed=seed,
        structured_outputs=StructuredOutputs(grammar=grammar(schema)),
    )  # fmt: skip
    texts: dict[int, str] = dict.fromkeys(range(BATCH), "")
    ended: dict[int, bool] = {}
    for part in adapter.stream(request, threading.Event()):
        if isinstance(part, Delta):
            texts[part.index] += part.text
        elif isinstance(part, Done):
            ended[part.index] = part.reason == "stop"
    return ((texts[index], ended[index]) for index in range(BATCH))


def passes(sql: str, schema: Schema) -> bool:
    try:
        check(sql, schema=schema, max_rows=1000)
    except SqlRejected as error:
        print(f"  refused: {sql}\n    {error.message}", file=sys.stderr)
        return False
    return True


# The whole way


def gain(options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    held_out = json.loads((options.data / "suggested_dev_db_ids.json").read_text(encoding="utf-8"))
    folder = options.data / "databases" / "spider"
    asked = [each for each in read(options.data / "spider_train.jsonl")
             if each[0] in held_out and (folder / f"{each[0]}.sqlite").exists()]  # fmt: skip
    chosen = random.Random(1).sample(asked, min(options.questions, len(asked)))
    questions = [
        text2sql.Question(id=str(number), db_id=database, question=question, sql=sql)
        for number, (database, question, sql) in enumerate(chosen)
    ]
    address = text2sql.addresses(databases=folder)

    def score(settings: config.Settings, steps: Steps) -> float:
        judged = text2sql.measured(settings, address, questions, steps, progress=sys.stderr)
        return text2sql.accuracy(asyncio.run(judged))

    with served() as settings:
        whole, alone = score(settings, text2sql.MEASURED), score(settings, bare())
        yield "path_accuracy", whole
        yield "model_accuracy", alone
        yield "path_gain_points", whole - alone
        for name in names():
            if getattr(text2sql.MEASURED, name) and options.steps:
                yield f"gain_{name}", whole - score(settings, replace(text2sql.MEASURED, **{name: False}))


@contextmanager
def served() -> Iterator[config.Settings]:
    """Settings with an LLM server behind them: the one that is there, or one for as long as this lasts."""
    settings = config.load()
    if is_ready(settings.model_url):
        yield settings
        return
    with tempfile.TemporaryDirectory() as folder:
        own = config.load(model_port=free_port(), model_server="", data_dir=Path(folder))
        door = str(ROOT / "pilot" / "server" / "llmserver.py")
        server = subprocess.Popen([sys.executable, door], env=own.environment() | {"OMP_NUM_THREADS": "1"})
        try:
            until = time.monotonic() + START_SECONDS
            while not is_ready(own.model_url) and time.monotonic() < until and server.poll() is None:
                time.sleep(0.5)
            yield own
        finally:
            server.terminate()
            server.wait(STOP_SECONDS)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    parser.add_argument("--samples", type=int, default=500, help="of a random model")
    parser.add_argument("--questions", type=int, default=200, help="of the development split, for what the way gains")
    parser.add_argument("--steps", action=argparse.BooleanOptionalAction, default=True,
                        help="also measure the way without each of its steps")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the figures flat to this file")
    options = parser.parse_args()
    parts = dict(zip(PARTS, (guard, large, constrained, samples, gain), strict=True))
    figures: dict[str, float] = {}
    print(f"{date.today()}  {'figure':<22}{'value':>10}   goal")
    for part in options.only:
        for name, value in parts[part](options):
            print(f"            {name:<22}{value:>10.4g}   {GOALS.get(name, '')}", flush=True)
            figures[name] = round(value, 4)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
