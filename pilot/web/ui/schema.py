"""The tab in which the owner of a database says what its tables are: words, figures, joins, what nobody may see."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from pilot.datasource.catalog import OpenSource
from pilot.datasource.owner import ColumnWords, JoinHint, OwnerWords, TableWords
from pilot.datasource.owner_yaml import dump
from pilot.errors import InputInvalid, PilotError
from pilot.i18n import Language, Texts
from pilot.schema import Metric, Table
from pilot.services import Services
from pilot.web import panels
from pilot.web.ui.approved import ApprovedPanel
from pilot.web.ui.exports import Exports
from pilot.web.ui.labels import Labels
from pilot.web.ui.visit import PRIVATE, Speaker

COLUMN_FIELDS = ("column", "type", "description", "synonyms", "hidden", "values")
METRIC_FIELDS = ("metric", "sql", "where", "description", "synonyms")
YAML_FILE = "database.yaml"
Rows = list[list[Any]]


class SchemaTab:
    """Made inside its `gr.Tab`; `wire` connects what it shows with the services."""

    def __init__(self, services: Services, labels: Labels, speak: Speaker, exports: Exports) -> None:
        self.services, self.speak, self.exports = services, speak, exports
        self.touched = gr.State(False)  # whether the visitor chose or wrote something here
        with gr.Row(elem_classes="workbench"):
            with gr.Column(scale=0, min_width=264, elem_classes="side"):
                self.source = labels(gr.Dropdown, label="web.source", choices=[], interactive=True,
                                     elem_id="schema-source")  # fmt: skip
                self.table = labels(gr.Dropdown, label="schema.table", choices=[], interactive=True,
                                    elem_id="schema-table")  # fmt: skip
                self.reread = labels(gr.Button, value="web.schema.refresh", size="sm", elem_classes="quiet",
                                     elem_id="schema-refresh")  # fmt: skip
            with gr.Column(elem_classes="main describing", min_width=320):
                labels(gr.Markdown, value="schema.hello", elem_classes="hello")
                self._form(labels)
                with labels(gr.Accordion, label="schema.figures", open=False, elem_classes="fold"):
                    self._figures(labels)
                with labels(gr.Accordion, label="schema.approved", open=False, elem_classes="fold",
                            elem_id="schema-approved") as self.remembered:  # fmt: skip
                    self.approved = ApprovedPanel(services, labels, speak)
                with labels(gr.Accordion, label="schema.file", open=False, elem_classes="fold", elem_id="schema-file"):
                    self._file(labels)

    def _form(self, labels: Labels) -> None:
        self.description = labels(gr.Textbox, label="schema.description", placeholder="schema.description.hint",
                                  max_lines=3, elem_id="schema-description")  # fmt: skip
        with gr.Row():
            self.synonyms = labels(gr.Textbox, label="schema.synonyms", placeholder="schema.synonyms.hint",
                                   max_lines=1, scale=3, elem_id="schema-synonyms")  # fmt: skip
            self.hidden = labels(gr.Checkbox, label="schema.hide", scale=1, min_width=150, elem_id="schema-hidden")
        self.columns = gr.Dataframe(
            type="array", interactive=True, column_count=len(COLUMN_FIELDS), static_columns=[0, 1], wrap=True,
            datatype=["str", "str", "str", "str", "bool", "bool"], show_label=False, elem_id="schema-columns",
            column_widths=["15%", "13%", "25%", "18%", "13%", "16%"], buttons=[], elem_classes="cells",
        )  # fmt: skip
        with gr.Row(elem_classes="actions"):
            self.save = labels(gr.Button, value="schema.save", variant="primary", size="sm", scale=0, min_width=140,
                               elem_id="schema-save")  # fmt: skip
            self.said = gr.Markdown(elem_classes="thanks", latex_delimiters=[], elem_id="schema-said")

    def _figures(self, labels: Labels) -> None:
        labels(gr.Markdown, value="schema.figures.hint", elem_classes="pane")
        self.metrics = gr.Dataframe(
            type="array", interactive=True, column_count=len(METRIC_FIELDS), wrap=True, show_label=False, buttons=[],
            column_widths=["13%", "31%", "22%", "17%", "17%"], elem_id="schema-metrics", elem_classes="cells",
        )  # fmt: skip
        self.joins = labels(gr.Textbox, label="schema.joins", placeholder="schema.joins.hint", lines=2,
                            elem_id="schema-joins")  # fmt: skip
        with gr.Row(elem_classes="actions"):
            self.save_figures = labels(gr.Button, value="schema.save", variant="primary", size="sm", scale=0,
                                       min_width=140, elem_id="schema-save-figures")  # fmt: skip
            self.figures_said = gr.Markdown(elem_classes="thanks", latex_delimiters=[], elem_id="schema-figures-said")

    def _file(self, labels: Labels) -> None:
        labels(gr.Markdown, value="schema.file.hint", elem_classes="pane")
        self.text = gr.Code(language="yaml", interactive=True, show_label=False, lines=8, elem_id="schema-yaml")
        with gr.Row(elem_classes="actions"):
            self.save_text = labels(gr.Button, value="schema.save", variant="primary", size="sm", scale=0,
                                    min_width=140, elem_id="schema-save-yaml")  # fmt: skip
            self.download = labels(gr.DownloadButton, label="schema.download", size="sm", elem_classes="quiet")
            self.upload = labels(gr.UploadButton, label="schema.upload", size="sm", elem_classes="quiet",
                                 file_types=[".yaml", ".yml"], elem_id="schema-upload")  # fmt: skip
        self.text_said = gr.Markdown(elem_classes="pane", latex_delimiters=[], elem_id="schema-yaml-said")

    @property
    def form(self) -> list[Any]:
        """What shows one table."""
        return [self.description, self.synonyms, self.hidden, self.columns, self.said]

    @property
    def rest(self) -> list[Any]:
        """What shows the source's other words."""
        return [self.metrics, self.joins, self.text, self.download, self.figures_said, self.text_said]

    @property
    def shown(self) -> list[Any]:
        return [self.table, *self.form, *self.rest]

    @property
    def worded(self) -> list[Any]:
        """What `reword` updates."""
        return [*self.shown, *self.approved.shown]

    def wire(self) -> None:
        self.approved.wire(self.source, self.remembered)
        chosen, form = [self.source, self.table], [self.description, self.synonyms, self.hidden, self.columns]
        by_hand = [*chosen, *form, self.metrics, self.joins, self.text]
        gr.on([each.input for each in by_hand], lambda: True, None, self.touched, queue=False, **PRIVATE)
        self.source.change(self._show, [self.source, self.table], self.shown, **PRIVATE)
        self.table.input(self._show_table, [self.source, self.table], self.form, **PRIVATE)
        self.reread.click(self._reread, [self.source, self.table], self.shown, **PRIVATE)
        fields = [*chosen, *form]
        saved = [self.source, self.table, self.text]
        self.saved = [
            self.save.click(self._save, fields, self.shown, **PRIVATE),
            self.save_figures.click(self._save_figures, [self.source, self.metrics, self.joins], self.rest, **PRIVATE),
            self.save_text.click(self._save_text, saved, self.shown, **PRIVATE),
            self.upload.upload(self._take_file, [self.source, self.table, self.upload], self.shown, **PRIVATE),
        ]

    async def choices(self) -> Any:
        """An update for `source`."""
        names = await self.services.sources.names()
        return gr.update(choices=names, value=next(iter(names), None))

    async def follow(self, source: str, touched: bool) -> Any:
        """An update for `source`: what is asked is described until something was `touched` here, which would be lost;
        and what was added meanwhile is there to choose.
        """
        names = await self.services.sources.names()
        return gr.update(choices=names, value=source) if source in names and not touched else gr.update(choices=names)

    async def show(self, source: str, table: str, t: Texts, *, refresh: bool = False) -> list[Any]:
        """Updates for `shown`."""
        try:
            opened = await self.services.sources.open(source, refresh=refresh)
        except PilotError as error:
            nothing = gr.update(choices=[], value=None)
            return [nothing, *_table_form(None, OwnerWords(), t, panels.problem(error, t)), *self._others(None, t)]
        names = [each.name for each in opened.whole.tables]
        chosen = table if table in names else next(iter(names), "")
        marked = [(self._marked(name, opened.words, t), name) for name in names]
        found = opened.whole.table(chosen)
        return [gr.update(choices=marked, value=chosen or None), *_table_form(found, opened.words, t),
                *self._others(opened, t)]  # fmt: skip

    async def reword(self, language: Language, source: str, table: str, columns: Rows, metrics: Rows) -> list[Any]:
        """Updates for `worded`: the same in another language. What is written here and not saved yet stays."""
        if not source:
            return [gr.skip()] * len(self.worded)
        t = Texts(language)
        shown, approved = await self.show(source, table or "", t), await self.approved.reword(source, t)
        if not columns:  # its database did not answer
            return [*shown, *approved]
        kept = dict.fromkeys((self.synonyms, self.hidden, self.joins, self.text, self.download), gr.skip())
        kept[self.description] = gr.update(placeholder=shown[self.shown.index(self.description)]["placeholder"])
        kept[self.columns] = _sheet(columns, COLUMN_FIELDS, t)
        kept[self.metrics] = _sheet(metrics, METRIC_FIELDS, t)
        return [*(kept.get(part, update) for part, update in zip(self.shown, shown, strict=True)), *approved]

    @property
    def worded_from(self) -> list[Any]:
        """What `reword` takes after the language."""
        return [self.source, self.table, self.columns, self.metrics]

    # handlers

    async def _show(self, source: str, table: str, request: gr.Request) -> list[Any]:
        return await self.show(source, table or "", self.speak(request)) if source else [gr.skip()] * len(self.shown)

    async def _reread(self, source: str, table: str, request: gr.Request) -> list[Any]:
        return await self.show(source, table or "", self.speak(request), refresh=True)

    async def _show_table(self, source: str, table: str, request: gr.Request) -> list[Any]:
        opened = await self.services.sources.open(source)
        return _table_form(opened.whole.table(table or ""), opened.words, self.speak(request))

    async def _save(
        self, source: str, table: str, description: str, synonyms: str, hidden: bool, columns: Rows,
        request: gr.Request,
    ) -> list[Any]:  # fmt: skip
        t = self.speak(request)
        try:
            opened = await self.services.sources.open(source)
            words = opened.words.with_table(
                table, TableWords(_line(description), _listed(synonyms), hidden, _columns(columns))
            )
            await self.services.sources.describe(source, words, language=t.language)
        except PilotError as error:
            return [*[gr.skip()] * 5, panels.problem(_plain(error), t), *[gr.skip()] * len(self.rest)]
        shown = await self.show(source, table, t)
        shown[self.shown.index(self.said)] = t("schema.saved")
        return shown

    async def _save_figures(self, source: str, metrics: Rows, joins: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            opened = await self.services.sources.open(source)
            words = replace(opened.words, metrics=tuple(_metrics(metrics)), joins=_joins(joins, t))
            opened = await self.services.sources.describe(source, dump(words), language=t.language)
        except PilotError as error:
            return [*[gr.skip()] * 4, panels.problem(_plain(error), t), gr.skip()]
        return [*self._others(opened, t)[:4], t("schema.saved"), ""]

    async def _save_text(self, source: str, table: str, text: str, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            await self.services.sources.describe(source, text or "", language=t.language)
        except PilotError as error:
            return [*[gr.skip()] * (len(self.shown) - 1), panels.problem(error, t)]
        shown = await self.show(source, table or "", t)
        shown[-1] = panels.success(t("schema.saved"))
        return shown

    async def _take_file(self, source: str, table: str, file: str, request: gr.Request) -> list[Any]:
        try:
            text = Path(file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            t = self.speak(request)
            error = InputInvalid(t("schema.error.encoding"), remedy=t("schema.error.encoding.remedy"))
            return [*[gr.skip()] * (len(self.shown) - 1), panels.problem(error, t)]
        return await self._save_text(source, table, text, request)

    # updates

    def _others(self, opened: OpenSource | None, t: Texts) -> list[Any]:
        """Updates for `rest`."""
        words = opened.words if opened else OwnerWords()
        rows = [[each.name, each.sql, each.where, each.description, ", ".join(each.synonyms)] for each in words.metrics]
        joins = "\n".join(f"{each.table}.{each.column} = {each.ref_table}.{each.ref_column}" for each in words.joins)
        text = dump(words)
        file = self.exports.keep(YAML_FILE, text.encode())
        sheet = _sheet([*rows, [""] * len(METRIC_FIELDS)], METRIC_FIELDS, t)
        return [sheet, joins, text, gr.update(value=file), "", ""]

    @staticmethod
    def _marked(name: str, words: OwnerWords, t: Texts) -> str:
        said = words.table(name)
        return t("schema.table.hidden", name=name) if said.hidden else f"{name} ✓" if said != TableWords() else name


class PinnedTables:
    """Tables that the model is shown for every question, chosen on the page that asks."""

    def __init__(self, services: Services, labels: Labels) -> None:
        self.services = services
        self.chosen = labels(gr.Dropdown, label="schema.pins", info="schema.pins.hint", choices=[], value=[],
                             multiselect=True, interactive=True, elem_id="pins")  # fmt: skip

    async def show(self, source: str) -> Any:
        """An update for `chosen`."""
        try:
            schema = await self.services.sources.schema(source)
        except PilotError:
            return gr.update(choices=[], value=[])
        return gr.update(choices=[table.name for table in schema.tables], value=[])


def _table_form(table: Table | None, words: OwnerWords, t: Texts, said: str = "") -> list[Any]:
    """Updates for `form`."""
    own = words.table(table.name) if table else TableWords()
    rows = [_row(table, words.column(table.name, column.name), at) for at, column in enumerate(table.columns)] if (
        table
    ) else []  # fmt: skip
    hint = table.comment if table and table.comment else t("schema.description.hint")
    return [gr.update(value=own.description, placeholder=hint), ", ".join(own.synonyms), own.hidden,
            _sheet(rows, COLUMN_FIELDS, t), said]  # fmt: skip


def _sheet(rows: Rows, fields: Sequence[str], t: Texts) -> Any:
    return gr.update(value={"data": rows, "headers": [t(f"schema.field.{name}") for name in fields]})


def _row(table: Table, own: ColumnWords, at: int) -> list[Any]:
    column = table.columns[at]
    return [column.name, column.type.lower(), own.description, ", ".join(own.synonyms), own.hidden, own.values]


def _columns(rows: Rows) -> dict[str, ColumnWords]:
    return {
        str(name): ColumnWords(_line(description), _listed(synonyms), _true(hidden), _true(values))
        for name, _, description, synonyms, hidden, values in rows
    }


def _metrics(rows: Rows) -> list[Metric]:
    filled = ([_line(cell) for cell in row] for row in rows)
    return [Metric(name, sql, where, told, _listed(also)) for name, sql, where, told, also in filled if name or sql]


def _joins(text: str, t: Texts) -> tuple[JoinHint, ...]:
    """Raises InputInvalid for a line that is no join."""
    found = []
    for line in filter(None, map(str.strip, (text or "").splitlines())):
        sides = [side.strip().rpartition(".") for side in line.split("=")]
        if len(sides) != 2 or not all(table and column for table, _, column in sides):
            raise InputInvalid(f"{line}: {t('schema.error.join')}")
        found.append(JoinHint(sides[0][0], sides[0][2], sides[1][0], sides[1][2]))
    return tuple(found)


def _plain(error: PilotError) -> PilotError:
    """Without the line of a file that nobody has seen."""
    return InputInvalid(error.details["problem"]) if "problem" in error.details else error


def _listed(text: object) -> tuple[str, ...]:
    parts: Sequence[str] = _line(text).replace("，", ",").replace("、", ",").split(",")
    return tuple(dict.fromkeys(filter(None, (part.strip() for part in parts))))


def _line(text: object) -> str:
    return " ".join(str(text).split()) if text is not None else ""


def _true(cell: object) -> bool:
    return cell is True or str(cell).lower() == "true"
