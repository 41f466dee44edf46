"""A statement that would change data: what it would do is shown, and done only after a yes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from pilot.chat.events import Failed
from pilot.chat.retelling import failed
from pilot.datasource.guard_write import is_write
from pilot.datasource.writes import Rehearsal
from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.services import Services
from pilot.web import panels, render
from pilot.web.rehearsals import rehearsal
from pilot.web.ui.labels import Labels
from pilot.web.ui.visit import PRIVATE, Speaker


@dataclass(frozen=True)
class Shown:
    """What the panel shows: a rehearsal that waits for a yes, with its token and source; what went wrong; or how many
    rows were changed.
    """

    token: str = ""
    source: str = ""
    found: Rehearsal | None = None
    failure: Failed | None = None
    changed: int | None = None


class WritePanel:
    """Stands below the SQL editor; empty but for where the settings allow writing."""

    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.shown = gr.State(Shown())
        self.said = gr.Markdown(elem_classes="pane", elem_id="write-said", latex_delimiters=[])
        with gr.Row(visible=False, elem_classes="actions") as self.choice:
            self.confirm = gr.Button("", variant="stop", size="sm", scale=0, min_width=160, elem_id="write-confirm")
            self.discard = labels(gr.Button, value="web.write.discard", size="sm", scale=0, min_width=160,
                                  elem_id="write-discard")  # fmt: skip

    def takes(self, statement: str) -> bool:
        """Whether this statement is for this panel, not for the reading path."""
        return self.services.settings.native_sql_can_run_write and is_write(statement)

    def wire(self, triggers: Sequence[Any], code: Any, source: Any) -> None:
        outputs = [self.shown, *self.worded]
        gr.on(triggers, self._rehearse, [code, source], outputs, **PRIVATE)
        self.confirm.click(self._confirm, self.shown, outputs, **PRIVATE)
        self.discard.click(self._discard, None, outputs, **PRIVATE)

    @property
    def worded(self) -> list[Any]:
        return [self.said, self.choice, self.confirm]

    def retell(self, shown: Shown, t: Texts) -> list[Any]:
        """Updates for `worded`."""
        if shown.found is None:
            said = render.block(render.failure(failed(shown.failure, t), t)) if shown.failure else ""
            if shown.changed is not None:
                said = panels.success(t("web.write.done", count=shown.changed))
            return [said, gr.update(visible=False), gr.skip()]
        count = shown.found.count
        confirm = gr.update(value=t("web.write.confirm", count=count))
        return [rehearsal(shown.found, t), gr.update(visible=count > 0), confirm]

    async def _rehearse(self, statement: str, source: str, request: gr.Request) -> list[Any]:
        if not self.takes(statement):
            return self._discard()
        t = self.speak(request)
        try:
            token, found = await self.services.rehearse(source, statement, holder=_holder(request), language=t.language)
        except PilotError as error:
            return self._show(Shown(failure=panels.failed(error)), t)
        return self._show(Shown(token, source, found), t)

    async def _confirm(self, shown: Shown, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        statement = shown.found.write.text if shown.found else ""
        try:
            count = await self.services.confirm(
                shown.source, shown.token, statement, holder=_holder(request), language=t.language
            )
        except PilotError as error:
            return self._show(Shown(failure=panels.failed(error)), t)
        return self._show(Shown(changed=count), t)

    def _discard(self) -> list[Any]:
        return [Shown(), "", gr.update(visible=False), gr.skip()]

    def _show(self, shown: Shown, t: Texts) -> list[Any]:
        return [shown, *self.retell(shown, t)]


def _holder(request: gr.Request) -> str:
    """This page, as long as it is open."""
    return f"page {request.session_hash}"
