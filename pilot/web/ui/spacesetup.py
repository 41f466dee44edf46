"""How one space is indexed and searched, behind a fold: settings, how far a new index is, and the space as a file."""

from collections.abc import Iterable
from typing import Any

import gradio as gr

from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.knowledge.records import Space, SpaceSettings
from pilot.services import Services
from pilot.web import panels
from pilot.web.ui.labels import Labels
from pilot.web.ui.visit import PRIVATE, Speaker

CHUNK_SIZES = (300, 500, 800, 1200, 1600, 2400)
WATCH_SECONDS = 1.0  # between two looks at what is being read
TOP_SIZES = (3, 5, 8, 10, 15, 20)


class SpaceSetup:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        with labels(gr.Accordion, label="web.space.settings", open=False, elem_classes="fold") as self.fold:
            labels(gr.Markdown, value="web.space.settings.hint", elem_classes="pane hint")
            self.chunk_size = labels(gr.Dropdown, label="web.space.chunk_size", elem_id="space-chunk-size")
            self.top_size = labels(gr.Dropdown, label="web.space.top_size", elem_id="space-top-size")
            self.embedder = labels(gr.Dropdown, label="web.space.embedder", info="web.space.embedder.hint",
                                   allow_custom_value=True, elem_id="space-embedder")  # fmt: skip
            with gr.Row(elem_classes="actions"):
                self.save = labels(gr.Button, value="web.space.save", size="sm", scale=0, min_width=88,
                                   elem_id="space-save")  # fmt: skip
                self.again = labels(gr.Button, value="web.space.reindex", size="sm", elem_classes="quiet")
            self.databases = labels(
                gr.Dropdown,
                label="documents.databases",
                info="documents.databases.hint",
                choices=[],
                multiselect=True,
                elem_id="space-databases",
            )
            self.said = gr.Markdown(elem_classes="pane", latex_delimiters=[])
            self.index = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="space-index")
            self.export = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="space-export")

    @property
    def form(self) -> list[Any]:
        """What `fill` updates."""
        return [self.fold, self.chunk_size, self.top_size, self.embedder, self.export, self.said]

    def wire(self, space: gr.Dropdown, watch: gr.Timer) -> None:
        wish = [space, self.chunk_size, self.top_size, self.embedder]
        done = [self.said, self.index, watch]
        self.save.click(self._save, wish, done, **PRIVATE)
        self.again.click(self._again, space, done, **PRIVATE)
        self.databases.input(self._attach, [space, self.databases], self.said, **PRIVATE)

    def fill(self, space: Space | None, t: Texts) -> list[Any]:
        """Updates for `form`."""
        if space is None:
            return [gr.update(visible=False), *[gr.skip()] * 4, ""]
        usual, own = self._usual, space.settings
        embedder = own.embedder or usual.embedder
        return [
            gr.update(visible=True),
            _choice(CHUNK_SIZES, own.chunk_size or usual.chunk_size, usual.chunk_size, t),
            _choice(TOP_SIZES, own.top_size or usual.top_size, usual.top_size, t),
            _choice(self.services.embedders(), embedder, usual.embedder, t),
            panels.way_out(space, t),
            "",
        ]

    async def attached(self, space: Space | None) -> Any:
        """An update for `databases`: whose questions use the definitions in this space."""
        if space is None:
            return gr.skip()
        names = await self.services.sources.names()
        chosen = [name for name in names if space.name in await self.services.attached(name)]
        return gr.update(choices=names, value=chosen)

    def moves(self, space: Space) -> bool:
        """Whether its index is not, or not yet, the one that its settings want."""
        if not space.embedder:
            return False
        usual, own = self._usual, space.settings
        wanted = (own.chunk_size or usual.chunk_size, own.embedder or usual.embedder)
        return space.reindexing is not None or wanted != (space.chunk_size, space.embedder)

    def now(self, space: Space, t: Texts) -> str:
        """For `index`."""
        return panels.index(space, t, behind=self.moves(space))

    # handlers

    async def _save(self, space: str, chunk_size: int, top_size: int, embedder: str, request: gr.Request) -> list[Any]:
        """What is as everywhere goes on following the product's settings."""
        t, usual = self.speak(request), self._usual
        wish = SpaceSettings(
            chunk_size=None if chunk_size == usual.chunk_size else chunk_size,
            top_size=None if top_size == usual.top_size else top_size,
            embedder=None if embedder in ("", None, usual.embedder) else embedder,
        )
        try:
            now = await self.services.library.configure(space, wish)
        except PilotError as error:
            return [panels.problem(error, t), gr.skip(), gr.skip()]
        return [panels.success(t("web.space.saved")), self.now(now, t), gr.Timer(WATCH_SECONDS)]

    async def _attach(self, space: str, chosen: list[str] | None, request: gr.Request) -> str:
        """Only what changes is written: another visitor may attach another space at the same time."""
        t = self.speak(request)
        try:
            for name in await self.services.sources.names():
                before = await self.services.attached(name)
                if (name in (chosen or ())) != (space in before):
                    now = [*before, space] if name in (chosen or ()) else [each for each in before if each != space]
                    await self.services.attach(name, now)
        except PilotError as error:
            return panels.problem(error, t)
        return panels.success(t("web.space.saved"))

    async def _again(self, space: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.library.reindex(space)
            now = await self.services.library.space(space)
        except PilotError as error:
            return [panels.problem(error, t), gr.skip(), gr.skip()]
        return ["", self.now(now, t), gr.Timer(WATCH_SECONDS)]

    @property
    def _usual(self) -> SpaceSettings:
        settings = self.services.settings
        return SpaceSettings(
            settings.knowledge_chunk_size, settings.knowledge_search_top_size, settings.embedding_model
        )


def _choice(offered: Iterable[Any], chosen: Any, usual: Any, t: Texts) -> Any:
    """An update of a dropdown: what is offered, chosen and usual; the usual one is marked."""
    values = sorted({*offered, chosen, usual})
    return gr.update(
        choices=[(t("web.space.usual", value=each) if each == usual else str(each), each) for each in values],
        value=chosen,
    )
