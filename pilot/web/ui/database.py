"""The tab that asks a database: question, statement, rows, chart, feedback, and the statement in one's own hand."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import import_module
from typing import Any, Literal

import gradio as gr
from anyio import to_thread

from pilot.chat.charts import suggest, suiting
from pilot.chat.events import ChartSpec, Failed, SqlRefused
from pilot.chat.retelling import failed
from pilot.errors import PilotError, SqlRejected
from pilot.i18n import Language, Texts
from pilot.services import Services
from pilot.web import panels, render
from pilot.web.answer import Answer
from pilot.web.export import Format
from pilot.web.retelling import of_conversation
from pilot.web.ui.exports import Exports
from pilot.web.ui.history import History
from pilot.web.ui.labels import Labels
from pilot.web.ui.schema import PinnedTables
from pilot.web.ui.sources import SourcePanel
from pilot.web.ui.stored import open_thread
from pilot.web.ui.thread import Thread
from pilot.web.ui.visit import PRIVATE, Speaker, Stops, frames, unless
from pilot.web.ui.writes import Shown, WritePanel
from pilot.web.words import sql_lines

FIGURES = "pilot.web.figures"  # loaded with the first chart: plotly is large
FILES: tuple[Format, ...] = ("csv", "xlsx", "json", "html")
OFF = "off"  # picked instead of a chart
READINGS = ("ask.reading.first", "ask.reading.second")


class DatabaseTab:
    """Made inside its `gr.Tab`; `wire` connects what it shows with the services."""

    def __init__(self, services: Services, labels: Labels, speak: Speaker, exports: Exports) -> None:
        self.services, self.speak, self.exports = services, speak, exports
        self.thread, self.stops = gr.State(Thread()), Stops()
        self.told = gr.State(Thread())  # what `thread` was a moment ago, in the language to show it in
        with gr.Row(elem_classes="workbench"):
            with gr.Column(scale=0, min_width=264, elem_classes="side"):
                self.panel = SourcePanel(services, labels, speak)
                with self.panel.tables:
                    self.pins = PinnedTables(services, labels)
                self.history = History(services.store, "database", labels)
            with gr.Column(elem_classes="main", min_width=320):
                self._main(labels)

    def _main(self, labels: Labels) -> None:
        self.hello = labels(gr.Markdown, value="web.database.hello", elem_classes="hello")
        with gr.Row(elem_classes="composer"):
            self.box = labels(gr.Textbox, placeholder="web.database.placeholder", show_label=False, container=False,
                              lines=1, max_lines=5, autofocus=True, elem_id="database-question", scale=1)  # fmt: skip
            self.ask = labels(gr.Button, value="web.ask", variant="primary", scale=0, min_width=88,
                              elem_id="database-ask")  # fmt: skip
            self.stop = labels(gr.Button, value="web.stop", scale=0, min_width=88, visible=False,
                               elem_id="database-stop", elem_classes="stop")  # fmt: skip
        with gr.Row(elem_classes="examples") as self.example_row:
            self.examples = [gr.Button("", size="sm", visible=False, elem_classes="chip") for _ in range(3)]
        self.head = gr.Markdown(elem_classes="pane", elem_id="database-answer", latex_delimiters=[])
        with gr.Row(visible=False, elem_classes="actions", elem_id="database-readings") as self.readings:
            self.choices = [labels(gr.Button, value=key, size="sm", elem_classes="quiet") for key in READINGS]
        self.kinds = labels(gr.Radio, label="web.chart", choices=[], visible=False, elem_classes="picker",
                            elem_id="database-charts")  # fmt: skip
        self.plot = gr.Plot(visible=False, show_label=False, elem_classes="figure")
        self.rows = gr.Markdown(elem_classes="pane", elem_id="database-rows", latex_delimiters=[])
        with gr.Row(visible=False, elem_classes="actions") as self.actions:
            self.right = labels(gr.Button, value="web.feedback.right", size="sm", elem_classes="quiet")
            self.wrong = labels(gr.Button, value="web.feedback.wrong", size="sm", elem_classes="quiet")
            self.edit = labels(gr.Button, value="web.sql.edit", size="sm", elem_classes="quiet")
            self.again = labels(gr.Button, value="web.sql.again", size="sm", elem_classes="quiet")
            self.files: dict[Format, gr.Button] = {
                suffix: labels(gr.Button, value=f"web.file.{suffix}", size="sm", elem_classes="quiet file",
                               elem_id=f"database-{suffix}")
                for suffix in FILES
            }  # fmt: skip
            labels(gr.Button, value="web.file.png", size="sm", elem_classes="quiet file", elem_id="database-png")
        self.thanks = gr.Markdown(elem_classes="thanks", latex_delimiters=[])
        with gr.Column(visible=False, elem_classes="editor") as self.editor:
            self.code = gr.Code(language="sql", interactive=True, show_label=False, lines=3, elem_id="database-sql")
            with gr.Row(elem_classes="actions"):
                self.run = labels(gr.Button, value="web.sql.run", variant="primary", size="sm", scale=0, min_width=120)
                self.explain = labels(gr.Button, value="web.sql.explain", size="sm", scale=0, min_width=90)
                self.close = labels(gr.Button, value="web.sql.close", size="sm", scale=0, min_width=90)
            self.failed = gr.State(None)  # why the statement in the editor did not run
            self.reading = gr.Markdown(elem_classes="pane", elem_id="database-reading", latex_delimiters=[])
            self.writes = WritePanel(self.services, labels, self.speak)
        self.how = gr.Markdown(elem_classes="pane", elem_id="database-how", latex_delimiters=[])
        self.past = gr.Markdown(elem_classes="pane", elem_id="database-past", latex_delimiters=[])
        self.file = gr.File(elem_classes="unseen", elem_id="database-file")  # the page's script saves what comes here
        self.which = gr.Textbox(elem_classes="unseen", elem_id="database-which")
        self.rerun = gr.Button(elem_classes="unseen", elem_id="database-rerun")

    @property
    def view(self) -> list[Any]:
        """What `show` updates."""
        return [self.thread, self.hello, self.head, self.readings, self.kinds, self.plot, self.rows, self.actions,
                self.thanks, self.editor, self.how, self.past, self.ask, self.stop, self.example_row]  # fmt: skip

    def wire(self) -> None:
        self.panel.wire()
        self.writes.wire([self.run.click, self.explain.click], self.code, self.panel.source)
        asked = [self.box, self.panel.source, self.pins.chosen, self.thread]
        run = gr.on([self.ask.click, self.box.submit], self._ask, asked, [self.box, *self.view],
                    concurrency_limit=16, **PRIVATE)  # fmt: skip
        runs = [run] + [
            example.click(self._ask, [example, *asked[1:]], [self.box, *self.view],
                          concurrency_limit=16, **PRIVATE)
            for example in self.examples
        ]  # fmt: skip
        own = self.run.click(self._run, [self.code, self.panel.source, self.thread],
                             [*self.view, self.failed, self.reading], **PRIVATE)  # fmt: skip
        again = self.again.click(self._again, [self.panel.source, self.thread], self.view, **PRIVATE)
        earlier = self.rerun.click(self._rerun, [self.which, self.panel.source, self.thread], self.view, **PRIVATE)
        self.stop.click(self._stop, self.thread, self.view, queue=False, **PRIVATE)
        for done in (*runs, own, again, earlier):
            done.then(self._list, self.thread, self.history.outputs, **PRIVATE)
            done.then(self._recover, [self.panel.warnings, self.thread, self.panel.source], self.panel.shown, **PRIVATE)
            self._then_told(done)
        self.kinds.input(self._draw, [self.kinds, self.thread], self.plot, **PRIVATE)
        for suffix, button in self.files.items():
            button.click(self._download, [gr.State(suffix), self.kinds, self.panel.source, self.thread],
                         [self.file, self.thanks], **PRIVATE)  # fmt: skip
        self.explain.click(self._explain, [self.code, self.panel.source], [self.failed, self.reading], **PRIVATE)
        for number, button in enumerate(self.choices):
            button.click(self._choose, [gr.State(number), self.panel.source, self.thread], self.view, **PRIVATE)
        self.right.click(self._right, self.thread, self.thanks, **PRIVATE)
        self.wrong.click(self._wrong, self.thread, self.thanks, **PRIVATE)
        gr.on([self.edit.click, self.wrong.click], self._edit, self.thread,
              [self.editor, self.code, self.failed, self.reading], **PRIVATE)  # fmt: skip
        self.close.click(lambda: gr.update(visible=False), None, self.editor, **PRIVATE)
        self.panel.source.change(self._greet, self.panel.source, self.examples, **PRIVATE)
        self.panel.source.change(self.pins.show, self.panel.source, self.pins.chosen, **PRIVATE)
        self.history.wire(self._open, self._list, self.thread, [self.panel.source, *self.view])
        for done in self.history.opened:
            self._then_told(done)

    def _then_told(self, done: Any) -> None:
        """The language may have changed while the answer came, and a stored one speaks that in which it was asked."""
        told = done.then(self._tell, [self.thread, self.panel.source], self.told, **PRIVATE)
        told.then(self.reword, self.worded_from, self.worded, **PRIVATE)

    async def show(self, thread: Thread, t: Texts) -> list[Any]:
        """Updates for `view`."""
        answer = thread.answer
        ended = not answer.running and bool(answer.question)
        chart = suggest(answer.rows) if ended and answer.rows else None
        figure = await self._figure(chart, answer, t)
        begun = bool(thread.answers)
        return [
            thread,
            gr.update(visible=not begun),
            render.headline(answer, t),
            gr.update(visible=ended and bool(answer.readings)),
            self._choices(chart, answer, t) if figure else gr.update(visible=False),
            gr.update(value=figure, visible=figure is not None),
            render.table(answer.rows, t),
            gr.update(visible=ended and answer.rows is not None),
            "",
            gr.update(visible=False),
            render.workings(answer, t),
            render.earlier(thread.earlier, t),
            gr.update(visible=ended or not answer.question),
            gr.update(visible=not ended and bool(answer.question)),
            gr.update(visible=not begun),
        ]

    async def reword(self, thread: Thread, told: Thread, kind: str, request: gr.Request) -> list[Any]:
        """Updates for `worded`, from `worded_from`: the same answers in another language; what is open stays open. A
        thread that was left while its database was asked for the words stays left, and an answer that comes draws
        itself.
        """
        if thread.running or not told.same(thread):
            return [gr.skip() for _ in self.worded]
        t = Texts(told.language) if told.language else self.speak(request)
        kinds = gr.update(choices=self._named(told.answer, t)) if told.answer.rows else gr.skip()
        figure = (
            None if told.language == thread.language else await self._figure(_spec(kind, told.answer), told.answer, t)
        )
        return [
            replace(told, corrected=thread.corrected),
            render.headline(told.answer, t), kinds, gr.update(value=figure) if figure else gr.skip(),
            render.table(told.answer.rows, t), render.workings(told.answer, t), render.earlier(told.earlier, t),
        ]  # fmt: skip

    @property
    def worded_from(self) -> list[Any]:
        return [self.thread, self.told, self.kinds]

    @property
    def worded(self) -> list[Any]:
        return [self.thread, self.head, self.kinds, self.plot, self.rows, self.how, self.past]

    async def retell(
        self, language: Language, thread: Thread, source: str, statement: str, broke: Failed | None, reading: str,
        shown: Shown,
    ) -> list[Any]:  # fmt: skip
        """Updates for `retold`, from `told_from`: everything on show that is no label, in the language just picked.
        Thanks go. Then `reword`.
        """
        t = Texts(language)
        told = await self._told(thread, source, t)
        read = render.block(render.failure(failed(broke, t), t)) if broke else ""
        if reading and not broke:
            read = await self._read(statement, source, t)
        return [told, "", read, *self.writes.retell(shown, t)]

    @property
    def told_from(self) -> list[Any]:
        return [self.thread, self.panel.source, self.code, self.failed, self.reading, self.writes.shown]

    @property
    def retold(self) -> list[Any]:
        return [self.told, self.thanks, self.reading, *self.writes.worded]

    async def _told(self, thread: Thread, source: str, t: Texts) -> Thread:
        """The same thread if it is in this language already."""
        if thread.language == t.language or not thread.answers or thread.running:
            return thread
        about = next((each.receipt.source for each in reversed(thread.answers) if each.receipt), source)
        try:
            retelling = await self.services.retelling(about, language=t.language)
            answers = await asyncio.to_thread(of_conversation, thread.answers, retelling)
        except PilotError:  # the database is gone: what needs none is told
            return replace(thread.told(t), language=t.language)
        if not thread.answer.question:
            return replace(thread, earlier=answers, language=t.language)
        return replace(thread, earlier=answers[:-1], answer=answers[-1], language=t.language)

    # handlers

    async def _ask(
        self, question: str, source: str, pinned: list[str], thread: Thread, request: gr.Request
    ) -> AsyncIterator[list[Any]]:
        t = self.speak(request)
        if not question.strip() or not source:
            return
        language = thread.language if thread.answers else t.language
        thread = replace(thread.asking(question.strip()), language=language)
        with self.stops.watched(request) as stop:
            yield ["", *await self.show(thread, t)]
            events = self.services.ask_database(
                source, thread.answer.question, conversation=thread.conversation, tables=pinned, language=t.language
            )
            async for answer in frames(thread.answer, events, stop):
                thread = thread.grown(answer)
                yield [gr.skip(), *await self.show(thread, t)]

    async def _run(self, statement: str, source: str, thread: Thread, request: gr.Request) -> AsyncIterator[list[Any]]:
        """The visitor's own statement, through the same guard; one that would change data is the write panel's. One
        that does not run leaves the answer as it is: why, is told beside the editor.
        """
        if self.writes.takes(statement):
            yield [*(gr.skip() for _ in self.view), None, ""]
            return
        yield [*self._working(), None, ""]
        t = self.speak(request)
        with self.stops.watched(request) as stop:
            answer = await unless(stop, self._answered(statement, source, thread.answer, t))
        if answer is None:
            yield [*await self._left(thread, t), None, ""]
            return
        if answer.failure:
            yield [*self._free(), answer.failure, render.block(render.failure(answer.failure, t))]
            return
        shown = await self.show(replace(thread, answer=answer, corrected=answer.sql), t)
        shown[self.view.index(self.editor)] = gr.update(visible=True)
        yield [*shown, None, ""]

    async def _again(self, source: str, thread: Thread, request: gr.Request) -> AsyncIterator[list[Any]]:
        """The statement on show, on what the database holds now."""
        yield self._working()
        t = self.speak(request)
        with self.stops.watched(request) as stop:
            answer = await unless(stop, self._answered(thread.answer.sql, source, thread.answer, t))
        yield await self.show(replace(thread, answer=answer), t) if answer else await self._left(thread, t)

    async def _rerun(self, which: str, source: str, thread: Thread, request: gr.Request) -> AsyncIterator[list[Any]]:
        """An earlier question of this conversation, its statement on what the database holds now."""
        t, number = self.speak(request), int(which) if which.isdecimal() else len(thread.earlier)
        if number >= len(thread.earlier):
            yield await self.show(thread, t)
            return
        yield self._working()
        asked = thread.earlier[number]
        with self.stops.watched(request) as stop:
            answer = await unless(stop, self._answered(asked.sql, source, asked, t))
        if answer is None:
            yield await self._left(thread, t)
            return
        yield await self.show(thread.asking(asked.question).grown(answer), t)

    async def _stop(self, thread: Thread, request: gr.Request) -> list[Any]:
        """Where nothing runs, the page is made free again."""
        if self.stops.ask(request):
            return [gr.skip() for _ in self.view]
        return await self._left(thread.stopped(), self.speak(request))

    async def _left(self, thread: Thread, t: Texts) -> list[Any]:
        """Updates for `view` after a statement was stopped: all as before, and it still stands in the editor."""
        shown = await self.show(thread, t)
        shown[self.view.index(self.editor)] = gr.skip()
        return shown

    def _working(self) -> list[Any]:
        """Updates for `view` while a statement runs: it can be stopped."""
        shown = [gr.skip() for _ in self.view]
        shown[self.view.index(self.ask)] = gr.update(visible=False)
        shown[self.view.index(self.stop)] = gr.update(visible=True)
        return shown

    def _free(self) -> list[Any]:
        """Updates for `view` once none runs any longer."""
        shown = [gr.skip() for _ in self.view]
        shown[self.view.index(self.ask)] = gr.update(visible=True)
        shown[self.view.index(self.stop)] = gr.update(visible=False)
        return shown

    async def _answered(self, statement: str, source: str, asked: Answer, t: Texts) -> Answer:
        """What a statement comes back with, as an answer to the same question."""
        answer = Answer(asked.question, message=asked.message)
        try:
            ran = await self.services.run_sql(source, statement, question=asked.question, language=t.language)
        except SqlRejected as error:  # so it is none of the statements that are called checked
            failure = panels.failed(error)
            refused = (SqlRefused(statement, error.message, failure.key, failure.values),)
            return replace(answer, refused=refused, failure=failure)
        except PilotError as error:
            return replace(answer, sql=statement, failure=panels.failed(error))
        return replace(answer, sql=ran.sql, rows=ran.rows, chart=ran.chart, explanation=ran.explanation,
                       summary=ran.summary, receipt=ran.receipt, finished=True)  # fmt: skip

    async def _explain(self, statement: str, source: str, request: gr.Request) -> list[Any]:
        if self.writes.takes(statement):  # what it would do, the rehearsal tells
            return [None, ""]
        return [None, await self._read(statement, source, self.speak(request))]

    async def _read(self, statement: str, source: str, t: Texts) -> str:
        try:
            read = await self.services.read_sql(source, statement, language=t.language)
        except PilotError as error:
            return panels.problem(error, t)
        return render.explanation(read.explanation, t)

    async def _download(self, suffix: Format, kind: str, source: str, thread: Thread, request: gr.Request) -> list[Any]:
        """A file of what is on show. A stored answer holds only its first rows, so its statement runs again."""
        t, answer = self.speak(request), thread.answer
        if answer.restored and suffix in ("csv", "xlsx"):
            answer = await self._answered(answer.sql, source, answer, t)
        if answer.failure or answer.rows is None or answer.receipt is None:
            return [None, render.failure(answer.failure, t) if answer.failure else ""]
        try:
            file = await self.exports.write(suffix, answer.rows, answer.receipt, _spec(kind, answer), t)
        except PilotError as error:
            return [None, panels.problem(error, t)]
        return [file, ""]

    async def _right(self, thread: Thread, request: gr.Request) -> str:
        return await self._judge(thread, "right", self.speak(request))

    async def _wrong(self, thread: Thread, request: gr.Request) -> str:
        return await self._judge(thread, "wrong", self.speak(request))

    async def _judge(self, thread: Thread, verdict: Literal["right", "wrong"], t: Texts) -> str:
        """What to thank with. A corrected statement called right says that the model's was wrong, and what is right."""
        if not thread.answer.message:
            return t("web.feedback.not_stored")
        corrected = thread.corrected if verdict == "right" else ""
        try:
            kept = await self.services.approvals.judge(
                thread.answer.message, "wrong" if corrected else verdict, sql=corrected, language=t.language
            )
        except PilotError as error:
            return panels.problem(error, t)
        said = "corrected" if corrected else verdict
        return t("ask.thanks.remembered" if kept and not corrected else f"web.feedback.thanks.{said}")

    async def _choose(self, number: int, source: str, thread: Thread, request: gr.Request) -> list[Any]:
        """One of two readings is the right one: it is shown, and remembered for the next time."""
        t, chosen = self.speak(request), thread.answer.readings[number]
        answer = await self._answered(chosen.sql, source, thread.answer, t)
        try:
            kept = await self.services.approvals.judge(
                thread.answer.message, "right", sql=chosen.sql, language=t.language
            )
            thanks = t("ask.thanks.remembered" if kept else "web.feedback.thanks.right")
        except PilotError as error:
            thanks = panels.problem(error, t)
        shown = await self.show(replace(thread, answer=answer), t)
        shown[self.view.index(self.thanks)] = thanks
        return shown

    def _edit(self, thread: Thread) -> list[Any]:
        return [gr.update(visible=True), sql_lines(thread.answer.sql or thread.answer.draft), None, ""]

    async def _open(self, conversation: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        thread, target = await open_thread(self.services.store, conversation)
        return [target or gr.skip(), *await self.show(thread, t)]

    async def _tell(self, thread: Thread, source: str, request: gr.Request) -> Thread:
        return await self._told(thread, source, self.speak(request))

    async def _recover(self, warnings: str, thread: Thread, source: str, request: gr.Request) -> list[Any]:
        return await self.panel.recovered(warnings, thread, source, self.speak(request))

    async def _list(self, thread: Thread) -> list[Any]:
        return await self.history.show(thread.conversation)

    async def _greet(self, source: str, request: gr.Request) -> list[Any]:
        return await self.suggest(source, self.speak(request))

    async def suggest(self, source: str, t: Texts) -> list[Any]:
        """Questions to click on: the sample's own, else one per table."""
        questions = await self.panel.questions(source, t)
        padded = [*questions, "", "", ""][: len(self.examples)]
        return [gr.update(value=question, visible=bool(question)) for question in padded]

    async def _draw(self, kind: str, thread: Thread, request: gr.Request) -> Any:
        figure = await self._figure(_spec(kind, thread.answer), thread.answer, self.speak(request))
        return gr.update(value=figure, visible=figure is not None)

    @staticmethod
    async def _figure(chart: ChartSpec | None, answer: Answer, t: Texts) -> Any:
        if chart is None or answer.rows is None:
            return None
        figures = await to_thread.run_sync(import_module, FIGURES)
        return await asyncio.to_thread(figures.draw, chart, answer.rows, t)

    @staticmethod
    def _named(answer: Answer, t: Texts) -> list[tuple[str, str]]:
        """The kinds of charts that suit, in words, and none."""
        kinds = [spec.kind for spec in suiting(answer.rows)] if answer.rows else []
        return [(t(f"web.chart.{kind}"), kind) for kind in (*kinds, OFF)]

    def _choices(self, chart: ChartSpec | None, answer: Answer, t: Texts) -> Any:
        return gr.update(choices=self._named(answer, t), value=chart.kind if chart else OFF, visible=True)


def _spec(kind: str, answer: Answer) -> ChartSpec | None:
    return next((spec for spec in suiting(answer.rows) if spec.kind == kind), None) if answer.rows else None
