"""Events fold into an answer, and a stored answer is the one that it was."""

from dataclasses import replace
from typing import get_args

import pytest

from pilot.chat.events import Event, Failed, Repairing, SqlDelta, SqlProposed, to_json
from pilot.web.answer import Answer, fold, restored
from tests.web import answers


def test_an_answer_grows_event_by_event() -> None:
    answer = answers.whole(answers.database())
    assert (answer.sql, answer.draft) == (answers.SQL, "")
    assert [each.reason for each in answer.refused] == ["there is no column x"]
    assert answer.rows == answers.ROWS
    assert (answer.summary, answer.confidence) == ("Two countries.", 0.8)
    assert (answer.message, answer.conversation, answer.running) == ("m1", "c1", False)


def test_a_draft_streams_and_is_replaced_by_what_was_proposed() -> None:
    answer = fold(fold(Answer("q"), SqlDelta("SEL")), SqlDelta("ECT"))
    assert answer.draft == "SELECT"
    assert fold(answer, SqlProposed("SELECT 1")).draft == "SELECT 1"


def test_a_repair_clears_the_draft_and_a_failure_ends() -> None:
    answer = fold(Answer("q", draft="SELECT"), Repairing(1, "no such column"))
    assert answer.draft == ""
    assert not fold(answer, Failed("model.failed", "broke off")).running


def test_every_event_changes_the_answer() -> None:
    """A new event that nobody folds would be lost without a word."""
    samples = {type(event): event for event in (*answers.database(), *answers.documents("text", "answer", "text"))}
    for kind in set(get_args(Event)) & set(samples):
        assert fold(Answer(), samples[kind]) != Answer(), kind


@pytest.mark.parametrize("events", [answers.database(), answers.documents("a text", "an answer [1]", "text")])
def test_a_stored_answer_comes_back_as_it_was(events: tuple[Event, ...]) -> None:
    shown = answers.whole(events)
    stored = {
        "events": [to_json(event) for event in events[:-1] if not isinstance(event, SqlDelta)],
        "text": shown.text,
    }
    again = restored("How many?", stored, message=shown.message)
    assert again == replace(shown, conversation="", restored=True)


def test_a_stored_answer_that_broke_off_was_stopped() -> None:
    assert restored("q", {"events": [], "text": ""}, message="m").stopped
    assert not restored("q", {"events": [], "text": "half"}, message="m").running
