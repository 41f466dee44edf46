"""The tab for free talk with the model. One that cannot chat says what it can do instead."""

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from pilot.i18n import Texts
from pilot.services import Services
from pilot.web import render
from pilot.web.ui.history import History
from pilot.web.ui.labels import Labels
from pilot.web.ui.stored import open_thread
from pilot.web.ui.thread import Thread
from pilot.web.ui.visit import PRIVATE, Speaker, Stops, frames


class ChatTab:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.thread, self.stops = gr.State(Thread()), Stops()
        with gr.Row(elem_classes="workbench"):
            with gr.Column(scale=0, min_width=264, elem_classes="side"):
                self.history = History(services.store, "chat", labels)
            with gr.Column(elem_classes="main", min_width=320):
                self.hello = labels(gr.Markdown, value="web.chat.hello", elem_classes="hello")
                self.unable = labels(gr.Markdown, value="web.chat.unable", elem_classes="card", visible=False)
                self.talk = gr.Markdown(elem_classes="pane talk", elem_id="chat-talk", latex_delimiters=[])
                self._composer(labels)

    def _composer(self, labels: Labels) -> None:
        with gr.Row(elem_classes="composer low") as self.composer:
            self.box = labels(gr.Textbox, placeholder="web.chat.placeholder", show_label=False, container=False,
                              lines=1, max_lines=8, elem_id="chat-message", scale=1)  # fmt: skip
            self.send = labels(gr.Button, value="web.chat.send", variant="primary", scale=0, min_width=88,
                               elem_id="chat-send")  # fmt: skip
            self.stop = labels(gr.Button, value="web.stop", scale=0, min_width=88, visible=False, elem_id="chat-stop",
                               elem_classes="stop")  # fmt: skip
        with gr.Row(visible=False, elem_classes="actions") as self.actions:
            self.again = labels(
                gr.Button, value="web.chat.again", size="sm", elem_classes="quiet", elem_id="chat-again"
            )

    @property
    def view(self) -> list[Any]:
        """What `show` updates."""
        return [self.thread, self.talk, self.actions, self.send, self.stop]

    def wire(self) -> None:
        run = gr.on([self.send.click, self.box.submit], self._ask, [self.box, self.thread], [self.box, *self.view],
                    concurrency_limit=16, **PRIVATE)  # fmt: skip
        again = self.again.click(self._again, self.thread, self.view, concurrency_limit=16, **PRIVATE)
        for done in (run, again):
            done.then(self._list, self.thread, self.history.outputs, **PRIVATE)
            done.then(self._reword, self.thread, self.worded, **PRIVATE)
        self.stop.click(self._stop, self.thread, self.view, queue=False, **PRIVATE)
        self.history.wire(self._open, self._list, self.thread, self.view)

    async def show(self, thread: Thread, t: Texts) -> list[Any]:
        """Updates for `view`."""
        running = thread.running
        return [
            thread,
            render.dialogue(thread.told(t).answers, t),
            gr.update(visible=bool(thread.answers) and not running),
            gr.update(visible=not running),
            gr.update(visible=running),
        ]

    def reword(self, thread: Thread, t: Texts) -> list[Any]:
        """Updates for `worded`: the same answers in another language."""
        return [render.dialogue(thread.told(t).answers, t)]

    @property
    def worded(self) -> list[Any]:
        return [self.talk]

    async def able(self) -> list[Any]:
        """Updates for `abilities`: what the served model allows."""
        able = await self.services.can("chat") or await self.services.model() is None
        return [gr.update(visible=able), gr.update(visible=not able), gr.update(visible=able), gr.update(visible=able)]

    @property
    def abilities(self) -> list[Any]:
        return [self.hello, self.unable, self.composer, self.history.new]

    # handlers

    async def _ask(self, message: str, thread: Thread, request: gr.Request) -> AsyncIterator[list[Any]]:
        if not message.strip():
            return
        async for shown in self._tell(thread.asking(message.strip()), request):
            yield ["", *shown]

    async def _again(self, thread: Thread, request: gr.Request) -> AsyncIterator[list[Any]]:
        async for shown in self._tell(thread.again(), request):
            yield shown

    async def _tell(self, thread: Thread, request: gr.Request) -> AsyncIterator[list[Any]]:
        t = self.speak(request)
        with self.stops.watched(request) as stop:
            yield await self.show(thread, t)
            events = self.services.chat(thread.answer.question, conversation=thread.conversation, language=t.language)
            async for answer in frames(thread.answer, events, stop):
                thread = thread.grown(answer)
                yield await self.show(thread, t)

    async def _stop(self, thread: Thread, request: gr.Request) -> list[Any]:
        """Where nothing runs, the page is made free again."""
        if self.stops.ask(request):
            return [gr.skip() for _ in self.view]
        return await self.show(thread.stopped(), self.speak(request))

    async def _open(self, conversation: str, request: gr.Request) -> list[Any]:
        thread, _ = await open_thread(self.services.store, conversation)
        return await self.show(thread, self.speak(request))

    async def _reword(self, thread: Thread, request: gr.Request) -> Any:
        """The language may have changed while the answer came. The next one, if it comes already, draws itself."""
        if thread.running:
            return gr.skip()
        (talk,) = self.reword(thread, self.speak(request))  # Gradio takes the value alone where it draws one component
        return talk

    async def _list(self, thread: Thread) -> list[Any]:
        return await self.history.show(thread.conversation)
