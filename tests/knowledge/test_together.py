"""Several spaces at once: their passages are ranked as if they lay in one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from pilot import errors
from pilot.knowledge.library import Library
from pilot.knowledge.records import SpaceSettings
from tests.knowledge.hashing import HashingEmbedder

pytestmark = pytest.mark.asyncio(loop_scope="module")
SAID = (
    "Parcels to Germany take two days.",
    "Parcels to China take nine days and cost more than parcels to Germany.",
    "Parcels are packed in paper, and parcels are never packed in plastic.",
    "Refunds are paid within five working days after parcels come back.",
    "Opened tea is not taken back.",
    "Tea is packed by hand in Hamburg.",
    "包裹寄往德国需要两天。",
    "包裹寄往中国需要九天，运费另计。",
    "退款在五个工作日内支付。",
    "茶叶由汉堡的员工手工包装。",
)
ASKED = (
    "How long do parcels to China take?",
    "Who packs tea?",
    "parcels back",
    "parcels in plastic",
    "parcels and tea",
    "寄往中国的包裹要多久？",
    "包裹包装",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Library]:
    folder: Path = tmp_path_factory.mktemp("together")
    embedders = {name: HashingEmbedder(name, size) for name, size in (("hashing", 256), ("other", 64))}
    library = Library(folder, embedders["hashing"], embedders=lambda name: embedders[name])
    await library.start()
    await library.create_space("other embedder", SpaceSettings(embedder="other"))
    await _fill(library, "other embedder", SAID[3:5])
    for name, said in (("all", SAID), ("one", SAID[:1]), ("rest", SAID[1:]), ("none", ())):
        await library.create_space(name)
        await _fill(library, name, said)
    async with asyncio.timeout(600):
        for space in await library.spaces():
            while any(each.state != "ready" for each in await library.documents(space.name)):
                await asyncio.sleep(0.05)
    yield library
    await library.close()


async def _fill(library: Library, space: str, said: Sequence[str]) -> None:
    lines = "\n".join(f'{{"text": "{each}"}}' for each in said)
    if said:
        await library.add(space, "said.jsonl", lines.encode())


@pytest.mark.parametrize("question", ASKED)
async def test_how_documents_are_spread_over_spaces_changes_no_ranking(library: Library, question: str) -> None:
    whole = await library.search("all", question, 4)
    spread = await library.search("one", question, 4, also=["rest", "none", "one"])
    assert [each.text for each in spread] == [each.text for each in whole]
    assert {each.space for each in spread} <= {"one", "rest"}


async def test_spaces_of_different_embedders_are_asked_together(library: Library) -> None:
    found = await library.search("other embedder", "When are refunds paid?", 6, also=["one"])
    assert found[0].space == "other embedder"
    assert "Refunds" in found[0].text


async def test_a_space_that_is_not_there_is_an_error(library: Library) -> None:
    with pytest.raises(errors.NotFound):
        await library.search("all", "anything?", also=["nowhere"])
