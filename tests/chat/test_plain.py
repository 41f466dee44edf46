"""Plain conversation."""

from contextlib import aclosing

import pytest

from pilot import errors
from pilot.chat.events import Event, Finished, Notice, TextDelta
from pilot.chat.plain import PlainChat
from pilot.i18n import Texts
from pilot.protocol import Delta, Done, chunk, event
from pilot.store import Turn
from tests.chat.served import Served, said, turn


async def told(served: Served, message: str, *history: Turn, can_chat: bool = True) -> list[Event]:
    chat = PlainChat(served.client(), can_chat=can_chat, model="m", texts=Texts("en"))
    async with aclosing(chat.answer(message, history)) as events:
        return [event async for event in events]


async def test_the_words_come_as_they_are_said(served: Served) -> None:
    events = await told(served, "hello")
    assert events == [TextDelta("Good"), TextDelta(" mor"), TextDelta("ning"), Finished()]


async def test_earlier_turns_are_remembered(served: Served) -> None:
    await told(served, "and now?", turn("hello", text="Hi."), turn("how are you?", text="Fine."))
    assert [(each["role"], each["content"]) for each in served.asked[0]["messages"]][1:] == [
        ("user", "hello"), ("assistant", "Hi."), ("user", "how are you?"), ("assistant", "Fine."), ("user", "and now?"),
    ]  # fmt: skip


async def test_a_model_that_cannot_chat_says_what_it_can_and_how_to_get_one_that_does() -> None:
    served = Served([said("never")])
    chat = PlainChat(served.client(), can_chat=False, model="pilot-text-to-sql", texts=Texts("en"))
    events: list[Event] = []
    with pytest.raises(errors.ModelUnable) as unable:
        events += [event async for event in chat.answer("hello")]
    assert "LLM_MODEL" in unable.value.remedy
    assert not served.asked


async def test_the_notice_comes_first_when_the_model_cannot_chat() -> None:
    answer = PlainChat(Served().client(), can_chat=False, model="small", texts=Texts("en")).answer("hello")
    assert await anext(answer) == Notice("chat.notice.cannot_chat", {"model": "small"})
    await answer.aclose()


async def test_an_answer_at_its_longest_length_says_that_it_is_cut() -> None:
    cut = [event(chunk("c", "m", Delta("and so"))), event(chunk("c", "m", Done("length"))), event("[DONE]")]
    assert Notice("chat.notice.cut_off", {}) in await told(Served([cut]), "tell me more")


async def test_stopping_closes_the_stream() -> None:
    served = Served([said("word " * 50, pieces=50)])
    answer = PlainChat(served.client(), can_chat=True, model="", texts=Texts("en")).answer("go on")
    await anext(answer)
    await answer.aclose()
    assert served.closed
    assert served.sent < 10


@pytest.fixture
def served() -> Served:
    return Served([said("Good morning")])
