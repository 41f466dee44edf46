"""The grammar that goes with a request, so that a model can name only what it was shown.

What a model says before its statement stays free. A server that refuses the grammar is asked without it.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import lru_cache

from pilot.chat.context import View
from pilot.client import LlmClient
from pilot.datasource.lark import grammar
from pilot.datasource.lark_rules import MOST_TABLES
from pilot.errors import InputInvalid, ModelFailed
from pilot.protocol import ChatRequest, StreamPart, StructuredOutputs
from pilot.schema import Schema

AGAIN_SECONDS = 600.0  # after a refusal: another server may stand there by then


class Constraint:
    """One per model server."""

    def __init__(self) -> None:
        self._refused_at = float("-inf")

    def of(self, view: View) -> StructuredOutputs | None:
        """None where the server takes none, or where no name can be written. Of many tables the likeliest count."""
        if time.monotonic() - self._refused_at < AGAIN_SECONDS:
            return None
        return _grammar(view.schema.only(view.tables[:MOST_TABLES]))

    async def stream(self, client: LlmClient, request: ChatRequest) -> AsyncGenerator[StreamPart, None]:
        """What the server answers; asked once without the grammar if it will not have it. Raises a ModelError."""
        begun = False
        try:
            async with aclosing(client.stream(request)) as parts:
                async for part in parts:
                    begun = True
                    yield part
            return
        except (InputInvalid, ModelFailed):
            if begun or request.structured_outputs is None:
                raise
        async with aclosing(client.stream(request.model_copy(update={"structured_outputs": None}))) as parts:
            async for part in parts:
                self._refused_at = time.monotonic()  # not before it answers: it may have failed for another reason
                yield part


@lru_cache(maxsize=64)
def _grammar(schema: Schema) -> StructuredOutputs | None:
    try:
        return StructuredOutputs(grammar=grammar(schema, freely=True))
    except ValueError:
        return None
