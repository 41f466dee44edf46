"""Whether a question is for all of a document or for a passage of it."""

from typing import Any

import pytest

from pilot.chat.whole import LONGEST, documents_meant, topic, wanted
from pilot.knowledge.records import DocumentRecord
from pilot.store import Turn
from tests.chat.cases_of import cases_of
from tests.chat.served import turn


def documents(names: list[str], chunks: int = 3) -> list[DocumentRecord]:
    return [DocumentRecord(name, "s", name, 1, "ready", "", chunks=chunks) for name in names]


def case_name(case: dict[str, Any]) -> str:
    return f"{case['question']} of {len(case['documents'])}"


@pytest.mark.parametrize("case", cases_of("whole"), ids=case_name)
def test_a_question_for_all_of_a_document_is_told_from_one_for_a_passage(case: dict[str, Any]) -> None:
    found = wanted(case["question"], documents(case["documents"]))
    assert (found.name if found else None) == case["whole"]


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Summarise the document", ["a.pdf", "b.pdf"]),
        ("文档的主要内容是什么？", ["a.pdf", "b.pdf"]),
        ("Summarise a.pdf and b.pdf", ["a.pdf", "b.pdf"]),
        ("Summarise the refund policy", []),
        ("How long may goods be returned?", []),
    ],
)
def test_where_it_is_not_said_which_one_all_are_meant(question: str, names: list[str]) -> None:
    assert [record.name for record in documents_meant(question, documents(["a.pdf", "b.pdf"]))] == names


def answered(*cited: str) -> list[Turn]:
    """A conversation whose last answer cites these documents."""
    citations = [{"number": n, "passage": {"document_id": each}} for n, each in enumerate(cited, 1)]
    return [turn("Where is it said?", {"event": "citations_ready", "answer": "Here.", "citations": citations})]


@pytest.mark.parametrize(
    ("question", "cited", "names"),
    [
        ("What does it cover?", ["b.pdf"], ["b.pdf"]),
        ("Summarise the document", ["b.pdf", "a.pdf", "b.pdf"], ["b.pdf"]),
        ("这份文件讲了什么？", ["b.pdf", "b.pdf"], ["b.pdf"]),
        ("总结一下", ["b.pdf"], ["b.pdf"]),
        ("What does it cover?", ["b.pdf", "a.pdf"], ["a.pdf", "b.pdf"]),
        ("What does it cover?", ["deleted.pdf"], ["a.pdf", "b.pdf"]),
        ("What does it cover?", [], ["a.pdf", "b.pdf"]),
        ("Summarise all the documents", ["b.pdf"], ["a.pdf", "b.pdf"]),
        ("总结所有文件", ["b.pdf"], ["a.pdf", "b.pdf"]),
        ("Summarise a.pdf", ["b.pdf"], ["a.pdf"]),
        ("Summarise a.pdf and b.pdf", ["b.pdf"], ["a.pdf", "b.pdf"]),
        ("How long may goods be returned?", ["b.pdf"], []),
    ],
)
def test_after_an_answer_the_document_that_it_cites_is_meant(question: str, cited: list[str], names: list[str]) -> None:
    found = documents_meant(question, documents(["a.pdf", "b.pdf"]), answered(*cited))
    assert [record.name for record in found] == names


def test_only_the_last_answer_tells_which_document_is_meant() -> None:
    history = [*answered("b.pdf"), *answered()]
    assert wanted("What does it cover?", documents(["a.pdf", "b.pdf"]), history) is None


def test_a_document_that_is_not_read_yet_is_not_summed_up() -> None:
    assert wanted("Summarise notes.md", documents(["notes.md"], chunks=0)) is None


def test_who_writes_much_says_what_is_wanted() -> None:
    assert wanted("Summarise it. " * (LONGEST // 10), documents(["notes.md"])) is None


@pytest.mark.parametrize(
    ("question", "looked_for"),
    [
        ("Summarise the refund policy", "the refund policy"),
        ("总结退款政策", "退款政策"),
        ("How long may goods be sent back?", "How long may goods be sent back?"),
        ("Summarise", "Summarise"),
    ],
)
def test_what_is_looked_for_is_the_topic_alone(question: str, looked_for: str) -> None:
    assert topic(question) == looked_for
