"""The whole page: header, five tabs, and what happens when a visitor comes or changes his language."""

from pathlib import Path
from typing import Any

import gradio as gr

from pilot.i18n import Language, Texts
from pilot.services import Services
from pilot.web import panels
from pilot.web.ui.blocks import TellingBlocks
from pilot.web.ui.chat import ChatTab
from pilot.web.ui.database import DatabaseTab
from pilot.web.ui.documents import DocumentsTab
from pilot.web.ui.exports import Exports
from pilot.web.ui.labels import Labels
from pilot.web.ui.model import ModelTab
from pilot.web.ui.schema import SchemaTab
from pilot.web.ui.thread import Thread
from pilot.web.ui.visit import PRIVATE, Speaker

STATUS_SECONDS = 10.0
SWEEP_SECONDS = (3600, 24 * 3600)  # look every hour; uploads and exports live for a day
BRAND = '<div class="brand"><span class="mark"></span><b>Pilot</b></div>'


def build(services: Services, *, uploads: Path, default: Language, protected: bool) -> gr.Blocks:
    """The page over these services. `protected` pages have a way out."""
    labels, speak = Labels(default), Speaker(default)
    with TellingBlocks(
        speak, title="Pilot", analytics_enabled=False, delete_cache=SWEEP_SECONDS, fill_width=True
    ) as page:
        header = Header(labels, protected=protected)
        with gr.Tabs(elem_classes=["tabs", "nav"], overflow_behavior="wrap"):
            with labels(gr.Tab, label="web.tab.database", id="database"):
                database = DatabaseTab(services, labels, speak, Exports(uploads / "exports"))
            with labels(gr.Tab, label="schema.tab", id="schema"):
                schema = SchemaTab(services, labels, speak, Exports(uploads / "exports"))
            with labels(gr.Tab, label="web.tab.documents", id="documents"):
                documents = DocumentsTab(services, labels, speak)
            with labels(gr.Tab, label="web.tab.chat", id="chat"):
                chat = ChatTab(services, labels, speak)
            with labels(gr.Tab, label="web.tab.model", id="model"):
                model = ModelTab(services, labels, speak)
        parts = Parts(services, labels, speak, header, database, schema, documents, chat, model)
        parts.wire(page)
    return page


class Header:
    def __init__(self, labels: Labels, *, protected: bool) -> None:
        with gr.Row(elem_classes="top"):
            gr.Markdown(BRAND, elem_classes="pane")
            self.status = gr.Markdown(elem_classes="pane", elem_id="status", latex_delimiters=[])
            with gr.Row(elem_classes="switches"):
                self.english = gr.Button("English", size="sm", elem_id="language-en", elem_classes="switch")
                self.chinese = gr.Button("中文", size="sm", elem_id="language-zh", elem_classes="switch")
                labels(gr.Button, value="web.shade", size="sm", elem_id="shade", elem_classes="switch")
                if protected:
                    labels(gr.Button, value="web.logout", size="sm", elem_id="logout", elem_classes="switch")
        self.timer = gr.Timer(STATUS_SECONDS)


class Parts:
    """The page's parts together: what no tab can do alone."""

    def __init__(
        self, services: Services, labels: Labels, speak: Speaker, header: Header,
        database: DatabaseTab, schema: SchemaTab, documents: DocumentsTab, chat: ChatTab, model: ModelTab,
    ) -> None:  # fmt: skip
        self.services, self.labels, self.speak, self.header = services, labels, speak, header
        self.database, self.schema, self.documents, self.chat, self.model = database, schema, documents, chat, model

    def wire(self, page: gr.Blocks) -> None:
        for tab in (self.database, self.schema, self.documents, self.chat):
            tab.wire()
        self.model.wire(page)
        for moved in (self.model.timer.tick, *(done.then for done in self.model.exchanged)):
            moved(self._status, None, self._standing, **PRIVATE)
        page.load(self._words, None, self.labels.components, **PRIVATE)
        page.load(self._arrive, None, self._arrival, **PRIVATE)
        page.load(self.schema.choices, None, self.schema.source, **PRIVATE)
        asked = self.database.panel.source
        asked.change(self.schema.follow, [asked, self.schema.touched], self.schema.source, **PRIVATE)
        for saved in self.schema.saved:
            saved.then(self._describe, self.database.panel.source, self.database.panel.shown, **PRIVATE)
        gr.on([page.load, self.header.timer.tick], self._status, None, self._standing, **PRIVATE)
        for language, button in (("en", self.header.english), ("zh", self.header.chinese)):
            picked = gr.State(language)
            button.click(self._words_in, picked, self.labels.components, **PRIVATE)
            button.click(self._retell, [picked, *self._threads], self._retold, **PRIVATE)
            told = button.click(
                self.database.retell, [picked, *self.database.told_from], self.database.retold, **PRIVATE
            )
            told.then(self.database.reword, self.database.worded_from, self.database.worded, **PRIVATE)
            button.click(self.schema.reword, [picked, *self.schema.worded_from], self.schema.worded, **PRIVATE)
            button.click(self.model.reword, [picked, *self.model.told_from], self.model.told, **PRIVATE)

    @property
    def _threads(self) -> list[Any]:
        return [self.database.panel.source, self.documents.thread, self.documents.panel.space, self.chat.thread]

    @property
    def _arrival(self) -> list[Any]:
        tabs = (self.database, self.documents, self.chat)
        return [self.database.panel.source, self.documents.panel.space,
                *(output for tab in tabs for output in tab.history.outputs)]  # fmt: skip

    @property
    def _standing(self) -> list[Any]:
        return [self.header.status, *self.chat.abilities, *self.model.shown]

    @property
    def _retold(self) -> list[Any]:
        return [*self.database.examples, *self.database.panel.shown,
                *self.documents.worded, *self.documents.panel.shown, *self.chat.worded, *self._standing]  # fmt: skip

    # handlers

    def _words(self, request: gr.Request) -> list[Any]:
        return self.labels.updates(self.speak(request))

    def _words_in(self, language: Language) -> list[Any]:
        return self.labels.updates(Texts(language))

    async def _arrive(self) -> list[Any]:
        source, space = await self.database.panel.choices(), await self.documents.panel.choices()
        lists = [await tab.history.show() for tab in (self.database, self.documents, self.chat)]
        return [source, space, *(update for updates in lists for update in updates)]

    async def _describe(self, source: str, request: gr.Request) -> list[Any]:
        return await self.database.panel.describe(source, self.speak(request))

    async def _status(self, request: gr.Request) -> list[Any]:
        return await self._stand(self.speak(request))

    async def _stand(self, t: Texts) -> list[Any]:
        ready = await self.services.client.ready()
        card = await self.services.model()
        awaited = card is None and await self.services.awaited()
        status = panels.status(card, t, ready=ready, awaited=awaited)
        return [status, *await self.chat.able(), *await self.model.show(t)]

    async def _retell(self, language: Language, source: str, read: Thread, space: str, talk: Thread) -> list[Any]:
        """Everything on show that is not a label, in the language just picked."""
        t = Texts(language)
        return [
            *await self.database.suggest(source, t),
            *await self.database.panel.describe(source, t),
            *self.documents.reword(read, t), *await self.documents.panel.show(space, t),
            *self.chat.reword(talk, t), *await self._stand(t),
        ]  # fmt: skip
