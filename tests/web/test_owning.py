"""How a model of one's own comes about, as HTML, in each language and state."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import pytest

from pilot.datasource.refusals import fault, keyed
from pilot.errors import TrainingRefused
from pilot.i18n import LANGUAGES, Language, Texts
from pilot.store.runs import (
    Exam,
    ExamQuestion,
    Material,
    Night,
    Plan,
    Point,
    Release,
    Run,
    SourceMaterial,
    State,
    Wish,
)
from pilot.web import curves, owning
from tests.web.test_words import HOSTILE, Tags

T = Texts("en")
BEGAN = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
RUN = Run("r1", "running", "training", Wish(("Shop",)), "base", "full", BEGAN, seconds=65, step=5, steps=20,
          seconds_left=200, loss=0.5, learn=30, exam=12)  # fmt: skip
PLAN = Plan("base", "full", 30, 12, 9, 2e9, 8e9, fits=True, minutes=3, said="")


def question(text: str, *, was_right: bool, now_right: bool) -> ExamQuestion:
    return ExamQuestion("Shop", text, "SELECT 1", "SELECT 2", "", was_right, now_right)


def test_few_answers_say_how_to_come_by_more() -> None:
    few = Material((SourceMaterial("Shop", 3, 0, 2),), 2, 1, 2, enough=False, why="few")
    assert "✓ Right" in owning.material(few, T)
    many = Material((SourceMaterial("Shop", 42, 5, 20, corrected=4, new=7),), 30, 12, 20, enough=True)
    assert "It learns from about 30 of them; about 12 are kept back" in owning.material(many, T)
    said = owning.source(many.sources[0], T)
    assert said == "Shop: 42 approved · 4 of them corrected by you · 1 called wrong · 7 new since the last training"


def test_a_plan_that_does_not_fit_names_the_nearest_that_does() -> None:
    large = replace(PLAN, needs_bytes=9e9, fits=False, nearest="LoRA of rank 8", parts=(("weights", 7e9),))
    told = owning.plan(large, RUN.wish, T)
    assert "It needs 9.0 GB; 8.0 GB are free here." in told
    assert "LoRA of rank 8" in told
    assert "alert" not in owning.plan(PLAN, RUN.wish, T)
    chosen = replace(RUN.wish, objective="dpo", backend="unsloth")
    assert T("own.objective.dpo") in owning.plan(PLAN, chosen, T)
    assert T("own.backend.unsloth") in owning.plan(PLAN, chosen, T)


def test_a_run_tells_how_far_it_is_and_how_long_it_will_take() -> None:
    told = owning.run(RUN, T)
    for part in ("step 5 of 20", "about 3 min left", "65 s so far", "learns from 30 questions"):
        assert part in told
    assert owning.step_of(RUN) == "train"
    assert owning.step_of(replace(RUN, phase="examining")) == "exam"
    assert owning.step_of(replace(RUN, state="released", phase="releasing")) == "release"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_its_words(language: Language, state: State) -> None:
    t, run = Texts(language), replace(RUN, state=state, before=40.0, after=60.0, message="why it is so")
    told = owning.run(run, t) + owning.title(run, t) + owning.grades(Exam(40, 60, ()), run, t)
    assert "own." not in told
    assert ("Why it is so" in told) == (state == "failed")
    assert (t("own.why.forgot") in told) == (state == "no better")


def test_why_it_broke_off_is_said_in_the_readers_language() -> None:
    error = fault(TrainingRefused, "own_no_room_but", needs="9.0", free="8.0", nearest="LoRA of rank 8")
    key, values = keyed(error)
    failed = replace(RUN, state="failed", message=error.message, remedy=error.remedy, key=key, values=values)
    assert "Training needs about 9.0 GiB of 8.0 GiB" in owning.run(failed, T)
    assert "训练约需 9.0 GiB 内存，本机可用 8.0 GiB" in owning.run(failed, Texts("zh"))
    assert "可行的设置：LoRA of rank 8。" in owning.run(failed, Texts("zh"))


def test_what_cannot_run_is_told_with_each_reason() -> None:
    told = owning.unable([("no card", ["QLoRA"]), ("never said", []), ("no pairs", ["DPO", "ORPO"])], T)
    assert told.index("no card") < told.index("QLoRA") < told.index("no pairs") < told.index("ORPO")
    assert "never said" not in told
    assert owning.unable([("never said", [])], T) == ""


def test_a_removed_database_is_told_on_the_runs_that_learnt_from_it() -> None:
    told = owning.run(replace(RUN, state="better", forgot=("Shop",)), T)
    assert "Shop was removed, and its examples with it." in told


def test_the_exam_shows_what_was_learnt_and_what_was_lost() -> None:
    exam = Exam(50, 75, (question("gained?", was_right=False, now_right=True),
                         question("lost?", was_right=True, now_right=False)))  # fmt: skip
    told = owning.answers(exam, T)
    assert told.index("Now right") < told.index("gained?") < told.index("Now wrong") < told.index("lost?")
    assert "no answer" in told
    assert "25 points more are right" in owning.grades(exam, RUN, T)
    assert "5 points fewer" in owning.grades(replace(exam, after=45), RUN, T)
    assert "1.50 before, 1.40 after" in owning.grades(
        exam, replace(RUN, perplexity_before=1.5, perplexity_after=1.4), T
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text: str) -> None:
    run = replace(RUN, state="failed", base=text, wish=Wish((text,)), message=text, remedy=text, before=1.0, after=2.0)
    asked = replace(question(text, was_right=True, now_right=True), sql=text)
    told = "".join((
        owning.plan(replace(PLAN, base=text, fits=False, nearest=text), run.wish, T),
        owning.run(run, T), owning.answers(Exam(1, 2, (asked,)), T),
        owning.released(Release(text, text, text, BEGAN), run, T), owning.night(Night(on=True, said=text), None, T),
        owning.unable([(text, [text])], T),
    ))  # fmt: skip
    for tag, attributes in Tags(told).found:
        assert tag not in ("script", "img", "iframe", "form", "style")
        assert not any(name.startswith("on") for name in attributes)
    assert "\n" not in told


def test_a_curve_is_drawn_from_its_second_point_on_and_never_with_endless_ones() -> None:
    points = [Point(step, step, 2 / (step + 1), None) for step in range(5000)]
    assert curves.draw(points[:1], T) == ""
    drawn = curves.draw([*points, Point(5000, 9, None, 0.7)], T)
    line = drawn.partition('class="learn" points="')[2].partition('"')[0]
    assert 100 < len(line.split()) <= curves.MOST_POINTS
    assert drawn.count("<circle") == 1
    assert "nan" not in line


@pytest.mark.parametrize(("seconds", "said"), [(0, "1 s"), (59, "59 s"), (600, "10 min"), (7_260, "2 h 1 min")])
def test_times_as_people_say_them(seconds: float, said: str) -> None:
    assert owning.duration(seconds, T) == said
