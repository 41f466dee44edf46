"""The first step of a model of one's own: which databases it learns from, which examples, and what is masked."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.services import Services
from pilot.store import Approved
from pilot.store.runs import SourceMaterial, Wish
from pilot.web import owning
from pilot.web.ui.draft import Desk, Draft
from pilot.web.ui.labels import Labels, pane
from pilot.web.ui.visit import PRIVATE, Speaker

MOST_LISTED = 200
PERSONAL = re.compile(  # columns that are proposed for masking, by their names
    r"e_?mail|phone|mobile|fax|birth|passw|iban|card|account_?n|passport|ssn|tax_?id|street|address|salary"
    r"|(first|last|full|sur)_?name|邮箱|电话|手机|身份证|地址|生日|密码|卡号|姓名|工资",
    re.IGNORECASE,
)


class ExamplesStep:
    """`arrive` and `wire` begin what it shows; `next` is for its owner to wire."""

    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        with gr.Column(elem_id="own-data") as self.column:
            labels(gr.Markdown, value="own.data")
            self.sources = labels(gr.CheckboxGroup, label="own.data.sources", choices=[], show_label=False,
                                  elem_classes="choices", elem_id="own-sources")  # fmt: skip
            self.material = pane("own-material")
            with labels(gr.Accordion, label="own.data.look", open=False, elem_classes="fold", elem_id="own-look"):
                self.filter = labels(gr.Textbox, label="own.data.filter", placeholder="own.data.filter",
                                     show_label=False, container=False, max_lines=1, elem_classes="find",
                                     elem_id="own-filter")  # fmt: skip
                self.examples = labels(gr.CheckboxGroup, label="own.data.examples", choices=[],
                                       elem_classes="choices tall", elem_id="own-examples")  # fmt: skip
                self.found = gr.Markdown(elem_classes="pane hint", latex_delimiters=[])
            self.mask = labels(gr.Dropdown, label="own.mask", info="own.mask.hint", choices=[], multiselect=True,
                               elem_id="own-mask")  # fmt: skip
            with labels(gr.Accordion, label="own.data.more", open=False, elem_classes="fold"):
                self.share = labels(gr.Slider, label="own.share", minimum=10, maximum=60, step=1, value=33,
                                    elem_id="own-share")  # fmt: skip
                self.files = labels(gr.File, label="own.files", file_count="multiple", file_types=[".jsonl"],
                                    height=110, elem_classes="drop", elem_id="own-files")  # fmt: skip
            with gr.Row(elem_classes="actions"):
                self.next = labels(gr.Button, value="own.next", variant="primary", size="sm", scale=0, min_width=120,
                                   elem_id="own-to-method")  # fmt: skip

    def wire(self, desk: gr.State) -> None:
        chosen = gr.on([self.sources.input, self.share.release], self._choose, [desk, self.sources, self.share],
                       self.material, trigger_mode="always_last", **PRIVATE)  # fmt: skip
        self.arrive(chosen, desk)
        self.filter.input(self._list, [desk, self.filter], self._listed, trigger_mode="always_last", **PRIVATE)
        self.examples.input(self._leave_out, [desk, self.filter, self.examples], None, trigger_mode="always_last",
                            **PRIVATE)  # fmt: skip

    def arrive(self, arrived: Any, desk: gr.State) -> None:
        """Once databases are chosen."""
        columns = gr.State(())
        arrived.then(self._columns, desk, columns, **PRIVATE).then(
            self._offer_mask, [desk, columns, self.mask], self.mask, **PRIVATE
        )
        arrived.then(self._list, [desk, self.filter], self._listed, **PRIVATE)

    @property
    def _listed(self) -> list[Any]:
        """What shows the examples of the chosen databases."""
        return [self.examples, self.found]

    @property
    def fields(self) -> list[Any]:
        """What is chosen here."""
        return [self.sources, self.share, self.mask, self.files]

    @property
    def view(self) -> list[Any]:
        """What `show` updates."""
        return [self.sources, self.material]

    def show(self, draft: Draft, t: Texts) -> list[Any]:
        """Updates for `view`."""
        if draft.material is None:
            return [gr.skip(), ""]
        choices = [(owning.source(each, t), each.name) for each in draft.material.sources]
        return [gr.update(choices=choices, value=list(draft.wish.sources)), owning.material(draft.material, t)]

    async def fresh(self) -> Draft:
        """Nothing wished for yet; every database with answers that were judged is ticked."""
        names = await self.services.sources.names()
        chosen = tuple(each.name for each in await self._every() if each.approved)
        return await self.counted(Draft(wish=Wish(chosen or tuple(names[:1]))))

    async def _every(self) -> tuple[SourceMaterial, ...]:
        """All databases that answer."""
        found: list[SourceMaterial] = []
        for name in await self.services.sources.names():
            with contextlib.suppress(PilotError):
                found += (await self.services.own.material([name])).sources
        return tuple(found)

    async def counted(self, draft: Draft) -> Draft:
        """With the counts of all databases, and how the chosen ones would be shared out."""
        every = await self._every()
        chosen = [name for name in draft.wish.sources if name in {each.name for each in every}]
        found = await self.services.own.material(chosen, exam_share=draft.wish.exam_share)
        wish = replace(draft.wish, sources=tuple(chosen))
        return replace(draft, wish=wish, material=replace(found, sources=every))

    async def choose(self, desk: Desk, sources: Sequence[str], share: float) -> None:
        """These are the databases to learn from."""
        wish = replace(desk.draft.wish, sources=tuple(sources), exam_share=share / 100)
        found = await self.counted(replace(desk.draft, wish=wish))
        wish = replace(desk.draft.wish, sources=found.wish.sources, exam_share=share / 100)
        desk.draft = replace(desk.draft, wish=wish, material=found.material)

    async def _choose(self, desk: Desk, sources: list[str], share: float, request: gr.Request) -> str:
        await self.choose(desk, sources, share)
        return owning.material(desk.draft.material, self.speak(request)) if desk.draft.material else ""

    async def _columns(self, desk: Desk) -> tuple[str, ...]:
        """Every column of the chosen databases."""
        tables = [table for source in desk.draft.wish.sources for table in await self._tables(source)]
        return tuple(f"{table.name}.{column.name}" for table in tables for column in table.columns)

    def _offer_mask(self, desk: Desk, columns: tuple[str, ...], mask: list[str]) -> Any:
        """Of columns that are new here, those whose names sound personal are taken already."""
        before = desk.draft.columns
        if columns == before:
            return gr.skip()
        desk.draft = replace(desk.draft, columns=columns)
        taken = {*mask, *(name for name in columns if name not in before and PERSONAL.search(name.partition(".")[2]))}
        return gr.update(choices=list(columns), value=[name for name in columns if name in taken])

    async def _tables(self, source: str) -> Sequence[Any]:
        try:
            return (await self.services.sources.schema(source)).tables
        except PilotError:  # it does not answer just now: its examples are there none the less
            return ()

    async def _list(self, desk: Desk, words: str | None, request: gr.Request) -> list[Any]:
        t, draft = self.speak(request), desk.draft
        every = await self._approved(draft)
        shown = _matching(every, words)
        names = [(f"{each.question} → {_short(each.sql)}", each.id) for each in shown]
        kept = [each.id for each in shown if each.id not in draft.wish.leave_out]
        return [gr.update(choices=names, value=kept), t("own.data.found", shown=len(shown), count=len(every))]

    async def _leave_out(self, desk: Desk, words: str | None, kept: list[str]) -> None:
        """What the list shows unticked is left out; what it does not show stays as it was."""
        shown = {each.id for each in _matching(await self._approved(desk.draft), words)}
        left = (set(desk.draft.wish.leave_out) - shown) | (shown - set(kept))
        desk.draft = replace(desk.draft, wish=replace(desk.draft.wish, leave_out=tuple(sorted(left))))

    async def _approved(self, draft: Draft) -> list[Approved]:
        return [each for source in draft.wish.sources for each in await self.services.approvals.all(source)]


def _matching(every: Sequence[Approved], words: str | None) -> list[Approved]:
    wanted = (words or "").lower().split()
    found = (each for each in every if all(word in f"{each.question} {each.sql}".lower() for word in wanted))
    return list(found)[:MOST_LISTED]


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 90 else line[:89] + "…"
