"""The document spaces beside the question: choose, make, bring in, set up, delete; add files and addresses to one and
watch them being read.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from anyio import to_thread

from pilot.errors import NotFound, PilotError
from pilot.i18n import Texts
from pilot.knowledge.records import DocumentRecord
from pilot.services import Services
from pilot.web import panels
from pilot.web.ui.labels import Labels
from pilot.web.ui.spacesetup import WATCH_SECONDS, SpaceSetup
from pilot.web.ui.visit import PRIVATE, Speaker

LIST_HEIGHT = 480  # pixels; a longer list scrolls, and what stands below it stays in reach
REST_SECONDS = 5.0  # while nothing is being read: the next look finds what came by another door, or between two answers


class SpacePanel:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.space = labels(gr.Dropdown, label="web.space", choices=[], interactive=True, elem_id="space")
        self.also = labels(gr.Dropdown, label="documents.also", choices=[], multiselect=True, visible=False,
                           elem_id="space-also")  # fmt: skip
        with labels(gr.Accordion, label="web.space.manage", open=False, elem_classes="fold"):
            self.name = labels(gr.Textbox, label="web.space.name", max_lines=1)
            self.create = labels(gr.Button, value="web.space.create", size="sm", elem_id="space-create")
            self.bring = labels(gr.UploadButton, label="web.space.import", size="sm", file_types=[".zip"],
                                elem_id="space-import")  # fmt: skip
            self.delete = labels(gr.Button, value="web.space.delete", size="sm", elem_classes="quiet danger")
        self.setup = SpaceSetup(services, labels, speak)
        self.said = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="space-said")
        self.files = labels(gr.File, label="web.upload", file_count="multiple", elem_id="upload", height=96,
                            elem_classes="drop")  # fmt: skip
        with gr.Column(visible=services.settings.knowledge_allow_urls, elem_classes="address"):
            self.address = labels(gr.Textbox, placeholder="web.address", show_label=False, container=False, max_lines=1,
                                  elem_id="address")  # fmt: skip
            with gr.Row(elem_classes="actions"):
                self.site = labels(gr.Checkbox, label="web.address.site", container=False, min_width=120,
                                   elem_id="address-site")  # fmt: skip
                self.fetch = labels(gr.Button, value="web.address.add", size="sm", scale=0, min_width=72,
                                    elem_id="address-add")  # fmt: skip
        self.list = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="documents", max_height=LIST_HEIGHT)
        self.failed = gr.Button(visible=False, size="sm", elem_id="retry-failed")
        with labels(gr.Accordion, label="web.document.manage", open=False, elem_classes="fold") as self.manage:
            self.document = labels(gr.Dropdown, label="web.document", choices=[], interactive=True)
            with gr.Row(elem_classes="actions"):
                self.sum_up = labels(gr.Button, value="documents.sum_up", size="sm", elem_id="document-sum-up")
                self.drop = labels(gr.Button, value="web.document.delete", size="sm", elem_classes="quiet danger")
                self.retry = labels(gr.Button, value="web.document.retry", size="sm", elem_classes="quiet")
        self.watch = gr.Timer(REST_SECONDS)

    @property
    def moving(self) -> list[Any]:
        """What changes while documents are read and indexed."""
        return [self.list, self.document, self.manage, self.failed, self.setup.index, self.watch]

    @property
    def shown(self) -> list[Any]:
        """What changes with the space, too."""
        return [*self.moving, *self.setup.form, self.setup.databases, self.also]

    def wire(self) -> None:
        self.setup.wire(self.space, self.watch)
        self.space.change(self._show, [self.space, self.also], self.shown, **PRIVATE)
        self.watch.tick(self._watch, [self.space, self.document], self.moving, **PRIVATE)
        added = [self.said, *self.moving]
        self.files.upload(self._upload, [self.files, self.space], [self.files, *added], **PRIVATE)
        wanted = [self.space, self.address, self.site]
        gr.on([self.fetch.click, self.address.submit], self._fetch, wanted, [self.address, *added], **PRIVATE)
        made = [self.space, self.name, self.said]
        self.create.click(self._create, self.name, made, **PRIVATE)
        self.name.submit(self._create, self.name, made, **PRIVATE)
        self.bring.upload(self._import, [self.bring, self.name], made, **PRIVATE)
        self.delete.click(self._delete, self.space, made, **PRIVATE)
        self.drop.click(self._drop, [self.space, self.document], added, **PRIVATE)
        self.retry.click(self._retry, [self.space, self.document], added, **PRIVATE)
        self.failed.click(self._retry_failed, self.space, added, **PRIVATE)

    async def choices(self, selected: str = "") -> Any:
        """An update for `space`."""
        names = [space.name for space in await self.services.library.spaces()]
        return gr.update(choices=names, value=selected if selected in names else next(iter(names), None))

    async def show(self, space: str, t: Texts, also: Sequence[str] | None = None) -> list[Any]:
        """Updates for `shown`; without `also` the spaces that are asked beside this one stay as they are."""
        try:
            found = await self.services.library.space(space) if space else None
        except NotFound:  # deleted by somebody else; `progress` says so
            found = None
        attached, others = await self.setup.attached(found), await self._others(space, also)
        return [*await self.progress(space, t), *self.setup.fill(found, t), attached, others]

    async def _others(self, space: str, also: Sequence[str] | None) -> Any:
        """An update for `also`: every other space may be asked, too."""
        names = [each.name for each in await self.services.library.spaces() if each.name != space]
        if also is None:
            return gr.update(choices=names, visible=bool(names))
        return gr.update(choices=names, visible=bool(names), value=[name for name in also if name in names])

    async def progress(self, space: str, t: Texts, chosen: str | None = None) -> list[Any]:
        """Updates for `moving`; the timer runs faster while something is being read or indexed anew. `chosen` is the
        document that stays chosen.
        """
        if not space:
            return self._at_rest("")
        try:
            records, index = await self.services.library.documents(space), await self.services.library.space(space)
        except PilotError as error:
            return self._at_rest(panels.problem(error, t))
        pending = any(record.state not in ("ready", "failed") for record in records)
        failed = sum(record.state == "failed" for record in records)
        choices = [(record.name, record.id) for record in records]
        return [
            panels.documents(records, t),
            gr.update(choices=choices, value=chosen if chosen in {record.id for record in records} else None),
            gr.update(visible=bool(records)),
            gr.update(visible=failed > 0, value=t("web.document.retry_failed", count=failed)),
            self.setup.now(index, t),
            gr.Timer(WATCH_SECONDS if pending or self.setup.moves(index) else REST_SECONDS),
        ]

    def _at_rest(self, said: str) -> list[Any]:
        hidden = gr.update(visible=False)
        return [said, gr.update(choices=[], value=None), hidden, hidden, "", gr.Timer(REST_SECONDS)]

    # handlers

    async def _show(self, space: str, also: Sequence[str] | None, request: gr.Request) -> list[Any]:
        return await self.show(space, self.speak(request), also or ())

    async def _watch(self, space: str, document: str | None, request: gr.Request) -> list[Any]:
        return await self.progress(space, self.speak(request), document)

    async def _upload(self, files: Sequence[str] | None, space: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        said = []
        for file in map(Path, files or ()):
            try:
                await self._add(space, file)
            except PilotError as error:
                said.append(panels.problem(error, t, subject=file.name))
        return [None, "".join(said), *await self.progress(space, t)]

    async def _add(self, space: str, file: Path) -> DocumentRecord:
        """The library keeps its own copy; the uploaded one goes."""
        content = await to_thread.run_sync(file.read_bytes)
        try:
            return await self.services.library.add(space, file.name, content)
        finally:
            await to_thread.run_sync(file.unlink)

    async def _fetch(self, space: str, address: str, site: bool, request: gr.Request) -> AsyncIterator[list[Any]]:
        t, library = self.speak(request), self.services.library
        if not address.strip():
            return
        yield [gr.skip(), panels.note(t("web.address.fetching")), *[gr.skip()] * len(self.moving)]
        try:
            await (library.add_site if site else library.add_url)(space, address)
        except PilotError as error:
            yield [gr.skip(), panels.problem(error, t, subject=address.strip()), *await self.progress(space, t)]
        else:
            yield ["", "", *await self.progress(space, t)]

    async def _create(self, name: str, request: gr.Request) -> list[Any]:
        try:
            space = await self.services.library.create_space(name)
        except PilotError as error:
            return [gr.skip(), gr.skip(), panels.problem(error, self.speak(request))]
        return [await self.choices(space.name), "", ""]

    async def _import(self, file: str, name: str, request: gr.Request) -> list[Any]:
        """Under the name that is written above, else under its own."""
        t, path = self.speak(request), Path(file)
        try:
            with await to_thread.run_sync(path.open, "rb") as content:
                space = await self.services.library.import_space(content, name)
        except PilotError as error:
            return [gr.skip(), gr.skip(), panels.problem(error, t, subject=path.name)]
        finally:
            await to_thread.run_sync(path.unlink)
        return [await self.choices(space.name), "", ""]

    async def _delete(self, space: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.library.delete_space(space)
        except PilotError as error:
            return [gr.skip(), gr.skip(), panels.problem(error, t)]
        return [await self.choices(), gr.skip(), panels.success(t("web.space.deleted", name=space))]

    async def _drop(self, space: str, document: str, request: gr.Request) -> list[Any]:
        return await self._change(self.services.library.delete, space, document, self.speak(request))

    async def _retry(self, space: str, document: str, request: gr.Request) -> list[Any]:
        return await self._change(self.services.library.retry, space, document, self.speak(request))

    async def _retry_failed(self, space: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.library.retry_failed(space)
        except PilotError as error:
            return [panels.problem(error, t), *await self.progress(space, t)]
        return ["", *await self.progress(space, t)]

    async def _change(self, change: Any, space: str, document: str, t: Texts) -> list[Any]:
        said = ""
        if document:
            try:
                await change(space, document)
            except PilotError as error:
                said = panels.problem(error, t)
        return [said, *await self.progress(space, t)]
