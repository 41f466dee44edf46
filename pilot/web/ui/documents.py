"""The tab that asks documents: question, answer with citations, and a search view over the same space."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from pilot.chat.documents import found_passage
from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.services import Services
from pilot.web import panels, render
from pilot.web.ui.history import History
from pilot.web.ui.labels import Labels
from pilot.web.ui.spaces import SpacePanel
from pilot.web.ui.stored import open_thread
from pilot.web.ui.thread import Thread
from pilot.web.ui.visit import PRIVATE, Speaker, Stops, frames

PASSAGES = 10  # of a search


class DocumentsTab:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.thread, self.stops = gr.State(Thread()), Stops()
        with gr.Row(elem_classes="workbench"):
            with gr.Column(scale=0, min_width=264, elem_classes="side"):
                self.panel = SpacePanel(services, labels, speak)
                self.history = History(services.store, "documents", labels)
            with gr.Column(elem_classes="main", min_width=320):
                self._main(labels)

    def _main(self, labels: Labels) -> None:
        self.hello = labels(gr.Markdown, value="web.documents.hello", elem_classes="hello")
        with gr.Row(elem_classes="composer"):
            self.box = labels(gr.Textbox, placeholder="web.documents.placeholder", show_label=False, container=False,
                              lines=1, max_lines=5, elem_id="documents-question", scale=1)  # fmt: skip
            self.search = labels(gr.Button, value="web.search", scale=0, min_width=88, elem_id="documents-search")
            self.ask = labels(gr.Button, value="web.ask", variant="primary", scale=0, min_width=88,
                              elem_id="documents-ask")  # fmt: skip
            self.stop = labels(gr.Button, value="web.stop", scale=0, min_width=88, visible=False,
                               elem_id="documents-stop", elem_classes="stop")  # fmt: skip
        self.answer = gr.Markdown(elem_classes="pane", elem_id="documents-answer", latex_delimiters=[])
        with gr.Row(visible=False, elem_classes="actions") as self.actions:
            self.right = labels(gr.Button, value="web.feedback.right", size="sm", elem_classes="quiet")
            self.wrong = labels(gr.Button, value="web.feedback.wrong", size="sm", elem_classes="quiet")
            self.thanks = gr.Markdown(elem_classes="thanks", latex_delimiters=[])
        self.past = gr.Markdown(elem_classes="pane", latex_delimiters=[])

    @property
    def view(self) -> list[Any]:
        """What `show` updates."""
        return [self.thread, self.hello, self.answer, self.actions, self.thanks, self.past, self.ask, self.search,
                self.stop]  # fmt: skip

    @property
    def asked(self) -> list[Any]:
        """What is asked, and of which spaces."""
        return [self.box, self.panel.space, self.panel.also]

    def wire(self) -> None:
        self.panel.wire()
        run = gr.on([self.ask.click, self.box.submit], self._ask, [*self.asked, self.thread],
                    [self.box, *self.view], concurrency_limit=16, **PRIVATE)  # fmt: skip
        summed = self.panel.sum_up.click(
            self._sum_up, [self.panel.space, self.panel.document, self.thread], self.view, concurrency_limit=16,
            **PRIVATE,
        )  # fmt: skip
        summed.then(self._list, self.thread, self.history.outputs, **PRIVATE)
        summed.then(self._reword, self.thread, self.worded, **PRIVATE)
        run.then(self._list, self.thread, self.history.outputs, **PRIVATE)
        run.then(self._reword, self.thread, self.worded, **PRIVATE)
        self.search.click(
            self._search,
            [*self.asked, self.thread],
            [self.thread, self.hello, self.answer, self.actions],
            **PRIVATE,
        )
        self.stop.click(self._stop, self.thread, self.view, queue=False, **PRIVATE)
        self.right.click(self._right, self.thread, self.thanks, **PRIVATE)
        self.wrong.click(self._wrong, self.thread, self.thanks, **PRIVATE)
        self.history.wire(self._open, self._list, self.thread, [self.panel.space, *self.view])

    async def show(self, thread: Thread, t: Texts) -> list[Any]:
        """Updates for `view`."""
        answer = thread.answer
        running = thread.running
        return [
            thread,
            gr.update(visible=not thread.answers),
            _shown(thread, t),
            gr.update(visible=bool(answer.message) and thread.found is None),
            "",
            render.earlier(thread.told(t).earlier, t),
            gr.update(visible=not running),
            gr.update(visible=not running),
            gr.update(visible=running),
        ]

    def reword(self, thread: Thread, t: Texts) -> list[Any]:
        """Updates for `worded`: the same answer in another language."""
        return [_shown(thread, t), render.earlier(thread.told(t).earlier, t)]

    @property
    def worded(self) -> list[Any]:
        return [self.answer, self.past]

    # handlers

    async def _ask(
        self, question: str, space: str, also: Sequence[str] | None, thread: Thread, request: gr.Request
    ) -> AsyncIterator[list[Any]]:
        t = self.speak(request)
        if not question.strip() or not space:
            return
        thread = thread.asking(question.strip())
        with self.stops.watched(request) as stop:
            yield ["", *await self.show(thread, t)]
            events = self.services.ask_documents(
                space, thread.answer.question, conversation=thread.conversation, also=also or (), language=t.language
            )
            async for answer in frames(thread.answer, events, stop):
                thread = thread.grown(answer)
                yield [gr.skip(), *await self.show(thread, t)]

    async def _sum_up(
        self, space: str, document: str | None, thread: Thread, request: gr.Request
    ) -> AsyncIterator[list[Any]]:
        t = self.speak(request)
        if space and not document:
            ready = [record.id for record in await self.services.library.documents(space) if record.chunks]
            document = ready[0] if len(ready) == 1 else None
        if not space or not document:
            gr.Info(t("documents.sum_up.choose"), title="")
            return
        try:
            record = await self.services.library.document(space, document)
        except PilotError:  # deleted meanwhile: the list says so
            return
        thread = thread.asking(t("documents.sum_up.asked", name=record.name))
        with self.stops.watched(request) as stop:
            yield await self.show(thread, t)
            events = self.services.sum_up(space, document, conversation=thread.conversation, language=t.language)
            async for answer in frames(thread.answer, events, stop):
                thread = thread.grown(answer)
                yield await self.show(thread, t)

    async def _search(
        self, question: str, space: str, also: Sequence[str] | None, thread: Thread, request: gr.Request
    ) -> list[Any]:
        t = self.speak(request)
        if not question.strip() or not space:
            return [gr.skip(), gr.skip(), gr.skip(), gr.skip()]
        try:
            passages = await self.services.library.search(space, question, PASSAGES, also=also or ())
        except PilotError as error:
            return [gr.skip(), gr.update(visible=False), panels.problem(error, t), gr.update(visible=False)]
        found = tuple(found_passage(number, each) for number, each in enumerate(passages, 1))
        thread = replace(thread, found=found)
        return [thread, gr.update(visible=False), _shown(thread, t), gr.update(visible=False)]

    async def _right(self, thread: Thread, request: gr.Request) -> str:
        await self.services.approvals.judge(thread.answer.message, "right")
        return self.speak(request)("web.feedback.thanks.right")

    async def _wrong(self, thread: Thread, request: gr.Request) -> str:
        await self.services.approvals.judge(thread.answer.message, "wrong")
        return self.speak(request)("web.feedback.noted")

    async def _stop(self, thread: Thread, request: gr.Request) -> list[Any]:
        """Where nothing runs, the page is made free again."""
        if self.stops.ask(request):
            return [gr.skip() for _ in self.view]
        return await self.show(thread.stopped(), self.speak(request))

    async def _open(self, conversation: str, request: gr.Request) -> list[Any]:
        thread, target = await open_thread(self.services.store, conversation)
        return [target or gr.skip(), *await self.show(thread, self.speak(request))]

    async def _reword(self, thread: Thread, request: gr.Request) -> list[Any]:
        """The language may have changed while the answer came. The next one, if it comes already, draws itself."""
        if thread.running:
            return [gr.skip() for _ in self.worded]
        return self.reword(thread, self.speak(request))

    async def _list(self, thread: Thread) -> list[Any]:
        return await self.history.show(thread.conversation)


def _shown(thread: Thread, t: Texts) -> str:
    """The answer, or the passages of a search that was made after it."""
    return render.cited_answer(thread.told(t).answer, t) if thread.found is None else render.found(thread.found, t)
