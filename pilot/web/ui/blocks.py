"""Gradio's page, but an exception that nobody foresaw is told as one sentence with its name in the log."""

from typing import Any

import gradio as gr

from pilot.services import unexpected
from pilot.web.ui.visit import Speaker


class TellingBlocks(gr.Blocks):
    def __init__(self, speak: Speaker, **options: Any) -> None:
        super().__init__(**options)
        self._speak = speak

    async def call_function(
        self,
        block_fn: Any,
        processed_input: list[Any],
        iterator: Any = None,
        requests: Any = None,
        *more: Any,
        **named: Any,
    ) -> Any:
        """Every handler of the page runs through here (gradio 6.31); one that streams, once for each piece."""
        try:
            return await super().call_function(block_fn, processed_input, iterator, requests, *more, **named)
        except (gr.Error, StopAsyncIteration, StopIteration):
            raise
        except Exception as error:
            t = self._speak(requests[0] if isinstance(requests, list) else requests)
            told = unexpected(t)
            raise gr.Error(f"{told.message} {told.remedy}", title=t("errors.error"), print_exception=False) from error
