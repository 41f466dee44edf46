"""Data and documents together: what the owner's documents define goes to the model that writes the SQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from pilot.chat.database import DatabaseChat
from pilot.chat.definitions import Definitions, defined
from pilot.chat.events import Declined, DefinitionsFound, Event, FoundPassage, ReceiptReady
from pilot.datasource.base import Limits
from pilot.datasource.source import SqlSource
from pilot.i18n import Texts
from pilot.knowledge.library import Library
from pilot.schema import Schema
from tests.chat.served import Served, said
from tests.knowledge.hashing import HashingEmbedder

pytestmark = pytest.mark.asyncio(loop_scope="module")
RULES = """# Terms

A loyal customer is one who has placed more than one order. Revenue counts paid orders only.
Our shop is in Hamburg. Parcels travel by train.

活跃客户是指最近九十天内下过单的客户。净收入不包括退款。包裹由火车运送。
"""
SQL = "SELECT COUNT(*) FROM customers"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Library]:
    folder: Path = tmp_path_factory.mktemp("definitions")
    library = Library(folder, HashingEmbedder())
    await library.start()
    await library.create_space("terms")
    await library.add("terms", "terms.md", RULES.encode())
    async with asyncio.timeout(60):
        while any(each.state != "ready" for each in await library.documents("terms")):
            await asyncio.sleep(0.05)
    yield library
    await library.close()


@pytest.mark.parametrize(
    ("question", "sentences"),
    [
        ("How many loyal customers are there?", ["A loyal customer is one who has placed more than one order."]),
        ("revenue per month", ["Revenue counts paid orders only."]),
        ("有多少活跃客户？", ["活跃客户是指最近九十天内下过单的客户。"]),
        ("去年的净收入是多少？", ["净收入不包括退款。"]),
        ("How many orders were cancelled?", []),
        ("average salary of employees", []),
    ],
)
async def test_a_sentence_is_found_that_defines_what_the_question_names(question: str, sentences: list[str]) -> None:
    passage = FoundPassage(1, "terms.md", "d", None, "Terms", RULES, 1.0)
    assert [each.quote for each in defined(question, [passage])] == sentences


async def asked(
    library: Library, served: Served, shop: SqlSource, schema: Schema, question: str, *, learns: bool
) -> list[Event]:
    chat = DatabaseChat(
        served.client(), "shop", shop, schema, None, limits=Limits(), candidates=1, model="m", texts=Texts("en"),
        learns=learns, definitions=Definitions(library, ["terms"]),
    )  # fmt: skip
    async with aclosing(chat.answer(question)) as events:
        return [event async for event in events]


async def test_a_model_that_chats_is_told_and_the_receipt_says_so(
    library: Library, shop: SqlSource, schema: Schema
) -> None:
    served = Served([said(SQL)])
    events = await asked(library, served, shop, schema, "How many loyal customers are there?", learns=True)
    assert not any(isinstance(event, Declined) for event in events)
    (found,) = [event for event in events if isinstance(event, DefinitionsFound)]
    assert found.used
    told = '-- the owner\'s documents say: "A loyal customer is one who has placed more than one order." (terms.md)'
    assert told in served.asked[0]["messages"][-1]["content"]
    (receipt,) = [event.receipt for event in events if isinstance(event, ReceiptReady)]
    assert receipt.definitions == ('"A loyal customer is one who has placed more than one order." (terms.md)',)


async def test_a_model_that_only_writes_sql_is_not_told_but_the_reader_is(
    library: Library, shop: SqlSource, schema: Schema
) -> None:
    served = Served([said(SQL)])
    events = await asked(library, served, shop, schema, "How many customers bring revenue?", learns=False)
    (found,) = [event for event in events if isinstance(event, DefinitionsFound)]
    assert (found.used, found.definitions[0].quote) == (False, "Revenue counts paid orders only.")
    (request,) = served.asked
    assert all("documents say" not in message["content"] for message in request["messages"])
    (receipt,) = [event.receipt for event in events if isinstance(event, ReceiptReady)]
    assert receipt.definitions == ()


@pytest.mark.parametrize("question", ["Why are loyal customers there?", "How many zeppelins do loyal customers have?"])
async def test_a_definition_speaks_for_its_own_words_alone(
    library: Library, shop: SqlSource, schema: Schema, question: str
) -> None:
    events = await asked(library, Served([said(SQL)]), shop, schema, question, learns=True)
    assert any(isinstance(event, DefinitionsFound) and event.used for event in events)
    assert any(isinstance(event, Declined) for event in events)


async def test_a_space_that_is_gone_costs_no_answer(library: Library) -> None:
    assert await Definitions(library, ["gone"]).find("How many loyal customers are there?") == ()
    assert await Definitions(library, []).find("How many loyal customers are there?") == ()
