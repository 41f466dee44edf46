"""What is said beside the rows: verified, a follow-up, that the database does not say, two readings."""

import pytest

from pilot.chat.events import Declined, DidYouMean, FollowUpRead, Reading, Verified
from pilot.i18n import LANGUAGES, Language, Texts
from pilot.web import render
from pilot.web.answer import Answer, restored
from tests.web.answers import database, whole

HOSTILE = "<img src=x onerror=alert(1)>"


def shown(*first: Verified | FollowUpRead, language: Language = "en") -> str:
    return render.headline(whole((*first, *database())), Texts(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_verified_answer_says_so_instead_of_a_confidence(language: Language) -> None:
    html = shown(Verified("customers in Munich", "2026-11-01", "a1", (("Munich", "Berlin"),)), language=language)
    assert "confidence verified" in html
    assert "confidence high" not in html
    assert "2026-11-01" in html
    assert "“Berlin”" in html


def test_a_follow_up_says_what_it_was_taken_to_mean() -> None:
    html = shown(FollowUpRead("customers in Munich", ("where country is “Germany”", "only the first row")))
    assert "“customers in Munich”: where country is “Germany”, only the first row." in html


def test_what_the_database_does_not_say_comes_with_what_mends_it() -> None:
    html = render.headline(whole((Declined("This database does not say.", ("weather",)),)), Texts("en"))
    assert "This database does not say." in html
    assert "synonym" in html


def test_two_readings_stand_side_by_side_with_the_rows_that_only_one_finds() -> None:
    readings = (
        Reading("SELECT 1", ("Sorts by price.",), ("name",), (("Teapot",),), 0.5),
        Reading("SELECT 2", ("Sorts by stock.",), ("name",), (), 0.4),
    )
    html = render.headline(whole((*database(), DidYouMean(readings))), Texts("en"))
    assert html.count('class="reading"') == 2
    assert html.count("Only this one finds") == 1
    assert "Teapot" in html


@pytest.mark.parametrize(
    "event",
    [
        Verified(HOSTILE, HOSTILE, "a1", ((HOSTILE, HOSTILE),)), FollowUpRead(HOSTILE, (HOSTILE,)),
        Declined(HOSTILE, (HOSTILE,), HOSTILE),
        DidYouMean((Reading(HOSTILE, (HOSTILE,), (HOSTILE,), ((HOSTILE,),), 0.5),)),
    ],
)  # fmt: skip
def test_nothing_of_it_becomes_markup(event: Verified | FollowUpRead | Declined | DidYouMean) -> None:
    assert "<img" not in render.headline(whole((*database(), event)), Texts("en"))


def test_a_declined_question_is_whole_when_it_is_opened_again() -> None:
    stored = {"events": [{"event": "declined", "text": "No.", "missing": ["weather"], "reply": ""}], "text": ""}
    answer = restored("the weather?", stored, message="m1")
    assert answer.finished
    assert answer.declined == Declined("No.", ("weather",))
    assert "No." in render.earlier((answer,), Texts("en"))


def test_readings_come_back_from_the_store() -> None:
    plain = {"sql": "SELECT 1", "meaning": ["a"], "columns": ["n"], "rows": [["x"]], "share": 0.5}
    answer: Answer = restored(
        "q", {"events": [{"event": "did_you_mean", "readings": [plain]}], "text": "t"}, message="m"
    )
    assert answer.readings == (Reading("SELECT 1", ("a",), ("n",), (("x",),), 0.5),)
