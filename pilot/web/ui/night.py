"""The night shift behind a fold: when Pilot may train by itself, and the report of the last night."""

from dataclasses import replace
from typing import Any

import gradio as gr

from pilot.errors import NotFound, PilotError
from pilot.i18n import Language, Texts
from pilot.services import Services
from pilot.store.runs import Night
from pilot.web import owning, panels
from pilot.web.ui.labels import Labels, pane
from pilot.web.ui.visit import PRIVATE, Speaker


class NightPanel:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        with labels(gr.Accordion, label="own.night", open=False, elem_classes="fold", elem_id="night"):
            labels(gr.Markdown, value="own.night.hint", elem_classes="pane hint")
            self.report = pane("night-report")
            self.on = labels(gr.Checkbox, label="own.night.on", elem_id="night-on")
            with gr.Row():
                self.begins = labels(gr.Textbox, label="own.night.begins", max_lines=1, min_width=90,
                                     elem_id="night-begins")  # fmt: skip
                self.ends = labels(gr.Textbox, label="own.night.ends", max_lines=1, min_width=90, elem_id="night-ends")
                self.fewest = labels(gr.Number, label="own.night.fewest", minimum=1, precision=0, min_width=150)
                self.memory = labels(gr.Number, label="own.night.memory", minimum=0, min_width=150)
            self.sources = labels(gr.CheckboxGroup, label="own.night.sources", choices=[], elem_classes="choices",
                                  elem_id="night-sources")  # fmt: skip
            with gr.Row(elem_classes="actions"):
                self.save = labels(gr.Button, value="own.night.save", size="sm", scale=0, min_width=110,
                                   elem_id="night-save")  # fmt: skip
                self.said = gr.Markdown(elem_classes="pane", elem_id="night-said", latex_delimiters=[])

    @property
    def form(self) -> list[Any]:
        return [self.on, self.begins, self.ends, self.fewest, self.memory, self.sources]

    @property
    def told(self) -> list[Any]:
        """What `reword` updates."""
        return [self.report]

    def wire(self, page: gr.Blocks) -> None:
        page.load(self._arrive, None, [*self.form, *self.told], **PRIVATE)
        self.save.click(self._save, self.form, [self.said, *self.told], **PRIVATE)

    async def reword(self, language: Language) -> list[Any]:
        return [await self._report(await self.services.night.settings(), Texts(language))]

    # handlers

    async def _arrive(self, request: gr.Request) -> list[Any]:
        night = await self.services.night.settings()
        names = await self.services.sources.names()
        kept = [name for name in night.sources if name in names]
        return [
            night.on, night.begins, night.ends, night.fewest, night.memory_gib, gr.update(choices=names, value=kept),
            await self._report(night, self.speak(request)),
        ]  # fmt: skip

    async def _report(self, night: Night, t: Texts) -> str:
        try:
            last = await self.services.own.run(night.last) if night.last and not night.said else None
        except NotFound:  # deleted since
            last = None
        return owning.night(night, last, t)

    async def _save(
        self, on: bool, begins: str, ends: str, fewest: int, memory: float, sources: list[str], request: gr.Request
    ) -> list[Any]:
        t = self.speak(request)
        wish = replace(await self.services.night.settings(), on=on, begins=begins.strip(), ends=ends.strip(),
                       fewest=fewest or 1, memory_gib=memory or 0, sources=tuple(sources))  # fmt: skip
        try:
            night = await self.services.night.set(wish)
        except PilotError as error:
            return [panels.problem(error, t), gr.skip()]
        return [panels.success(t("own.night.saved")), await self._report(night, t)]
