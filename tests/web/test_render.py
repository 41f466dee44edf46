"""Answers as HTML: everything is shown, and nothing from outside becomes markup."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pilot.chat.events import Citation, CitationsReady, Failed, Notice, PassagesFound, SchemaChosen, SqlDelta
from pilot.datasource.base import Rows
from pilot.datasource.risks import Risk
from pilot.i18n import LANGUAGES, Language, Texts
from pilot.knowledge.records import DocumentRecord
from pilot.protocol import ModelCard, PilotCard
from pilot.schema import Column, ForeignKey, Schema, Table
from pilot.web import panels, render
from pilot.web.answer import Answer
from tests.web import answers
from tests.web.test_words import HOSTILE, Tags

T = Texts("en")
FORBIDDEN = {"script", "img", "iframe", "svg", "form", "link", "meta", "style", "object", "input"}


def _everywhere(text: str) -> str:
    """One page that shows this text in every place where text from outside can stand."""
    rows = Rows((text, "n"), ((text, 1), (None, 2)), False, 1)
    asked = answers.whole(answers.database(rows, sql=text, summary=text), question=text)
    read = answers.whole(answers.documents(text, text, text, document=text, section=text), question=text)
    broken = Answer(text, failure=Failed("model.failed", text, text))
    table = Table(
        text, (Column(text, text, "text", comment=text),), (ForeignKey((text,), text, (text,)),), comment=text
    )
    record = DocumentRecord("d", "s", text, 5, "failed", "", reason=text, remedy=text)
    pilot = PilotCard(
        family=text, adapter=text, context=5, quantisation=text, device=text, memory_bytes=5, abilities=[]
    )
    card = ModelCard(id=text, pilot=pilot)
    risk = Risk(text, ("write",), (text,), (text,))
    return "".join((
        render.headline(asked, T), render.table(rows, T), render.workings(asked, T), render.earlier((asked, read), T),
        render.cited_answer(read, T), render.found((answers.passage(text),), T), render.dialogue((read, broken), T),
        render.headline(broken, T), panels.schema(Schema("sqlite", (table,)), T), panels.documents((record,), T),
        panels.model(card, T), panels.status(card, T, ready=True), panels.warnings((risk,), T), panels.success(text),
    ))  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text_everywhere(text: str) -> None:
    for tag, attributes in Tags(_everywhere(text)).found:
        assert tag not in FORBIDDEN
        assert not any(name.startswith("on") for name in attributes)
        assert not (attributes.get("href") or "").lower().strip().startswith(("javascript", "data"))
        assert "src" not in attributes


@pytest.mark.parametrize("text", ["a\n\nb", "a\r\n\r\n    b", "```\n\n```"])
def test_no_block_ends_early_at_a_blank_line(text: str) -> None:
    assert "\n" not in _everywhere(text)


def test_null_is_visible_and_numbers_stand_right() -> None:
    html = render.table(Rows(("name", "n"), (("a", 1), (None, None)), False, 3), T)
    assert html.count('<span class="null">NULL</span>') == 2
    assert html.count('class="num"') == 3
    assert "2 rows · 3 ms" in html


def test_the_text_null_is_not_the_null() -> None:
    assert "null" not in render.table(Rows(("name",), (("NULL",),), False, 1), T)


def test_an_empty_result_says_so_and_a_cut_one_too() -> None:
    assert T("web.rows.none") in render.table(Rows(("a",), (), False, 1), T)
    assert T("web.rows.truncated") in render.table(Rows(("a",), ((1,),), True, 1), T)


def test_more_rows_than_a_chart_draws_are_said() -> None:
    rows = Rows(("a", "b"), tuple((str(n), n) for n in range(render.ROWS_DRAWN + 1)), False, 1)
    assert "a chart draws the first 5,000 rows" in render.table(rows, T)
    assert "a chart draws" not in render.table(replace(rows, rows=rows.rows[1:]), T)


def test_of_many_rows_the_first_are_shown() -> None:
    html = render.table(Rows(("a",), tuple((i,) for i in range(1500)), False, 1), T)
    assert html.count("<tr>") == 1 + render.ROWS_SHOWN
    assert "1,500 rows" in html
    wide = render.table(Rows(tuple("a" * 100), (tuple(range(100)),) * 500, False, 1), T)
    assert wide.count("<td") == render.CELLS_SHOWN


def test_a_heading_says_what_its_column_holds() -> None:
    html = render.table(Rows(("at", "mixed"), ((date(2026, 1, 1), 1), (None, "a")), False, 1), T)
    assert T("web.kind.time") in html
    assert T("web.kind.mixed") in html


def test_each_earlier_answer_can_run_again_by_its_number() -> None:
    past = answers.whole(answers.database())
    html = render.earlier((past, answers.whole(answers.documents("t", "a", "t")), past), T)
    assert re.findall(r'id="again-(\d)"', html) == ["2", "0"]


def test_a_draft_is_never_called_checked() -> None:
    draft = answers.whole((SchemaChosen(("t",), 1), SqlDelta("SELECT 1")))
    assert T("web.sql.draft") in render.workings(draft, T)
    assert T("web.sql.checked") not in render.workings(draft, T)
    assert T("web.sql.checked") in render.workings(answers.whole(answers.database()), T)


def test_an_error_is_shown_as_one_with_its_remedy() -> None:
    html = render.headline(Answer("q", failure=Failed("model.unreachable", "no server at x", "Start it.")), T)
    assert 'role="alert"' in html
    assert T("errors.model.unreachable") in html
    assert "no server at x" in html
    assert "Start it." in html
    assert "summary" not in html


@pytest.mark.parametrize(("share", "level"), [(0.9, "high"), (0.5, "medium"), (0.1, "low")])
def test_confidence_has_three_levels(share: float, level: str) -> None:
    answer = Answer("q", summary="s", confidence=share, finished=True)
    assert T(f"web.confidence.{level}") in render.headline(answer, T)


def test_a_citation_shows_document_page_section_and_its_quote() -> None:
    html = render.cited_answer(
        answers.whole(answers.documents("Some words. Thirty days. More.", "It is 30 [1].", "Thirty days.")), T
    )
    for part in ("Handbook.pdf", "page 4", "Returns", "<mark>Thirty days.</mark>"):
        assert part in html
    targets = {attributes["id"] for _, attributes in Tags(html).found if "id" in attributes}
    links = [(attributes["href"] or "")[1:] for tag, attributes in Tags(html).found if tag == "a"]
    assert links
    assert set(links) <= targets


def test_two_quotes_of_one_passage_stand_in_one_card() -> None:
    found = answers.passage("One is here. Filler. Two is there.")
    cited = (Citation(1, found, "Two is there."), Citation(1, found, "One is here."))
    html = render.cited_answer(Answer("q", text="a [1]", citations=cited, finished=True), T)
    assert html.count('class="passage"') == 1
    assert html.index("<mark>One is here.</mark>") < html.index("<mark>Two is there.</mark>")


def test_a_long_passage_shows_what_stands_around_the_quote_and_the_whole_on_demand() -> None:
    text = "x " * 500 + "Thirty days." + " y" * 500
    html = render.cited_answer(answers.whole(answers.documents(text, "30 [1]", "Thirty days.")), T)
    assert html.count("<mark>Thirty days.</mark>") == 2
    assert T("web.passage.whole") in html


def test_a_notice_speaks_and_an_unknown_one_is_silent() -> None:
    known = Notice("web.document.pages", {"count": 3})
    assert "3 pages" in render.headline(Answer("q", notices=(known,)), T)
    assert "some.key" not in render.headline(Answer("q", notices=(Notice("some.key", {}),)), T)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_piece_can_be_drawn_in_each_language(language: Language) -> None:
    t = Texts(language)
    answer = answers.whole(answers.database())
    html = render.headline(answer, t) + render.table(answer.rows, t) + render.workings(answer, t)
    assert t("web.sql.checked") in html
    assert t("web.receipt.model") in html


def test_documents_show_state_progress_and_reason() -> None:
    pending = DocumentRecord("1", "s", "a.pdf", 2_300_000, "indexing", "", progress=0.4)
    failed = DocumentRecord("2", "s", "b.pdf", 10, "failed", "", reason="It is locked.", remedy="Unlock it.")
    html = panels.documents((pending, failed), T)
    assert '<progress value="0.40" max="1">' in html
    assert "2.3 MB" in html
    assert "It is locked. Unlock it." in html


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (41_300_000, "41 MB"), (2e15, "2000 TB")]
)
def test_sizes_as_people_say_them(count: float, text: str) -> None:
    assert panels.size(count) == text


def test_hostile_cases_are_all_different() -> None:
    cases = (Path(__file__).parent / "cases" / "hostile.txt").read_text(encoding="utf-8").splitlines()
    assert len(set(cases)) == len(cases), json.dumps(cases)


def test_an_answer_tells_its_tables_and_how_many_the_model_was_shown() -> None:
    events = (SchemaChosen(("customers", "orders"), 627, ("orders",)), *answers.database()[1:])
    answer = answers.whole(events)
    shown = render.workings(answer, Texts("en"))
    assert "Tables: customers" in shown
    assert "the model was shown 2 of 627" in shown
    assert "pinned: orders" in shown
    assert "使用的表：customers" in render.workings(answer, Texts("zh"))


def test_a_claim_that_nothing_bears_out_carries_a_sign_and_each_card_its_space() -> None:
    found = (answers.passage("Tea is steamed."), replace(answers.passage("Tea is dear."), number=2, space="Prices"))
    told = CitationsReady(
        "Tea is steamed [1]. Tea is blue [2].", tuple(Citation(n, each, each.text) for n, each in enumerate(found, 1)),
        found=True, doubtful=("Tea is blue [2].",),
    )  # fmt: skip
    asked = (PassagesFound(found, ("Notes", "Prices"), "What is tea? And then?"), told)
    html = render.cited_answer(answers.whole(asked, question="And then?"), T)
    assert html.index("Tea is blue") < html.index('class="unsure"') < html.index("Prices")
    assert html.count('class="unsure"') == 2  # the sign, and what it means
    assert "What is tea? And then?" in html
    assert 'href="/documents/d1?space=Prices&amp;page=4"' in html
