"""What all routes share: the error body, a check of texts, noticing a client that has left before anything was sent."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from fastapi import Request

from pilot.errors import InputInvalid, PilotError

T = TypeVar("T")


class ClientLeft(Exception):
    """Nobody is there to answer."""


def error_body(error: PilotError) -> dict[str, Any]:
    """Pilot's own error object, with the keys beside it that OpenAI's clients read, and what the page needs to say it
    in another language.
    """
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    details = {key: value for key, value in error.details.items() if isinstance(value, str | int | float | list)}
    return {"error": {**error.to_json()["error"], "type": kind, "param": None, "details": details}}


def check_text(texts: Iterable[str]) -> None:
    """JSON can hold halves of characters (lone surrogates), which no tokenizer reads. Raises InputInvalid."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputInvalid(
                f"half a character at position {error.start}", remedy="Send whole Unicode text."
            ) from error


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns or raises; cancels it and raises ClientLeft as soon as the client hangs up."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_hang_up(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientLeft
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
