"""From approved answers to examples: what runs, in the prompts of serving, families apart, without personal data."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest

from pilot.chat.families import family
from pilot.errors import InputInvalid, ModelError
from pilot.finetune.collect import collect, examples, of_documents
from pilot.finetune.masking import Question, without
from pilot.prompts.text_to_sql import parse
from pilot.services import Services
from tests.finetune.concert import APPROVED, SOURCE, product


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    found = Services.open(await product(tmp_path))
    yield found
    await found.close()


def test_a_family_is_a_statement_without_its_values_and_its_spelling() -> None:
    one = family("SELECT T1.Name AS who FROM Singer AS T1 WHERE T1.age > 3 LIMIT 5", "sqlite")
    assert one == family('select "singer".name from singer where singer.age > 40 limit 1', "sqlite")
    assert one != family("SELECT name FROM singer WHERE age < 3 LIMIT 5", "sqlite")


async def test_a_family_is_learnt_or_examined_in_and_a_later_run_keeps_it_so(services: Services) -> None:
    found = await collect(services, [SOURCE])
    learnt, examined = ({one.family for one in those} for those in (found.learn, found.exam))
    assert len(found.learn) + len(found.exam) == len(APPROVED)
    assert not learnt & examined
    services.store.approve("new", SOURCE, "Titles by age of their singers?",
                           "SELECT title FROM song JOIN singer ON singer.id = song.singer_id ORDER BY age",
                           fingerprint="", asked_on=date.today())  # fmt: skip
    again = await collect(services, [SOURCE])
    assert not examined & {one.family for one in again.learn}
    assert not learnt & {one.family for one in again.exam}


async def test_what_does_not_run_teaches_nothing_and_is_told(services: Services) -> None:
    services.store.approve("gone", SOURCE, "Gone?", "SELECT gone FROM singer", fingerprint="", asked_on=date.today())
    found = await collect(services, [SOURCE], leave_out=["0"])
    assert [question for question, _ in found.left_out] == ["Gone?"]
    assert "Gone?" not in {one.question for one in (*found.learn, *found.exam)}
    assert "How many singers are there?" not in {one.question for one in (*found.learn, *found.exam)}


async def test_prompts_are_those_that_serving_sends(services: Services) -> None:
    sent: list[bytes] = []

    def hear(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        served = {"object": "list", "data": [{"id": "any", "object": "model"}]}
        return httpx.Response(200, json=served) if request.url.path == "/v1/models" else httpx.Response(500)

    found = await collect(services, [SOURCE])
    made = await examples(services, found.learn, found.learn, learns=True)
    listening = Services.open(services.settings, transport=httpx.MockTransport(hear))
    one = found.learn[0]
    others = [each.approved for each in found.learn if each.id != one.id]
    with pytest.raises(ModelError):
        async for _ in listening.answer_database(SOURCE, one.question, approved=others):
            pass
    await listening.close()
    asked = next(body for request in sent if (body := json.loads(request or b"{}")).get("messages"))
    assert asked["messages"] == [message.model_dump(exclude_none=True) for message in made[0].prompt]
    assert '-- for example "' in made[0].prompt[-1].content
    assert one.sql not in made[0].prompt[-1].content  # its own answer is not given away


async def test_the_bundled_model_gets_no_examples_since_it_reads_none(services: Services) -> None:
    found = await collect(services, [SOURCE])
    made = await examples(services, found.learn, found.learn, learns=False)
    assert not any('-- for example "' in example.prompt[-1].content for example in made)
    assert parse(made[0].prompt).question == found.learn[0].question


async def test_personal_values_never_enter_an_example(services: Services) -> None:
    found = await collect(services, [SOURCE], mask=["singer.name"])
    made = await examples(services, found.learn, found.learn, learns=True, mask=["singer.name"])
    told = "".join(message.content for example in made for message in example.prompt)
    told += "".join(example.answer for example in made) + repr(found.exam)
    assert "Ann" not in told
    assert "Name1" in told
    assert any(hit.value == "Name1" for example in made for hit in parse(example.prompt).hits)
    with pytest.raises(InputInvalid, match=r"singer\.shoe"):
        await collect(services, [SOURCE], mask=["singer.shoe"])


async def test_what_was_wrong_is_masked_too_and_so_is_what_a_function_hides(services: Services) -> None:
    opened = await services.sources.open(SOURCE)
    asked = Question("1", SOURCE, "How old is ann lee?", "SELECT age FROM singer WHERE LOWER(name) = 'ann lee'",
                     date.today(), "", rejected="SELECT id FROM singer WHERE name LIKE '%Ann Lee%'")  # fmt: skip
    kept = without(asked, opened, ["singer.name"])
    assert kept is not None
    assert "ann" not in f"{kept.question} {kept.sql} {kept.rejected}".lower()
    assert "%Name1%" in kept.rejected
    by_number = replace(asked, sql="SELECT name FROM singer WHERE age = 30")
    assert without(by_number, opened, ["singer.age"]) is None
    assert without(replace(asked, sql="SELECT name FROM singer WHERE age > 30"), opened, ["singer.age"]) is not None


async def test_attached_documents_which_the_page_holds_do_not_stand_in_the_way(services: Services) -> None:
    services.store.attach(SOURCE, ["a space"])
    task = await services.task(SOURCE, "How many singers?", today=date.today(), approved=(), learns=True)
    assert task.definitions == ()


async def test_question_files_are_learnt_from_too_and_a_wrong_line_is_named(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "more.jsonl"
    line = {"id": "x", "db_id": SOURCE, "question": "Any song?", "sql": "SELECT title FROM song LIMIT 1"}
    file.write_text(json.dumps(line) + "\n{\n")
    with pytest.raises(InputInvalid, match=r"more\.jsonl, line 2"):
        await collect(services, [SOURCE], files=[file])
    file.write_text(json.dumps(line) + "\n")
    found = await collect(services, [SOURCE], files=[file])
    assert "Any song?" in {one.question for one in (*found.learn, *found.exam)}


async def test_too_few_answers_are_refused_with_what_would_be_enough(services: Services) -> None:
    with pytest.raises(InputInvalid, match="2 approved answers") as refused:
        await collect(services, [SOURCE], leave_out=[str(number) for number in range(2, len(APPROVED))])
    assert "at least 4 to learn from" in refused.value.remedy


async def test_answers_about_documents_that_were_called_right_are_examples_with_their_passages(
    services: Services,
) -> None:
    passage = {"number": 1, "document": "handbook.pdf", "text": "Parcels leave by noon.", "page": 2}
    answer = {"events": [{"event": "passages_found", "passages": [passage]}], "text": "By noon [1]."}
    talk = services.store.create_conversation("documents", "Handbook", "Parcels")
    turn = services.store.add_turn(talk.id, "When do parcels leave?", answer)
    services.store.add_feedback(turn.id, "right")
    (made,) = await of_documents(services, ["Handbook"])
    assert made.answer == "By noon [1]."
    assert "[1] handbook.pdf\nParcels leave by noon." in made.prompt[-1].content
    assert await of_documents(services, ["Another"]) == []
