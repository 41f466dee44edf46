"""Asking documents: a real library, with and without a model that writes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

from pilot import errors
from pilot.chat.documents import DocumentChat
from pilot.chat.events import CitationsReady, Event, Finished, Notice, PassagesFound, TextDelta
from pilot.chat.leaning import before
from pilot.i18n import Language, Texts
from pilot.knowledge.library import Library
from pilot.prompts.grounded import NOT_SAID
from tests.chat.served import Served, said, turn
from tests.knowledge.hashing import HashingEmbedder

T = TypeVar("T")
HANDBOOK = """# Returns

Unopened goods can be returned within 30 days for a full refund. Opened tea cannot be returned.

# Shipping

Parcels to Germany take 2 days. Parcels to China take 9 days and cost 12.50 euros.
"""
GUIDE = (
    "# 会员\n\n一年内消费满五百欧元的客户自动成为会员。会员享受九五折。\n\n# 退货\n\n未拆封的商品可以在三十天内退货。\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Library]:
    folder: Path = tmp_path_factory.mktemp("library")
    library = Library(folder, HashingEmbedder())
    await library.start()
    await library.create_space("shop")
    await library.create_space("empty")
    await library.create_space("notes")
    await library.add("notes", "notes.md", b"# Customs\n\nParcels to China are opened by customs.\n")
    await library.add("shop", "handbook.md", HANDBOOK.encode())
    await library.add("shop", "指南.md", GUIDE.encode())
    for space in ("shop", "notes"):
        while any(each.state not in ("ready", "failed") for each in await library.documents(space)):
            await asyncio.sleep(0.05)
    yield library
    await library.close()


async def told(library: Library, served: Served, question: str, *, writes: bool = False, space: str = "shop",
               language: Language = "en", after: Sequence[str] = (),
               also: Sequence[str] = ()) -> list[Event]:  # fmt: skip
    chat = DocumentChat(served.client(), library, top=4, can_chat=writes, model="m", texts=Texts(language))
    history = [turn(each, {"event": "citations_ready", "answer": "So it is."}) for each in after]
    async with aclosing(chat.answer(space, question, history, also=also)) as events:
        return [event async for event in events]


def one(events: list[Event], kind: type[T]) -> T:
    (found,) = (event for event in events if isinstance(event, kind))
    return found


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_without_a_writing_model_the_answer_quotes_word_for_word(library: Library) -> None:
    events = await told(library, Served(), "How many days do parcels to China take?")
    answer = one(events, CitationsReady)
    assert answer.found
    assert answer.answer.startswith("“Parcels to China take 9 days and cost 12.50 euros.” [")
    for citation in answer.citations:
        assert citation.quote in citation.passage.text
        assert citation.passage in one(events, PassagesFound).passages
    assert isinstance(events[-1], Finished)


async def test_a_chinese_question_is_answered_by_a_chinese_sentence(library: Library) -> None:
    answer = one(await told(library, Served(), "消费满多少欧元可以成为会员？", language="zh"), CitationsReady)
    assert answer.answer.startswith("“一年内消费满五百欧元的客户自动成为会员。”[")


async def test_words_that_only_ask_are_not_missed_in_the_documents(library: Library) -> None:
    answer = one(await told(library, Served(), "请问多久退货到账？", language="zh"), CitationsReady)
    assert "“未拆封的商品可以在三十天内退货。”" in answer.answer


@pytest.mark.parametrize(
    ("question", "quoted"),
    [("Summarise shipping", "“Parcels to Germany take 2 days.”"), ("概括退货", "“未拆封的商品可以在三十天内退货。”")],
)
async def test_a_summary_of_one_thing_is_the_passage_about_it(library: Library, question: str, quoted: str) -> None:
    answer = one(await told(library, Served(), question), CitationsReady)
    assert quoted in answer.answer


@pytest.mark.parametrize("writes", [False, True])
async def test_a_summary_of_one_document_of_several_asks_which(library: Library, writes: bool) -> None:
    served = Served()
    answer = one(await told(library, served, "Summarise it", writes=writes), CitationsReady)
    assert answer.answer.startswith("Which of the 2 documents?")
    assert "Summarise handbook.md" in answer.answer
    assert (answer.found, served.asked) == (False, [])


async def test_what_the_documents_do_not_say_is_not_answered(library: Library) -> None:
    answer = one(await told(library, Served(), "Who won the football championship in 1990?"), CitationsReady)
    assert (answer.answer, answer.citations, answer.found) == ("The documents do not say.", (), False)


async def test_an_empty_space_says_nothing(library: Library) -> None:
    events = await told(library, Served(), "What can be returned?", space="empty", writes=True)
    assert one(events, PassagesFound).passages == ()
    assert not one(events, CitationsReady).found


async def test_quotes_are_found_without_an_embedding_server_too(library: Library) -> None:
    answer = one(await told(library, Served(embeds=False), "Can opened tea be returned?"), CitationsReady)
    assert "“Opened tea cannot be returned.”" in answer.answer


async def test_a_writing_model_is_given_numbered_passages_and_its_citations_are_checked(library: Library) -> None:
    served = Served([said("Parcels to China take 9 days [1]. They cost 99 euros [1]. See also [7].")])
    events = await told(library, served, "How long do parcels to China take?", writes=True)
    answer = one(events, CitationsReady)
    prompt = served.asked[0]["messages"][-1]["content"]
    assert "[1] handbook.md" in prompt
    assert "Parcels to China take 9 days and cost 12.50 euros." in prompt
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).endswith("[7].")
    assert "[7]" not in answer.answer
    (citation,) = answer.citations
    assert citation.number == 1
    assert not citation.supported  # 99 euros stands nowhere


async def test_a_claim_that_stands_in_its_passage_is_supported(library: Library) -> None:
    served = Served([said("Opened tea cannot be returned [1].")])
    events = await told(library, served, "May I return opened tea?", writes=True)
    (citation,) = one(events, CitationsReady).citations
    assert citation.supported
    assert citation.quote == "Opened tea cannot be returned."


async def test_a_model_that_finds_no_answer_says_so_in_the_readers_language(library: Library) -> None:
    events = await told(library, Served([said(NOT_SAID)]), "Who is the king?", writes=True, language="zh")
    assert one(events, CitationsReady) == CitationsReady("文档里没有提到。", (), found=False)


async def test_an_answer_without_citations_carries_a_warning(library: Library) -> None:
    events = await told(library, Served([said("It is nine days.")]), "How long to China?", writes=True)
    assert one(events, Notice).key == "chat.notice.uncited"


async def test_a_space_that_is_not_there_is_an_error(library: Library) -> None:
    with pytest.raises(errors.NotFound):
        await told(library, Served(), "anything?", space="nowhere")


async def test_a_model_that_breaks_off_is_an_error_and_no_answer(library: Library) -> None:
    with pytest.raises(errors.ModelFailed):
        await told(library, Served([said("Parcels")[:1]]), "How long to China?", writes=True)


@pytest.mark.parametrize(
    ("first", "question", "answer"),
    [
        ("How many days do parcels to China take?", "And to Germany?", "“Parcels to Germany take 2 days.”"),
        ("Can goods be returned?", "What about opened tea?", "“Opened tea cannot be returned.”"),
        ("怎样成为会员？", "他们有什么折扣？", "“会员享受九五折。”"),
    ],
)
async def test_a_follow_up_is_read_with_the_question_before_it(
    library: Library, first: str, question: str, answer: str
) -> None:
    events = await told(library, Served(), question, after=["Who are you?", first])
    assert one(events, CitationsReady).answer.startswith(answer)
    assert one(events, PassagesFound).meant == f"{first} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "Is there a fee for parcels to Spain?",
        "How long does it take to ship tea?",
        "其他国家的运费是多少？",
        "茶叶应该怎样保存？",
    ],
)
async def test_a_question_that_is_understood_alone_stands_alone(question: str) -> None:
    assert before(question, [turn("Can goods be returned?")]) == ""


async def test_a_follow_up_of_which_the_documents_say_nothing_is_not_answered_from_the_one_before(
    library: Library,
) -> None:
    events = await told(library, Served(), "And to Mars?", after=["How many days do parcels to China take?"])
    assert not one(events, CitationsReady).found


async def test_a_writing_model_is_given_the_passages_that_a_follow_up_means(library: Library) -> None:
    served = Served([said("They cost 12.50 euros [1].")])
    events = await told(library, served, "How much do they cost?", writes=True, after=["Do you ship parcels to China?"])
    asked = served.asked[0]["messages"]
    assert [message["content"] for message in asked[1:3]] == ["Do you ship parcels to China?", "So it is."]
    assert "cost 12.50 euros" in asked[-1]["content"]
    assert asked[-1]["content"].endswith("Question: How much do they cost?")
    assert one(events, CitationsReady).doubtful == ()


async def test_what_no_cited_passage_bears_out_is_named(library: Library) -> None:
    reply = "Here is what they say:\n\nParcels to China take 9 days [1]. Elephants carry every parcel.[1] Tea is green."
    events = await told(library, Served([said(reply)]), "How long do parcels to China take?", writes=True)
    answer = one(events, CitationsReady)
    assert answer.doubtful == ("Elephants carry every parcel.[1]", "Tea is green.")


async def test_a_claim_in_another_language_is_held_against_its_numbers(library: Library) -> None:
    reply = "寄往中国的包裹需要 9 天 [1]。运费是 99 欧元 [1]。"
    events = await told(library, Served([said(reply)]), "How long do parcels to China take?", writes=True)
    assert one(events, CitationsReady).doubtful == ("运费是 99 欧元 [1]。",)


async def test_a_model_is_not_asked_where_nothing_found_is_near_the_question(library: Library) -> None:
    served = Served([said("Paris is the capital.")])
    events = await told(library, served, "Xylophone zeppelin quartz?", writes=True)
    assert not one(events, CitationsReady).found
    assert served.asked == []


async def test_several_spaces_answer_together_and_a_passage_names_its_own(library: Library) -> None:
    served = Served([said("Customs open parcels to China [1].")])
    events = await told(library, served, "What happens to parcels to China?", writes=True, also=["notes"])
    found = one(events, PassagesFound)
    assert {passage.space for passage in found.passages} == {"shop", "notes"}
    assert found.spaces == ("shop", "notes")
    assert "notes, notes.md, Customs" in served.asked[0]["messages"][-1]["content"]
