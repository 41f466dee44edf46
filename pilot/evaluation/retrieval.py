"""How well passages are found: a corpus and its questions through the knowledge path's own chunking and search.

Each line of the corpus becomes a document of its own; a document ranks where its best passage ranks.
"""

import argparse
import asyncio
import json
import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pilot import config
from pilot.client import LlmClient
from pilot.errors import InputInvalid
from pilot.knowledge.embedders import Embedder, ServedEmbedder
from pilot.knowledge.library import Library

DEPTH = 10  # documents of one question
PASSAGES = 40  # asked for, so that DEPTH documents are among them
LINES_OF_A_FILE = 5000
SPACE = "evaluation"
DESCRIPTION = "Find passages for questions and measure the ranking (nDCG@10, recall)."

Qrels = Mapping[str, Mapping[str, int]]  # question -> document -> grade


@dataclass(frozen=True)
class Measures:
    questions: int
    ndcg_at_10: float
    recall_at_5: float
    recall_at_10: float

    def __str__(self) -> str:
        return (
            f"questions {self.questions}  nDCG@10 {self.ndcg_at_10:.3f}  "
            f"recall@5 {self.recall_at_5:.3f}  recall@10 {self.recall_at_10:.3f}"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("--corpus", type=Path, required=True, help='lines {"id", "title"?, "text"}')
    parser.add_argument("--queries", type=Path, required=True, help='lines {"id", "text"}')
    parser.add_argument("--qrels", type=Path, help="query-id, corpus-id, score by tabs, with a header line")
    parser.add_argument("--out", type=Path, required=True, help='lines {"query_id", "doc_ids"}, best first')


def run(arguments: argparse.Namespace) -> int:
    corpus, queries = read_lines(arguments.corpus), read_lines(arguments.queries)
    settings = config.load()
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
    client = LlmClient(
        settings.model_url,
        embedding_server=settings.embedding_server,
        embedding_model=settings.embedding_model,
        api_key=key,
    )
    ranked = asyncio.run(_ranked(corpus, queries, client, settings.knowledge_chunk_size))
    with arguments.out.open("w", encoding="utf-8") as out:
        for query, documents in ranked.items():
            out.write(json.dumps({"query_id": query, "doc_ids": documents}, ensure_ascii=False) + "\n")
    if arguments.qrels:
        sys.stdout.write(f"{measure(ranked, read_qrels(arguments.qrels))}\n")
    return 0


async def _ranked(
    corpus: list[dict[str, str]], queries: list[dict[str, str]], client: LlmClient, chunk_size: int
) -> dict[str, list[str]]:
    try:
        return await rank(corpus, queries, ServedEmbedder(client), chunk_size=chunk_size)
    finally:
        await client.close()


async def rank(
    corpus: list[dict[str, str]], queries: list[dict[str, str]], embedder: Embedder, *, chunk_size: int
) -> dict[str, list[str]]:
    """Question id -> the ids of the ten best documents. The library lives in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="pilot-retrieval-") as folder:
        library = Library(Path(folder), embedder, chunk_size=chunk_size)
        await library.start()
        try:
            await library.create_space(SPACE)
            files = await _add(library, corpus)
            ranked = {}
            for query in queries:
                passages = await library.search(SPACE, query["text"], PASSAGES)
                found = dict.fromkeys(files[p.document_id][(p.page or 1) - 1] for p in passages)
                ranked[query["id"]] = list(found)[:DEPTH]
            return ranked
        finally:
            await library.close()


async def _add(library: Library, corpus: list[dict[str, str]]) -> dict[str, list[str]]:
    """Files of JSON lines, so that each text is a page of its own. Document id -> the corpus ids of its pages."""
    files: dict[str, list[str]] = {}
    for start in range(0, len(corpus), LINES_OF_A_FILE):
        part = corpus[start : start + LINES_OF_A_FILE]
        lines = [json.dumps({"title": line.get("title", ""), "text": line["text"]}) for line in part]
        record = await library.add(SPACE, f"{start}.jsonl", "\n".join(lines).encode())
        files[record.id] = [line["id"] for line in part]
    while any(record.state not in ("ready", "failed") for record in await library.documents(SPACE)):
        await asyncio.sleep(0.1)
    for record in await library.documents(SPACE):
        if record.state == "failed":
            raise InputInvalid(f"the corpus cannot be indexed: {record.reason}", remedy=record.remedy)
    return files


def measure(ranked: Mapping[str, list[str]], qrels: Qrels) -> Measures:
    """Means over the questions that have a relevant document."""
    judged = [(ranked.get(query, []), grades) for query, grades in qrels.items() if any(grades.values())]
    if not judged:
        raise InputInvalid("the qrels name no relevant document")
    return Measures(
        len(judged),
        sum(_ndcg(documents, grades) for documents, grades in judged) / len(judged),
        sum(_recall(documents[:5], grades) for documents, grades in judged) / len(judged),
        sum(_recall(documents[:10], grades) for documents, grades in judged) / len(judged),
    )


def read_qrels(file: Path) -> Qrels:
    qrels: dict[str, dict[str, int]] = {}
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        qrels.setdefault(query, {})[document] = int(grade)
    return qrels


def _ndcg(documents: list[str], grades: Mapping[str, int]) -> float:
    """Järvelin and Kekäläinen 2002, linear gain, cut at DEPTH."""
    gained = sum(grades.get(document, 0) / math.log2(rank + 2) for rank, document in enumerate(documents[:DEPTH]))
    ideal = sorted(grades.values(), reverse=True)[:DEPTH]
    return gained / sum(grade / math.log2(rank + 2) for rank, grade in enumerate(ideal))


def _recall(documents: list[str], grades: Mapping[str, int]) -> float:
    relevant = {document for document, grade in grades.items() if grade > 0}
    return len(relevant.intersection(documents)) / len(relevant)


def read_lines(file: Path) -> list[dict[str, str]]:
    """Raises InputInvalid with the line that is wrong."""
    lines: list[dict[str, str]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found = json.loads(line)
            lines.append({key: str(found[key]) for key in ("id", "text", "title") if key in found or key != "title"})
        except (ValueError, KeyError, TypeError) as error:
            raise InputInvalid(f'{file.name}, line {number}: not {{"id", "text"}}') from error
    return lines
