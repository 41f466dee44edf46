"""What was called right, of one database: to look at, to put right, to forget."""

from typing import Any

import gradio as gr

from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.services import Services
from pilot.store import Approved
from pilot.web import panels
from pilot.web.ui.labels import Labels
from pilot.web.ui.visit import PRIVATE, Speaker

FIELDS = ("question", "sql", "approved_on")


class ApprovedPanel:
    """A list, and below it the chosen one. `ids` holds the list's ids, in its order."""

    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.ids, self.chosen = gr.State([]), gr.State("")
        self.hint = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="approved-hint")
        self.list = gr.Dataframe(
            type="array", interactive=False, column_count=len(FIELDS), wrap=True, show_label=False, buttons=[],
            column_widths=["38%", "46%", "16%"], max_height=320, elem_id="approved-list", elem_classes="cells",
        )  # fmt: skip
        with gr.Column(visible=False) as self.one:
            self.question = labels(gr.Textbox, label="schema.approved.question", max_lines=3,
                                   elem_id="approved-question")  # fmt: skip
            self.sql = gr.Code(language="sql", interactive=True, show_label=False, lines=3, elem_id="approved-sql")
            with gr.Row(elem_classes="actions"):
                self.save = labels(gr.Button, value="schema.save", variant="primary", size="sm", scale=0,
                                   min_width=140, elem_id="approved-save")  # fmt: skip
                self.forget = labels(gr.Button, value="schema.approved.forget", size="sm", elem_classes="quiet",
                                     elem_id="approved-forget")  # fmt: skip
        self.said = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="approved-said")

    @property
    def shown(self) -> list[Any]:
        return [self.ids, self.chosen, self.hint, self.list, self.one, self.said]

    def wire(self, source: Any, opened: Any) -> None:
        """`opened` is the fold that holds this: what was approved meanwhile shows when it opens."""
        source.change(self._show, source, self.shown, **PRIVATE)
        opened.expand(self._show, source, self.shown, **PRIVATE)
        self.list.select(self._choose, [source, self.ids], [self.chosen, self.one, self.question, self.sql, self.said],
                         **PRIVATE)  # fmt: skip
        edited = [source, self.chosen, self.question, self.sql]
        self.save.click(self._save, edited, self.shown, **PRIVATE)
        self.forget.click(self._forget, [source, self.chosen], self.shown, **PRIVATE)

    async def show(self, source: str, t: Texts, said: str = "") -> list[Any]:
        """Updates for `shown`."""
        try:
            found = await self.services.approvals.all(source) if source else []
        except PilotError as error:
            found, said = [], panels.problem(error, t)
        rows = [[each.question, each.sql, each.created_at.date().isoformat()] for each in found]
        headers = [t(f"schema.field.{name}") for name in FIELDS]
        hint = t("schema.approved.hint", count=len(found)) if found else t("schema.approved.none")
        return [
            [each.id for each in found], "", hint,
            gr.update(value={"data": rows, "headers": headers}, visible=bool(found)), gr.update(visible=False), said,
        ]  # fmt: skip

    async def reword(self, source: str, t: Texts) -> list[Any]:
        """Updates for `shown` in another language; the chosen one stays open as it is."""
        ids, _, hint, rows, _, said = await self.show(source, t)
        return [ids, gr.skip(), hint, rows, gr.skip(), said]

    # handlers

    async def _show(self, source: str, request: gr.Request) -> list[Any]:
        return await self.show(source, self.speak(request))

    async def _choose(self, source: str, ids: list[str], row: gr.SelectData) -> list[Any]:
        number = int(row.index[0])
        one = await self._one(source, ids[number]) if number < len(ids) else None
        if one is None:  # forgotten meanwhile, in another window
            return ["", gr.update(visible=False), "", "", ""]
        return [one.id, gr.update(visible=True), one.question, one.sql, ""]

    async def _one(self, source: str, id_: str) -> Approved | None:
        return next((each for each in await self.services.approvals.all(source) if each.id == id_), None)

    async def _save(self, source: str, chosen: str, question: str, sql: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.approvals.change(source, chosen, question=question, sql=sql, language=t.language)
        except PilotError as error:
            return [*[gr.skip()] * (len(self.shown) - 1), panels.problem(error, t)]
        return await self.show(source, t, panels.success(t("schema.saved")))

    async def _forget(self, source: str, chosen: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.approvals.forget(source, chosen)
        except PilotError as error:
            return await self.show(source, t, panels.problem(error, t))
        return await self.show(source, t, panels.success(t("schema.approved.forgotten")))
