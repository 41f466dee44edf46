"""The databases beside the question: choose one, see its tables and warnings, add one, remove one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import sqlalchemy as sa
from anyio import to_thread

from pilot.datasource.catalog import SourceInfo
from pilot.datasource.shelf import SUFFIXES
from pilot.datasource.tls import MODES
from pilot.errors import NotFound, PilotError
from pilot.i18n import Texts
from pilot.services import Services
from pilot.web import panels
from pilot.web.ui.labels import Labels
from pilot.web.ui.thread import Thread
from pilot.web.ui.visit import PRIVATE, Speaker

DRIVERS = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg", "sqlite": "sqlite", "duckdb": "duckdb"}
PORTS = {"mysql": 3306, "postgresql": 5432}
KINDS = [("MySQL / MariaDB", "mysql"), ("PostgreSQL", "postgresql"), ("SQLite", "sqlite"), ("DuckDB", "duckdb")]
QUESTIONS = 3


class SourcePanel:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.source = labels(gr.Dropdown, label="web.source", choices=[], interactive=True, elem_id="source")
        self.warnings = gr.Markdown(elem_classes="pane", latex_delimiters=[])
        with labels(gr.Accordion, label="web.schema", open=False, elem_classes="fold") as self.tables:
            self.schema = gr.Markdown(elem_classes="pane schema", latex_delimiters=[])
            with gr.Row(elem_classes="actions"):
                self.reread = labels(gr.Button, value="web.schema.refresh", size="sm", elem_classes="quiet")
                self.remove = labels(
                    gr.Button, value="web.source.remove", size="sm", elem_classes="quiet", visible=False
                )
        with labels(gr.Accordion, label="web.source.add", open=False, elem_classes="fold"):
            self.files = labels(gr.File, label="web.source.file", file_count="multiple", file_types=list(SUFFIXES),
                                elem_id="source-file", height=96, elem_classes="drop")  # fmt: skip
            self._form(labels)
            self.said = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="source-said")

    def _form(self, labels: Labels) -> None:
        self.name = labels(gr.Textbox, label="web.source.name", placeholder="web.source.name.hint", max_lines=1)
        self.kind = labels(gr.Dropdown, label="web.source.kind", choices=KINDS, value="mysql")
        with gr.Row():
            self.host = labels(
                gr.Textbox, label="web.source.host", value="127.0.0.1", scale=2, min_width=100, max_lines=1
            )
            self.port = labels(gr.Textbox, label="web.source.port", value="3306", scale=1, min_width=70, max_lines=1)
        self.user = labels(gr.Textbox, label="web.source.user", max_lines=1)
        self.password = labels(gr.Textbox, label="web.source.password", type="password", max_lines=1)
        self.database = labels(gr.Textbox, label="web.source.database", max_lines=1)
        with labels(gr.Accordion, label="web.source.more", open=False, elem_classes="fold") as self.more:
            self.tls = labels(gr.Dropdown, label="web.source.tls", info="web.source.tls.hint", choices=list(MODES),
                              value=MODES[0])  # fmt: skip
            self.authority = labels(gr.Textbox, label="web.source.authority", info="web.source.authority.hint",
                                    max_lines=1)  # fmt: skip
            self.schemas = labels(gr.Textbox, label="web.source.schemas", info="web.source.schemas.hint", max_lines=1,
                                  visible=False)  # fmt: skip
        self.url = labels(gr.Textbox, label="web.source.url", placeholder="web.source.url.hint", max_lines=1)
        with gr.Row(elem_classes="actions"):
            self.add = labels(gr.Button, value="web.source.connect", variant="primary", size="sm", elem_id="source-add")
            self.test = labels(gr.Button, value="web.source.test", size="sm", elem_id="source-test")

    @property
    def fields(self) -> set[Any]:
        return {self.name, self.kind, self.host, self.port, self.user, self.password, self.database, self.url,
                self.tls, self.authority, self.schemas}  # fmt: skip

    @property
    def shown(self) -> list[Any]:
        """What changes with the chosen source."""
        return [self.warnings, self.schema, self.remove]

    def wire(self) -> None:
        self.source.change(self._describe, self.source, self.shown, **PRIVATE)
        served = [self.host, self.port, self.user, self.password, self.more, self.schemas]
        self.kind.input(self._of_kind, [self.kind, self.port], served, **PRIVATE)
        self.files.upload(self._upload, self.files, [self.files, self.source, self.said], **PRIVATE)
        self.test.click(self._test, self.fields, self.said, **PRIVATE)
        emptied = [self.name, self.password, self.database, self.url]
        self.add.click(self._add, self.fields, [self.source, self.said, *emptied], **PRIVATE)
        self.remove.click(self._remove, self.source, [self.source, self.said], **PRIVATE)
        self.reread.click(self._reread, self.source, self.shown, **PRIVATE)

    async def choices(self, selected: str = "") -> Any:
        """An update for `source`."""
        names = await self.services.sources.names()
        return gr.update(choices=names, value=selected if selected in names else next(iter(names), None))

    async def describe(self, name: str, t: Texts) -> list[Any]:
        """Updates for `shown`."""
        row = await self._row(name)
        if row is None:
            return ["", "", gr.update(visible=False)]
        said = panels.problem(row.error, t) if row.error else panels.warnings(row.warnings, t)
        tables = "" if row.error else await self._schema(name, t)
        return [said, tables, gr.update(visible=row.origin == "added")]

    async def questions(self, name: str, t: Texts) -> list[str]:
        """The sample's own questions; else one for each of some tables."""
        row = await self._row(name)
        if row is None or row.error:
            return []
        if row.origin == "sample":
            return [t(f"web.example.shop.{number}") for number in range(1, QUESTIONS + 1)]
        schema = await self.services.sources.schema(name)
        return [t("web.example.count", table=table.name) for table in schema.tables[:QUESTIONS]]

    async def recovered(self, warnings: str, thread: Thread, name: str, t: Texts) -> list[Any]:
        """Updates for `shown` once a database that was called dead has answered."""
        if 'class="failure"' not in (warnings or "") or thread.answer.rows is None:
            return [gr.skip() for _ in self.shown]
        return await self.describe(name, t)

    # handlers

    async def _describe(self, name: str, request: gr.Request) -> list[Any]:
        return await self.describe(name, self.speak(request))

    async def _row(self, name: str) -> SourceInfo | None:
        try:
            return await self.services.sources.info(name) if name else None
        except NotFound:  # removed meanwhile
            return None

    async def _schema(self, name: str, t: Texts) -> str:
        try:
            return panels.schema(await self.services.sources.schema(name), t)
        except PilotError as error:
            return panels.problem(error, t)

    async def _reread(self, name: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.sources.refresh(name)
        except PilotError as error:
            return [panels.problem(error, t), "", gr.skip()]
        return await self.describe(name, t)

    async def _upload(self, files: Sequence[str] | None, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        said, added = [], ""
        for file in map(Path, files or ()):
            try:
                added = (await self._take(file)).name
                said.append(panels.success(t("web.source.added", name=added)))
            except PilotError as error:
                said.append(panels.problem(error, t))
        return [None, await self.choices(added) if added else gr.skip(), "".join(said)]

    async def _take(self, file: Path) -> SourceInfo:
        """A database is made of it; the uploaded file goes."""
        content = await to_thread.run_sync(file.read_bytes)
        try:
            return await self.services.sources.add_file(file.name, content)
        finally:
            await to_thread.run_sync(file.unlink)

    async def _test(self, form: dict[Any, str | None], request: gr.Request) -> str:
        t = self.speak(request)
        try:
            row = await self.services.sources.test(self._url(form))
        except PilotError as error:
            return panels.problem(error, t)
        return panels.success(t("web.source.works")) + panels.warnings(row.warnings, t)

    async def _add(self, form: dict[Any, str | None], request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            row = await self.services.sources.add(form[self.name] or "", self._url(form))
        except PilotError as error:
            return [gr.skip(), panels.problem(error, t), *[gr.skip()] * 4]
        return [await self.choices(row.name), panels.success(t("web.source.added", name=row.name)), *[""] * 4]

    def _url(self, filled: dict[Any, str | None]) -> str:
        """What the form says; the line with the whole URL counts more than the fields."""
        form = {field: text or "" for field, text in filled.items()}  # Gradio says None of a field never touched
        if form[self.url].strip():
            return form[self.url].strip()
        kind, database = form[self.kind], form[self.database]
        if kind not in PORTS:
            return sa.URL.create(DRIVERS[kind], database=database).render_as_string(hide_password=False)
        port = int(form[self.port]) if form[self.port].strip().isdecimal() else PORTS[kind]
        options = {
            "sslmode": form[self.tls] if form[self.tls] != MODES[0] else "",
            "sslrootcert": form[self.authority].strip(),
            "schema": form[self.schemas].replace(" ", "") if kind == "postgresql" else "",
        }
        made = sa.URL.create(
            DRIVERS[kind], form[self.user] or None, form[self.password] or None, form[self.host].strip(), port,
            database or None, {name: value for name, value in options.items() if value},
        )  # fmt: skip
        return made.render_as_string(hide_password=False)

    async def _remove(self, name: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.sources.remove(name)
        except PilotError as error:
            return [gr.skip(), panels.problem(error, t)]
        return [await self.choices(), panels.success(t("web.source.removed", name=name))]

    @staticmethod
    def _of_kind(kind: str, port: str) -> list[Any]:
        """A file has neither host nor account. A port that somebody typed stays."""
        served, usual = kind in PORTS, {str(each) for each in PORTS.values()} | {""}
        asked = {"value": str(PORTS.get(kind, ""))} if port in usual else {}
        return [gr.update(visible=served), gr.update(visible=served, **asked),
                gr.update(visible=served), gr.update(visible=served), gr.update(visible=served),
                gr.update(visible=kind == "postgresql")]  # fmt: skip
