"""A statement that would change data: what it would do is shown, and done only after a yes."""

from typing import Any

import gradio as gr

from pilot.datasource.guard_write import is_write
from pilot.errors import PilotError
from pilot.services import Services
from pilot.web import panels
from pilot.web.rehearsals import rehearsal
from pilot.web.ui.labels import Labels
from pilot.web.ui.visit import PRIVATE, Speaker

NOTHING = ("", "", "")  # token, source and statement of a rehearsal that waits for a yes


class WritePanel:
    """Stands below the SQL editor; empty but for where the settings allow writing."""

    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.waiting = gr.State(NOTHING)
        self.said = gr.Markdown(elem_classes="pane", elem_id="write-said", latex_delimiters=[])
        with gr.Row(visible=False, elem_classes="actions") as self.choice:
            self.confirm = gr.Button("", variant="stop", size="sm", scale=0, min_width=160, elem_id="write-confirm")
            self.discard = labels(gr.Button, value="web.write.discard", size="sm", scale=0, min_width=160,
                                  elem_id="write-discard")  # fmt: skip

    def takes(self, statement: str) -> bool:
        """Whether this statement is for this panel, not for the reading path."""
        return self.services.settings.native_sql_can_run_write and is_write(statement)

    def wire(self, run: gr.Button, code: Any, source: Any) -> None:
        shown = [self.waiting, self.said, self.choice, self.confirm]
        run.click(self._rehearse, [code, source], shown, **PRIVATE)
        self.confirm.click(self._confirm, self.waiting, shown, **PRIVATE)
        self.discard.click(self._discard, None, shown, **PRIVATE)

    async def _rehearse(self, statement: str, source: str, request: gr.Request) -> list[Any]:
        if not self.takes(statement):
            return self._discard()
        t = self.speak(request)
        try:
            token, found = await self.services.rehearse(source, statement, holder=_holder(request), language=t.language)
        except PilotError as error:
            return [NOTHING, panels.problem(error, t), gr.update(visible=False), gr.skip()]
        return [
            (token, source, found.write.text),
            rehearsal(found, t),
            gr.update(visible=found.count > 0),
            gr.update(value=t("web.write.confirm", count=found.count)),
        ]

    async def _confirm(self, waiting: tuple[str, str, str], request: gr.Request) -> list[Any]:
        t = self.speak(request)
        token, source, statement = waiting
        try:
            count = await self.services.confirm(source, token, statement, holder=_holder(request), language=t.language)
        except PilotError as error:
            said = panels.problem(error, t)
        else:
            said = panels.success(t("web.write.done", count=count))
        return [NOTHING, said, gr.update(visible=False), gr.skip()]

    def _discard(self) -> list[Any]:
        return [NOTHING, "", gr.update(visible=False), gr.skip()]


def _holder(request: gr.Request) -> str:
    """This page, as long as it is open."""
    return f"page {request.session_hash}"
