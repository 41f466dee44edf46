"""Plain chat, the history of conversations, and feedback."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from pilot.store import Conversation, ConversationKind, Turn
from pilot.web.api import streams
from pilot.web.api.parts import EVENTS, PREFIX, PROBLEMS, LanguageDep, ServicesDep

router = APIRouter(prefix=PREFIX, responses=PROBLEMS, tags=["conversations"])


class Said(BaseModel):
    message: str
    conversation: str = Field("", description="Id of a conversation to go on with; empty: a new one.")


class NewConversation(BaseModel):
    kind: ConversationKind
    target: str = Field("", description="The database or the space; empty for plain chat.")
    title: str = ""


class NewTitle(BaseModel):
    title: str = Field(min_length=1, max_length=500)


class Judgement(BaseModel):
    message: str = Field(description="Id of the answer.")
    verdict: Literal["right", "wrong"]
    sql: str = Field("", description="The statement that would have been right.")


@router.post("/chat", description=EVENTS, response_model=streams.ChatAnswer)
async def chat(said: Said, request: Request, services: ServicesDep, language: LanguageDep) -> Response:
    events = services.chat(said.message, conversation=said.conversation, language=language)
    return await streams.answer(request, events, streams.chat)


@router.get("/conversations")
async def list_conversations(
    services: ServicesDep, kind: ConversationKind | None = None, search: str = ""
) -> list[Conversation]:
    """Newest first; of one kind, and with all words of `search` in the title or in a question."""
    return await asyncio.to_thread(lambda: services.store.conversations(kind, containing=search))


@router.post("/conversations", status_code=201)
async def create_conversation(new: NewConversation, services: ServicesDep) -> Conversation:
    return await asyncio.to_thread(services.store.create_conversation, new.kind, new.target, new.title)


@router.get("/conversations/{conversation}/turns")
async def list_turns(conversation: str, services: ServicesDep) -> list[Turn]:
    """Questions and answers in the order in which they were asked."""
    await asyncio.to_thread(services.store.conversation, conversation)  # NotFound rather than an empty list
    return await asyncio.to_thread(services.store.turns, conversation)


@router.patch("/conversations/{conversation}", status_code=204)
async def rename_conversation(conversation: str, new: NewTitle, services: ServicesDep) -> None:
    await asyncio.to_thread(services.store.rename_conversation, conversation, new.title)


@router.delete("/conversations/{conversation}", status_code=204)
async def delete_conversation(conversation: str, services: ServicesDep) -> None:
    await asyncio.to_thread(services.store.delete_conversation, conversation)


@router.post("/feedback", status_code=204)
async def judge(judgement: Judgement, services: ServicesDep, language: LanguageDep) -> None:
    """What is right is remembered for the next time that the question is asked; a corrected statement must pass the
    guard first: 422 `sql.rejected`.
    """
    await services.approvals.judge(judgement.message, judgement.verdict, sql=judgement.sql, language=language)
