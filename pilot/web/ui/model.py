"""The tab about the model that answers: its card, how it learns, how to serve another, what Pilot does with data."""

import asyncio
from time import monotonic
from typing import Any, get_args

import gradio as gr

from pilot.errors import ModelError, ModelTimeout, ModelUnable, PilotError
from pilot.i18n import Language, Texts
from pilot.protocol import Offer, PrecisionName, ServingOverview, ServingState
from pilot.services import Services
from pilot.store.runs import Release, Run
from pilot.web import owning, panels
from pilot.web.ui.labels import Labels
from pilot.web.ui.night import NightPanel
from pilot.web.ui.own import OwnPanel
from pilot.web.ui.visit import PRIVATE, Speaker

LOOK_SECONDS = 1.5  # while a model is being loaded
LEAVING_SECONDS = 60.0  # that a model may take to end its answers


class ModelTab:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        with gr.Column(elem_classes="narrow"):
            self.intro = labels(gr.Markdown, value="web.model.intro", elem_classes="hello")
            self.card = gr.Markdown(elem_classes="pane", elem_id="model-card", latex_delimiters=[])
            self.back = labels(gr.Button, value="own.roll_back", size="sm", visible=False, elem_classes="quiet back",
                               elem_id="model-back")  # fmt: skip
            self.own = OwnPanel(services, labels, speak)
            self._form(labels)
            with gr.Column(elem_classes="folds"):
                self.night = NightPanel(services, labels, speak)
                with labels(gr.Accordion, label="web.model.larger", open=False, elem_classes="fold"):
                    labels(gr.Markdown, value="web.model.larger.how", elem_classes="pane about")
                with labels(gr.Accordion, label="web.about", open=False, elem_classes="fold"):
                    labels(gr.Markdown, value="web.about.promises", elem_classes="pane about")

    def _form(self, labels: Labels) -> None:
        with gr.Column(elem_classes="card", elem_id="model-change"):
            labels(gr.Markdown, value="web.model.change")
            with gr.Row():
                self.choice = labels(gr.Dropdown, label="web.model.choice", choices=[], scale=3, elem_id="model-choice")
                self.precision = labels(gr.Dropdown, label="web.model.quantisation", choices=[("auto", "auto")],
                                        value="auto", scale=2, min_width=150, elem_id="model-precision")  # fmt: skip
            with gr.Row(elem_classes="actions"):
                self.load = labels(gr.Button, value="web.model.load", variant="primary", size="sm", scale=0,
                                   min_width=120, elem_id="model-load")  # fmt: skip
                self.unload = labels(gr.Button, value="web.model.unload", size="sm", scale=0, min_width=120,
                                     elem_id="model-unload")  # fmt: skip
                self.look = labels(gr.Button, value="web.model.look", size="sm", elem_classes="quiet",
                                   elem_id="model-look")  # fmt: skip
            self.said = gr.Markdown(elem_classes="pane", elem_id="model-said", latex_delimiters=[])
        self.timer = gr.Timer(LOOK_SECONDS, active=False)

    @property
    def shown(self) -> list[Any]:
        return [self.card, self.back]

    @property
    def offered(self) -> list[Any]:
        """What `offer` updates."""
        return [self.choice, self.precision, self.said, self.timer]

    @property
    def told(self) -> list[Any]:
        """What `reword` updates."""
        return [*self.offered, *self.own.worded, *self.night.told]

    def wire(self, page: gr.Blocks) -> None:
        gr.on([page.load, self.look.click], self._look, self.choice, self.offered, **PRIVATE)
        self.load.click(self._load, [self.choice, self.precision], [self.said, self.timer], **PRIVATE)
        self.unload.click(self._unload, None, [self.said, self.timer], **PRIVATE)
        self.timer.tick(self._tick, None, [*self.shown, self.said, self.timer], **PRIVATE)
        self.own.wire(page)
        self.night.wire(page)
        went_back = self.back.click(self.own.roll_back, self.own.desk, self.own.view, **PRIVATE)
        self.exchanged = [done.then(self._look, gr.State(None), self.offered, **PRIVATE)
                          for done in (self.own.released, went_back)]  # fmt: skip

    async def show(self, t: Texts) -> list[Any]:
        """Updates for `shown`."""
        card = await self.services.model()
        release, run = await self._release(card.id) if card else (None, None)
        learnt = owning.released(release, run, t)
        awaited = card is None and await self.services.awaited()
        return [panels.model(card, t, awaited=awaited, learnt=learnt), gr.update(visible=release is not None)]

    async def _release(self, served: str) -> tuple[Release | None, Run | None]:
        """Where the served model came from, if it was made here."""
        try:
            release = (await self.services.own.overview()).released
            if release is None or release.model != served:
                return None, None
            return release, await self.services.own.run(release.run)
        except PilotError:
            return None, None

    async def offer(self, chosen: str | None, t: Texts) -> list[Any]:
        """Updates for `offered`. What is chosen and still offered is not told again: he may choose otherwise before
        this arrives.
        """
        try:
            found = await self.services.serving()
        except ModelError as error:
            return [gr.update(choices=[], value=None), gr.skip(), _refusal(error, t), gr.Timer(active=False)]
        choices = [(_label(offer, t), offer.name) for offer in found.models]
        names = [(panels.wish(name, t), name) for name in get_args(PrecisionName)]
        kept = chosen in [offer.name for offer in found.models]
        value = {} if kept else {"value": found.wanted or found.model or None}
        return [
            gr.update(choices=choices, **value), gr.update(choices=names),
            panels.serving(found, t), gr.Timer(active=_moves(found)),
        ]  # fmt: skip

    @property
    def told_from(self) -> list[Any]:
        return [self.choice, *self.own.worded_from]

    async def reword(self, language: Language, chosen: str | None, *own: Any) -> list[Any]:
        """Updates for `told`, from `told_from`, in another language."""
        offered = await self.offer(chosen, Texts(language))
        return [*offered, *await self.own.reword(language, *own), *await self.night.reword(language)]

    # handlers

    async def _look(self, chosen: str | None, request: gr.Request) -> list[Any]:
        return await self.offer(chosen, self.speak(request))

    async def _load(self, name: str | None, precision: PrecisionName, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            state = await self.services.load_model(name or "", precision=precision)
        except ModelTimeout:  # it may load and be too busy to say so: what is looked at next tells
            state = ServingState(state="loading", wanted=name or "")
        except PilotError as error:
            return [panels.problem(error, t), gr.skip()]
        return [panels.serving(state, t), gr.Timer(active=True)]

    async def _unload(self, request: gr.Request) -> list[Any]:
        """Comes back once the model is gone, or cannot be let go: running answers get a moment to end."""
        t = self.speak(request)
        try:
            state = await self.services.unload_model()
            until = monotonic() + LEAVING_SECONDS
            while state.state == "ready" and monotonic() < until:
                await asyncio.sleep(LOOK_SECONDS / 3)
                state = await self.services.serving()
        except PilotError as error:
            return [panels.problem(error, t), gr.skip()]
        return [panels.serving(state, t), gr.Timer(active=True)]

    async def _tick(self, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            found = await self.services.serving()
        except ModelTimeout:
            return [gr.skip() for _ in range(len(self.shown) + 2)]
        except PilotError as error:
            return [*await self.show(t), panels.problem(error, t), gr.Timer(active=False)]
        if not _moves(found):
            await self.services.look_again()
        return [*await self.show(t), panels.serving(found, t), gr.Timer(active=_moves(found))]


def _moves(found: ServingOverview) -> bool:
    return found.state == "loading"


def _refusal(error: ModelError, t: Texts) -> str:
    """A server that cannot change its model is no fault: it is said in passing."""
    return panels.note(t("web.model.fixed")) if isinstance(error, ModelUnable) else panels.problem(error, t)


def _label(offer: Offer, t: Texts) -> str:
    parts = [offer.name]
    if offer.base:
        parts.append(t("web.model.adapter_of", base=offer.base))
    if offer.file_bytes:
        parts.append(panels.size(offer.file_bytes))
    if offer.message:
        parts.append(t("web.model.broken"))
    return " · ".join(parts)
