"""All of a document: with a model that writes, and without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from pilot import errors
from pilot.chat.digest import NOTES, Digest
from pilot.chat.events import CitationsReady, Condensing, Event, Finished, Notice, PassagesFound
from pilot.i18n import Language, Texts
from pilot.knowledge.library import Library
from tests.chat.served import Served, said
from tests.knowledge.hashing import HashingEmbedder

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHOP = "The shop sells green tea and black tea to customers in Europe. Rain fell. "
RULES = "Customers may return unopened tea within thirty days of delivery. Nobody knows why. "
CHINESE = "商店向欧洲客户出售绿茶和红茶。下雨了。客户可以在三十天内退回未拆封的茶叶。"
FILES = {
    "long.md": "# Tea\n\n" + SHOP * 60 + "\n\n# Returns\n\n" + RULES * 60,
    "short.md": SHOP + RULES,
    "茶.md": CHINESE,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Library]:
    folder: Path = tmp_path_factory.mktemp("digest")
    library = Library(folder, HashingEmbedder())
    await library.start()
    await library.create_space("all")
    for name, text in FILES.items():
        await library.add("all", name, text.encode())
    async with asyncio.timeout(600):
        while any(each.state != "ready" for each in await library.documents("all")):
            await asyncio.sleep(0.05)
    yield library
    await library.close()


async def told(library: Library, served: Served, name: str, *, writes: bool, language: Language = "en") -> list[Event]:
    (record,) = [each for each in await library.documents("all") if each.name == name]
    digest = Digest(served.client(), library, can_chat=writes, model="m", texts=Texts(language))
    async with aclosing(digest.answer("all", record.id)) as events:
        return [event async for event in events]


async def test_each_part_is_noted_and_the_summary_cites_the_parts(library: Library) -> None:
    notes = [said("The shop sells tea in Europe."), said("Tea may be returned within thirty days.")]
    served = Served([*notes, said("It is a shop that sells tea [1]. Tea may be returned within 30 years [2].")])
    events = await told(library, served, "long.md", writes=True)
    (found,) = [event for event in events if isinstance(event, PassagesFound)]
    parts = found.passages
    assert [event for event in events if isinstance(event, Condensing)][-1] == Condensing(len(parts), len(parts))
    assert len(served.asked) == len(parts) + 1
    assert "The shop sells green tea" in served.asked[0]["messages"][-1]["content"]
    assert "[1] The shop sells tea in Europe." in served.asked[-1]["messages"][-1]["content"]
    (answer,) = [event for event in events if isinstance(event, CitationsReady)]
    assert [citation.number for citation in answer.citations] == [1, 2]
    assert answer.doubtful == ("Tea may be returned within 30 years [2].",)
    assert isinstance(events[-1], Finished)


async def test_more_notes_than_a_model_reads_at_once_are_shortened_first(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilot.chat.digest.PART", 600)
    served = Served([said("tea " * 140)])
    await told(library, served, "long.md", writes=True)
    asked = [message["content"] for body in served.asked for message in body["messages"][-1:]]
    assert sum(text.startswith("Notes:") for text in asked) >= 2
    assert len(asked[-1]) < NOTES + 500


async def test_stopping_a_summary_stops_the_model(library: Library) -> None:
    served = Served([said("Tea. " * 50, pieces=50)])
    (record,) = [each for each in await library.documents("all") if each.name == "long.md"]
    digest = Digest(served.client(), library, can_chat=True, model="m", texts=Texts("en"))
    async with aclosing(digest.answer("all", record.id)) as events:
        async for event in events:
            if isinstance(event, Condensing) and event.done == 1:
                break
    assert len(served.asked) == 1


@pytest.mark.parametrize(
    ("name", "first"),
    [("long.md", "“The shop sells green tea and black tea to customers in Europe.” [1]"),
     ("short.md", "“Customers may return unopened tea"), ("茶.md", "“客户可以在三十天内退回未拆封的茶叶。” [1]")],
)  # fmt: skip
async def test_without_a_model_that_writes_each_part_is_told_by_a_sentence_of_its_own(
    library: Library, name: str, first: str
) -> None:
    events = await told(library, Served(), name, writes=False)
    (answer,) = [event for event in events if isinstance(event, CitationsReady)]
    assert answer.answer.startswith(first)
    assert all(citation.quote in citation.passage.text for citation in answer.citations)
    assert [event.key for event in events if isinstance(event, Notice)] == ["documents.outlined"]


async def test_a_document_that_has_not_been_read_is_an_error(library: Library) -> None:
    with pytest.raises(errors.NotFound):
        await (
            Digest(Served().client(), library, can_chat=True, model="m", texts=Texts("zh"))
            .answer("all", "x")
            .asend(None)
        )
