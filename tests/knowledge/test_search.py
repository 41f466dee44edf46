"""Finding: words in any script, the fusion of two rankings, what an embedder can read, and the measures of it."""

import json
import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from pilot.errors import InputInvalid
from pilot.evaluation import retrieval
from pilot.knowledge.embedders import Embedder, Vectors
from pilot.knowledge.lexical import index_text, question_terms
from pilot.knowledge.probes import scripts_read_by
from pilot.knowledge.scripts import readable, shares
from pilot.knowledge.search import fuse
from tests.knowledge.hashing import HashingEmbedder


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("How many customers are there?", ["many", "customers"]),
        ("订单总额", ["订", "单", "总", "额", "订单", "单总", "总额"]),
        ("\uff30\uff11\uff10 型号", ["p10", "型", "号", "型号"]),
        ('"paid" AND leave) OR NEAR(x* -y:', ["paid", "leave", "near", "x", "y"]),
        ("who is it", ["who", "is", "it"]),
        ("…?!", []),
    ],
)
def test_a_question_becomes_terms(question: str, terms: list[str]) -> None:
    assert question_terms(question) == terms


def test_runs_without_spaces_become_characters_and_pairs() -> None:
    assert index_text("按A键 ok").split() == ["按", "A", "键", "ok"]
    assert index_text("价格表").split() == ["价", "格", "表", "价格", "格表"]


def test_what_the_embedder_cannot_read_it_does_not_rank() -> None:
    lexical = [("a", 9.0), ("b", 1.0)]
    noise = [("c", 0.99), ("b", 0.98)]
    assert [key for key, _ in fuse(lexical, noise, readable=0.0)] == ["a", "b"]


def test_agreement_of_both_sides_wins() -> None:
    ranked = fuse([("a", 9.0), ("b", 8.9)], [("b", 0.9), ("c", 0.8)], readable=1.0)
    assert [key for key, _ in ranked] == ["b", "a", "c"]
    assert all(0 < score <= 1 for _, score in ranked)


def test_one_side_alone_still_ranks() -> None:
    assert fuse([], [("a", 0.5)], readable=1.0) == [("a", 0.5)]
    assert fuse([], [], readable=1.0) == []


def test_letters_are_counted_by_script() -> None:
    assert shares("Prüfung 年假 1") == {"latin": 7 / 9, "han": 2 / 9}
    assert readable("NFL 联盟", frozenset({"latin"})) == 3 / 5
    assert readable("2024", frozenset({"latin"})) == 1.0


class Multilingual(Embedder):
    """Every sentence has a direction of its own, whatever its script."""

    name = "multilingual"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return np.eye(len(texts), dtype=np.float32)


async def test_an_embedder_is_asked_what_it_can_read() -> None:
    assert await scripts_read_by(HashingEmbedder()) == {"latin"}
    assert {"latin", "han", "kana", "hangul"} <= await scripts_read_by(Multilingual())


def test_the_measures_are_those_of_the_textbook() -> None:
    qrels = {"q1": {"a": 1}, "q2": {"b": 1, "c": 1}, "unjudged": {"x": 0}}
    second = 1 / math.log2(3)  # the discount of the second place
    found = retrieval.measure({"q1": ["z", "a"], "q2": ["b", "y"]}, qrels)
    assert found.questions == 2
    assert found.ndcg_at_10 == pytest.approx((second + 1 / (1 + second)) / 2)
    assert found.recall_at_10 == pytest.approx(0.75)


async def test_a_corpus_is_ranked_through_the_library() -> None:
    corpus = [
        {"id": "leave", "title": "Holidays", "text": "Every employee has 25 days of paid leave."},
        {"id": "travel", "text": "Flights need approval by a manager."},
        {"id": "年假", "text": "每位员工每年享有十五天年假。"},
    ]
    queries = [{"id": "1", "text": "paid leave of an employee"}, {"id": "2", "text": "员工有几天年假？"}]
    ranked = await retrieval.rank(corpus, queries, HashingEmbedder(), chunk_size=200)
    assert ranked["1"][0] == "leave"
    assert ranked["2"] == ["年假"]


def test_a_wrong_line_of_a_corpus_is_named(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(json.dumps({"id": "1", "text": "x"}) + '\n{"id": "2"}\n', encoding="utf-8")
    with pytest.raises(InputInvalid, match="line 2"):
        retrieval.read_lines(file)


@pytest.mark.slow
async def test_the_bundled_embedder_reads_latin_letters_only() -> None:
    embedder = import_module("tests.knowledge.minilm").MiniLm()
    assert await scripts_read_by(embedder) == {"latin"}
