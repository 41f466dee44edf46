"""The list of conversations beside each tab: find one, open one, rename it, delete it, begin a new one."""

from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr
from anyio import to_thread

from pilot.errors import NotFound
from pilot.store import ConversationKind, Store
from pilot.web.ui.labels import Labels
from pilot.web.ui.visit import PRIVATE

Handler = Callable[..., Awaitable[list[Any]]]
SHOWN = 40
FEW = 6  # conversations that need no search


class History:
    """`kind` is the tab's; the list refreshes when the tab says so."""

    def __init__(self, store: Store, kind: ConversationKind, labels: Labels) -> None:
        self._store = store
        self._kind = kind
        self.new = labels(gr.Button, value="web.history.new", size="sm", elem_classes="quiet new")
        self.search = labels(gr.Textbox, placeholder="web.history.search", label="web.history.search", show_label=False,
                             container=False, max_lines=1, visible=False, elem_classes="find")  # fmt: skip
        self.list = labels(gr.Radio, label="web.history", choices=[], elem_classes="history")
        with gr.Row(visible=False, elem_classes="actions") as self.tools:
            self.rename = labels(gr.Button, value="web.history.rename", size="sm", elem_classes="quiet")
            self.delete = labels(gr.Button, value="web.history.delete", size="sm", elem_classes="quiet danger")
        self.title = labels(gr.Textbox, label="web.history.title", max_lines=1, visible=False, elem_classes="title")

    @property
    def outputs(self) -> list[Any]:
        return [self.search, self.list, self.tools, self.title]

    def wire(self, open_: Handler, listed: Handler, thread: gr.State, view: list[Any]) -> None:
        """`open_(conversation, request)` gives the updates of `view`; "" opens a new, empty one."""
        chosen = self.list.input(open_, self.list, view, trigger_mode="always_last", **PRIVATE)
        begun = self.new.click(open_, gr.State(""), view, **PRIVATE)
        gone = self.delete.click(self._forget, self.list, None, **PRIVATE).then(open_, gr.State(""), view, **PRIVATE)
        self.opened = chosen, begun, gone
        for event in self.opened:
            event.then(listed, thread, self.outputs, **PRIVATE)
        self.search.input(self._find, [self.search, self.list], self.list, trigger_mode="always_last", **PRIVATE)
        self.rename.click(self._ask_title, self.list, self.title, **PRIVATE)
        named = self.title.submit(self._name, [self.list, self.title], None, **PRIVATE)
        named.then(listed, thread, self.outputs, **PRIVATE)

    async def show(self, selected: str = "") -> list[Any]:
        """Updates for `outputs`: the whole list, nothing half done."""
        choices = await self._choices("")
        known = any(id_ == selected for _, id_ in choices)
        return [
            gr.update(value="", visible=len(choices) > FEW),
            gr.update(choices=choices[:SHOWN], value=selected if known else None, visible=bool(choices)),
            gr.update(visible=known),
            gr.update(visible=False),
        ]

    async def _choices(self, words: str) -> list[tuple[str, str]]:
        rows = await to_thread.run_sync(lambda: self._store.conversations(self._kind, containing=words))
        return [(row.title, row.id) for row in rows]

    async def _find(self, words: str, selected: str) -> Any:
        choices = (await self._choices(words))[:SHOWN]
        known = any(id_ == selected for _, id_ in choices)
        return gr.update(choices=choices, value=selected if known else None)

    async def _ask_title(self, conversation: str) -> Any:
        title = next((title for title, id_ in await self._choices("") if id_ == conversation), "")
        return gr.update(value=title, visible=bool(title))

    async def _name(self, conversation: str, title: str) -> None:
        """An empty title changes nothing, nor does one of a conversation that is gone."""
        if title.strip():
            await _tolerant(self._store.rename_conversation, conversation, title)

    async def _forget(self, conversation: str) -> None:
        """Gone already is as good as deleted."""
        await _tolerant(self._store.delete_conversation, conversation)


async def _tolerant(change: Callable[..., None], *arguments: str) -> None:
    try:
        await to_thread.run_sync(change, *arguments)
    except NotFound:
        return
