"""Answers made of quotes: which sentence is chosen, and when there is none."""

import pytest

from pilot.chat.events import FoundPassage
from pilot.chat.extractive import quotes, split

PASSAGES = (
    "未休的年假在三月底作废。每位员工每年享有十五天年假。试用期为三个月。",
    "机票须经理批准。火车票由行政部预订。",
)


def passages(*texts: str, scores: tuple[float, ...] = (1.0, 0.5)) -> list[FoundPassage]:
    return [
        FoundPassage(n, "a.md", "a", 1, "", text, score)
        for n, (text, score) in enumerate(zip(texts, scores, strict=True), 1)
    ]


@pytest.mark.parametrize(
    ("question", "begins"),
    [
        ("员工有几天年假？", "每位员工"),
        ("谁批准机票？", "机票须"),
        ("试用期多长？", "试用期"),
        ("谁订火车票", "火车票"),
    ],
)
def test_a_short_chinese_question_finds_its_sentence(question: str, begins: str) -> None:
    [best, *_] = quotes(question, split(passages(*PASSAGES)), None)
    assert best.text.startswith(begins)


@pytest.mark.parametrize("question", ["服务器的内存有多大？", "量子力学是什么", "How large is the server?"])
def test_what_the_passages_do_not_say_is_not_quoted(question: str) -> None:
    assert quotes(question, split(passages(*PASSAGES)), None) == []


def test_of_equal_sentences_that_of_the_better_passage_is_quoted() -> None:
    told = split(passages("Leave is 25 days in Rome.", "Leave is 25 days in Oslo.", scores=(0.4, 0.9)))
    assert quotes("How many days is leave?", told, None)[0].number == 2


def test_a_sentence_is_quoted_once_however_its_lines_are_broken() -> None:
    told = split(passages("Agents may talk to each other freely.", "Agents may talk\nto each other freely."))
    assert [sentence.number for sentence in told] == [1]
