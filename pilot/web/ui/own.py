"""Own your model, as one goes through it: examples, method, plan, training, exam, service.

What is under way lives in the services: a page that is loaded anew, or on another machine, shows the same.
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import gradio as gr

from pilot.datasource.refusals import told
from pilot.errors import NotFound, PilotError
from pilot.i18n import Language, Texts
from pilot.services import Services
from pilot.store import Approved
from pilot.store.runs import Backend, Material, Method, Objective, Plan, Run, SourceMaterial, Wish
from pilot.web import curves, owning, panels
from pilot.web.ui.labels import Labels, pane
from pilot.web.ui.visit import PRIVATE, Speaker

LOOK_SECONDS = 1.5  # while a run moves
MOST_LISTED = 200  # examples in the list
BUNDLED = "pilot-text-to-sql"
Stage = Literal["data", "method", "plan", "run"]
STAGES: tuple[Stage, ...] = get_args(Stage)
METHODS: tuple[Method, ...] = get_args(Method)
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
BACKENDS: tuple[Backend, ...] = get_args(Backend)
PATIENCE = 2  # rounds without gain, where a training may end early
PERSONAL = re.compile(  # columns that are proposed for masking, by their names
    r"e_?mail|phone|mobile|fax|birth|passw|iban|card|account_?n|passport|ssn|tax_?id|street|address|salary"
    r"|(first|last|full|sur)_?name|邮箱|电话|手机|身份证|地址|生日|密码|卡号|姓名|工资",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Draft:
    """What one visitor has in hand: a wish that grows, or a run that he looks at."""

    stage: Stage = "data"
    wish: Wish = field(default_factory=lambda: Wish(()))
    material: Material | None = None
    plan: Plan | None = None
    run: str = ""


class OwnPanel:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.draft = gr.State(Draft())
        with gr.Column(elem_classes="card own", elem_id="own"):
            labels(gr.Markdown, value="own.hello")
            self.steps = pane("own-steps")
            self.data = self._data(labels)
            self.method = self._method(labels)
            self.plan = self._plan(labels)
            self.run = self._run(labels)
            self.said = gr.Markdown(elem_classes="pane", elem_id="own-said", latex_delimiters=[])
            self.runs = labels(gr.Dropdown, label="own.runs", choices=[], visible=False, elem_id="own-runs")
        self.timer = gr.Timer(LOOK_SECONDS, active=False)

    def _data(self, labels: Labels) -> gr.Column:
        with gr.Column(elem_id="own-data") as group:
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
                self.to_method = labels(gr.Button, value="own.next", variant="primary", size="sm", scale=0,
                                        min_width=120, elem_id="own-to-method")  # fmt: skip
        return group

    def _method(self, labels: Labels) -> gr.Column:
        with gr.Column(visible=False, elem_id="own-method") as group:
            labels(gr.Markdown, value="own.method")
            self.base = labels(gr.Dropdown, label="own.base", choices=[], elem_id="own-base")
            self.choice = labels(gr.Radio, label="own.method.choice", choices=[], elem_classes="choices",
                                 elem_id="own-choice")  # fmt: skip
            self.objective = labels(gr.Radio, label="own.objective", choices=[], elem_classes="choices",
                                    elem_id="own-objective")  # fmt: skip
            self.backend = labels(gr.Radio, label="own.backend", choices=[], elem_classes="choices",
                                  elem_id="own-backend")  # fmt: skip
            self.unable = pane("own-unable")
            with labels(gr.Accordion, label="own.method.more", open=False, elem_classes="fold"):
                with gr.Row():
                    self.epochs = labels(gr.Number, label="own.epochs", value=0, minimum=0, maximum=100)
                    self.memory = labels(gr.Number, label="own.memory", value=0, minimum=0)
                self.early = labels(gr.Checkbox, label="own.early", info="own.early.hint", elem_id="own-early")
            with gr.Row(elem_classes="actions"):
                self.to_plan = labels(gr.Button, value="own.next", variant="primary", size="sm", scale=0,
                                      min_width=120, elem_id="own-to-plan")  # fmt: skip
                self.back_to_data = labels(gr.Button, value="own.earlier", size="sm", elem_classes="quiet")
        return group

    def _plan(self, labels: Labels) -> gr.Column:
        with gr.Column(visible=False, elem_id="own-plan") as group:
            labels(gr.Markdown, value="own.plan")
            self.planned = pane("own-planned")
            self.by_itself = labels(gr.Checkbox, label="own.by_itself", elem_id="own-by-itself")
            with gr.Row(elem_classes="actions"):
                self.start = labels(gr.Button, value="own.start", variant="primary", size="sm", scale=0,
                                    min_width=160, elem_id="own-start")  # fmt: skip
                self.back_to_method = labels(gr.Button, value="own.earlier", size="sm", elem_classes="quiet")
        return group

    def _run(self, labels: Labels) -> gr.Column:
        with gr.Column(visible=False, elem_id="own-run") as group:
            self.told = pane("own-told")
            self.curve = pane("own-curve")
            self.exam = pane("own-exam")
            with gr.Row(elem_classes="actions"):
                self.release = labels(gr.Button, value="own.release", variant="primary", size="sm", scale=0,
                                      min_width=160, elem_id="own-release")  # fmt: skip
                self.stop = labels(gr.Button, value="own.stop", size="sm", scale=0, min_width=120,
                                   elem_id="own-stop")  # fmt: skip
                self.go_on = labels(gr.Button, value="own.go_on", variant="primary", size="sm", scale=0,
                                    min_width=120, elem_id="own-go-on")  # fmt: skip
                self.another = labels(gr.Button, value="own.another", size="sm", elem_classes="quiet",
                                      elem_id="own-another")  # fmt: skip
                self.delete = labels(gr.Button, value="own.delete", size="sm", elem_classes="quiet danger",
                                     elem_id="own-delete")  # fmt: skip
        return group

    @property
    def view(self) -> list[Any]:
        """What `show` updates."""
        return [self.draft, self.steps, self.data, self.method, self.plan, self.run, self.sources, self.material,
                self.planned, self.by_itself, self.start, *self.running, self.said, self.runs, self.timer]  # fmt: skip

    @property
    def running(self) -> list[Any]:
        """What shows one run."""
        return [self.told, self.curve, self.exam, self.release, self.stop, self.go_on, self.another, self.delete]

    @property
    def able(self) -> list[Any]:
        """What depends on the model to start from."""
        return [self.choice, self.objective, self.backend, self.unable]

    @property
    def worded(self) -> list[Any]:
        """What `reword` updates."""
        return [*self.view, *self.able]

    @property
    def listed(self) -> list[Any]:
        """What shows the examples of the chosen databases."""
        return [self.examples, self.found]

    def wire(self, page: gr.Blocks) -> None:
        page.load(self._arrive, None, self.view, **PRIVATE).then(
            self._offer_mask, self.draft, self.mask, **PRIVATE
        ).then(self._list, [self.draft, self.filter], self.listed, **PRIVATE)
        chosen = gr.on([self.sources.input, self.share.release], self._choose, [self.draft, self.sources, self.share],
                       [self.draft, self.material], **PRIVATE)  # fmt: skip
        chosen.then(self._offer_mask, self.draft, self.mask, **PRIVATE)
        chosen.then(self._list, [self.draft, self.filter], self.listed, **PRIVATE)
        self.filter.input(self._list, [self.draft, self.filter], self.listed, trigger_mode="always_last", **PRIVATE)
        self.examples.input(self._leave_out, [self.draft, self.filter, self.examples], self.draft, **PRIVATE)
        picked = [self.draft, self.mask, self.files]
        self.to_method.click(self._to_method, picked, [*self.view, self.base, *self.able], **PRIVATE)
        self.base.input(self._methods, [self.draft, self.base], [self.draft, *self.able], **PRIVATE)
        wished = [self.draft, self.base, self.choice, self.objective, self.backend, self.early, self.epochs,
                  self.memory]  # fmt: skip
        self.to_plan.click(self._wait, None, self.said, **PRIVATE).then(self._to_plan, wished, self.view, **PRIVATE)
        self.start.click(self._start, [self.draft, self.by_itself], self.view, **PRIVATE)
        for button, stage in ((self.back_to_data, "data"), (self.back_to_method, "method"), (self.another, "data")):
            button.click(self._to, [gr.State(stage), self.draft], self.view, **PRIVATE)
        self.runs.input(self._open, [self.draft, self.runs], self.view, **PRIVATE)
        for button, handler in ((self.stop, self._stop), (self.go_on, self._go_on), (self.delete, self._delete)):
            button.click(handler, self.draft, self.view, **PRIVATE)
        self.released = self.release.click(self._release, self.draft, self.view, **PRIVATE)
        self.timer.tick(self._tick, self.draft, self.view, **PRIVATE)

    async def reword(self, language: Language, draft: Draft) -> list[Any]:
        """Updates for `worded` in another language; what was chosen stays chosen."""
        t = Texts(language)
        shown = await self.show(draft, t)
        if draft.stage != "method":
            return [*shown, *[gr.skip()] * len(self.able)]
        base = draft.wish.base or (await self.services.own.overview()).served
        *chosen, unable = await self._of_base(base, draft, t)
        return [*shown, *({name: value for name, value in each.items() if name != "value"} for each in chosen), unable]

    async def show(self, draft: Draft, t: Texts, said: str = "") -> list[Any]:
        """Updates for `view`."""
        runs = await self.services.own.runs()
        run = next((each for each in runs if each.id == draft.run), None) if draft.stage == "run" else None
        if draft.stage == "run" and run is None:
            draft = replace(draft, stage="data", run="")
        step = owning.step_of(run) if run else draft.stage
        return [
            draft,
            owning.steps(step if step != "run" else "train", t),
            *(gr.update(visible=draft.stage == stage) for stage in STAGES),
            self._sources(draft, t),
            owning.material(draft.material, t) if draft.material else "",
            owning.plan(draft.plan, draft.wish, t) if draft.plan else "",
            *[gr.update(visible=draft.plan is not None and draft.plan.fits)] * 2,
            *(await self._told(run, t) if run else [gr.skip()] * len(self.running)),
            said,
            gr.update(choices=[(owning.title(each, t), each.id) for each in runs], value=draft.run or None,
                      visible=bool(runs)),
            gr.Timer(active=run is not None and run.moves),
        ]  # fmt: skip

    async def _told(self, run: Run, t: Texts) -> list[Any]:
        """Updates for `running`."""
        overview = await self.services.own.overview()
        served = overview.released is not None and overview.released.run == run.id
        return [
            owning.run(run, t),
            curves.draw(await self.services.own.curves(run.id), t) + await self._picture(run, t),
            await self._graded(run, t),
            gr.update(visible=run.state == "better"),
            gr.update(visible=run.moves),
            gr.update(visible=run.state in ("stopped", "failed")),
            gr.update(visible=not run.moves),
            gr.update(visible=not run.moves and not served),
        ]

    async def _picture(self, run: Run, t: Texts) -> str:
        try:
            await self.services.own.plot(run.id)
        except NotFound:
            return ""
        return owning.picture(run, t)

    async def _graded(self, run: Run, t: Texts) -> str:
        try:
            exam = await self.services.own.exam(run.id)
        except NotFound:
            return ""
        return owning.grades(exam, run, t) + owning.answers(exam, t)

    def _sources(self, draft: Draft, t: Texts) -> Any:
        if draft.material is None:
            return gr.skip()
        return gr.update(choices=[(owning.source(each, t), each.name) for each in draft.material.sources],
                         value=list(draft.wish.sources))  # fmt: skip

    # handlers: coming, and choosing the examples

    async def _arrive(self, request: gr.Request) -> list[Any]:
        """What is under way, else what waits for a decision, else the first step."""
        t, own = self.speak(request), self.services.own
        runs = await own.runs()
        waiting = next((run for run in runs if run.moves), None) or next(
            (run for run in runs[:1] if run.state in ("better", "stopped", "failed")), None
        )
        draft = await self._fresh()
        if waiting is not None:
            draft = replace(draft, stage="run", run=waiting.id)
        return await self.show(draft, t)

    async def _fresh(self) -> Draft:
        """Nothing wished for yet; every database with answers that were judged is ticked."""
        names = await self.services.sources.names()
        chosen = tuple(each.name for each in await self._every() if each.approved)
        return await self._counted(Draft(wish=Wish(chosen or tuple(names[:1]))))

    async def _every(self) -> tuple[SourceMaterial, ...]:
        """All databases that answer."""
        found: list[SourceMaterial] = []
        for name in await self.services.sources.names():
            with contextlib.suppress(PilotError):
                found += (await self.services.own.material([name])).sources
        return tuple(found)

    async def _counted(self, draft: Draft) -> Draft:
        """With the counts of all databases, and how the chosen ones would be shared out."""
        every = await self._every()
        chosen = [name for name in draft.wish.sources if name in {each.name for each in every}]
        found = await self.services.own.material(chosen, exam_share=draft.wish.exam_share)
        wish = replace(draft.wish, sources=tuple(chosen))
        return replace(draft, wish=wish, material=replace(found, sources=every))

    async def _choose(self, draft: Draft, sources: list[str], share: float, request: gr.Request) -> list[Any]:
        wish = replace(draft.wish, sources=tuple(sources), exam_share=share / 100)
        draft = await self._counted(replace(draft, wish=wish))
        return [draft, owning.material(draft.material, self.speak(request)) if draft.material else ""]

    async def _offer_mask(self, draft: Draft) -> Any:
        """Every text column; those whose names sound personal are taken already."""
        columns = [
            f"{table.name}.{column.name}"
            for source in draft.wish.sources
            for table in await self._tables(source)
            for column in table.columns
        ]
        personal = [name for name in columns if PERSONAL.search(name.partition(".")[2])]
        return gr.update(choices=columns, value=personal)

    async def _tables(self, source: str) -> Sequence[Any]:
        try:
            return (await self.services.sources.schema(source)).tables
        except PilotError:  # it does not answer just now: its examples are there none the less
            return ()

    async def _list(self, draft: Draft, words: str | None, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        every = await self._approved(draft)
        shown = _matching(every, words)
        names = [(f"{each.question} → {_short(each.sql)}", each.id) for each in shown]
        kept = [each.id for each in shown if each.id not in draft.wish.leave_out]
        return [gr.update(choices=names, value=kept), t("own.data.found", shown=len(shown), count=len(every))]

    async def _leave_out(self, draft: Draft, words: str | None, kept: list[str]) -> Draft:
        """What the list shows unticked is left out; what it does not show stays as it was."""
        shown = {each.id for each in _matching(await self._approved(draft), words)}
        left = (set(draft.wish.leave_out) - shown) | (shown - set(kept))
        return replace(draft, wish=replace(draft.wish, leave_out=tuple(sorted(left))))

    async def _approved(self, draft: Draft) -> list[Approved]:
        return [each for source in draft.wish.sources for each in await self.services.approvals.all(source)]

    # handlers: method, plan, start

    async def _to_method(
        self, draft: Draft, mask: list[str], files: list[str] | None, request: gr.Request
    ) -> list[Any]:
        t = self.speak(request)
        wish = replace(draft.wish, mask=tuple(mask), files=tuple(files or ()))
        draft = replace(draft, wish=wish)
        if draft.material is None or not (draft.material.enough or wish.files):
            said = panels.warn(t("own.data.more_needed"))
            return [*await self.show(draft, t, said), gr.skip(), *[gr.skip()] * len(self.able)]
        overview = await self.services.own.overview()
        if not overview.possible:
            here = self.services.settings.serves_model_here
            said = panels.warn(overview.why if here else t("sources.own_elsewhere.remedy"))
            return [*await self.show(draft, t, said), gr.skip(), *[gr.skip()] * len(self.able)]
        bases = await self._bases(overview.served, t)
        base = wish.base or overview.served
        shown = await self.show(replace(draft, stage="method"), t)
        return [*shown, gr.update(choices=bases, value=base), *await self._of_base(base, draft, t)]

    async def _bases(self, served: str, t: Texts) -> list[tuple[str, str]]:
        offers = (await self.services.serving()).models
        able = [offer.name for offer in offers if offer.file_bytes and not offer.message and not offer.base]
        return [(t("own.base.served", name=name) if name == served else name, name)
                for name in dict.fromkeys((served, *able)) if name]  # fmt: skip

    async def _methods(self, draft: Draft, base: str, request: gr.Request) -> list[Any]:
        draft = replace(draft, wish=replace(draft.wish, base=base))
        return [draft, *await self._of_base(base, draft, self.speak(request))]

    async def _of_base(self, base: str, draft: Draft, t: Texts) -> list[Any]:
        """Updates for `able`: what can run for this base, and why the others cannot."""
        offers = {offer.name: offer for offer in (await self.services.serving()).models}
        bundled = base not in offers or offers[base].family == BUNDLED
        own = self.services.own
        few, no_unsloth = own.too_few_pairs(draft.material), own.no_unsloth()
        methods = ("full",) if bundled else METHODS
        objectives = OBJECTIVES[:1] if bundled or few else OBJECTIVES
        backends = BACKENDS[:1] if bundled or no_unsloth else BACKENDS
        names: dict[str, str] = {
            **{name: t(f"own.method.{name}") for name in METHODS},
            **{name: _objective(name, draft.material, t) for name in OBJECTIVES},
            **{name: t(f"own.backend.{name}") for name in BACKENDS},
        }
        left = [
            (t("own.method.not.bundled"), [*METHODS[2:], *OBJECTIVES[1:], *BACKENDS[1:]] if bundled else []),
            (_reason(few, t), OBJECTIVES[1:] if few and not bundled else ()),
            (_reason(no_unsloth, t), BACKENDS[1:] if no_unsloth and not bundled else ()),
        ]
        offered = ((able, [(names[name], name) for name in able]) for able in (methods, objectives, backends))
        return [
            *(gr.update(choices=choices, value=able[0], visible=number == 0 or len(able) > 1)
              for number, (able, choices) in enumerate(offered)),
            owning.unable([(why, [names[name] for name in those]) for why, those in left], t),
        ]  # fmt: skip

    def _wait(self, request: gr.Request) -> str:
        return panels.note(self.speak(request)("own.planning"))

    async def _to_plan(
        self,
        draft: Draft,
        base: str | None,
        method: Method,
        objective: Objective,
        backend: Backend,
        early: bool,
        epochs: float,
        memory: float,
        request: gr.Request,
    ) -> list[Any]:
        wish = replace(
            draft.wish, base=base or "", method=method, objective=objective, backend=backend,
            patience=PATIENCE if early else 0, epochs=epochs or 0, memory_gib=memory or 0,
        )  # fmt: skip
        draft, t = replace(draft, wish=wish), self.speak(request)
        try:
            plan = await self.services.own.plan(wish)
        except PilotError as error:
            return await self.show(draft, t, panels.problem(error, t))
        return await self.show(replace(draft, stage="plan", plan=plan), t)

    async def _start(self, draft: Draft, by_itself: bool, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            run = await self.services.own.start(replace(draft.wish, release=by_itself))
        except PilotError as error:
            return await self.show(draft, t, panels.problem(error, t))
        return await self.show(replace(draft, stage="run", run=run.id), t)

    async def _to(self, stage: Stage, draft: Draft, request: gr.Request) -> list[Any]:
        if stage == "data":
            draft = await self._counted(draft)
        return await self.show(replace(draft, stage=stage, run=""), self.speak(request))

    # handlers: a run

    async def _open(self, draft: Draft, run: str | None, request: gr.Request) -> list[Any]:
        return await self.show(replace(draft, stage="run", run=run or ""), self.speak(request))

    async def _tick(self, draft: Draft, request: gr.Request) -> list[Any]:
        return await self.show(draft, self.speak(request))

    async def _stop(self, draft: Draft, request: gr.Request) -> list[Any]:
        return await self._done(self.services.own.stop(draft.run), draft, request)

    async def _go_on(self, draft: Draft, request: gr.Request) -> list[Any]:
        return await self._done(self.services.own.go_on(draft.run), draft, request)

    async def _release(self, draft: Draft, request: gr.Request) -> list[Any]:
        shown = await self._done(self.services.own.release(draft.run), draft, request)
        await self.services.look_again()
        return shown

    async def roll_back(self, draft: Draft, request: gr.Request) -> list[Any]:
        """Updates for `view`, once the model before answers again."""
        shown = await self._done(self.services.own.roll_back(), draft, request)
        await self.services.look_again()
        return shown

    async def _delete(self, draft: Draft, request: gr.Request) -> list[Any]:
        return await self._done(self.services.own.delete(draft.run), draft, request)

    async def _done(self, work: Any, draft: Draft, request: gr.Request) -> list[Any]:
        """Everything as it is after this, or why it could not be."""
        t, said = self.speak(request), ""
        try:
            await work
        except PilotError as error:
            said = panels.problem(error, t)
        return await self.show(draft, t, said)


def _objective(name: Objective, material: Material | None, t: Texts) -> str:
    """With how much there is of it."""
    count = material.pairs if material else 0
    said = t(f"own.objective.{name}")
    return said if name == "sft" else f"{said} · {t('own.objective.pairs', count=count)}"


def _reason(error: PilotError | None, t: Texts) -> str:
    """Why, and what mends it."""
    if error is None:
        return ""
    said = told(error, t)
    return (
        f"{said.message[:1].upper()}{said.message[1:]}. {said.remedy}"
        if t.language == "en"
        else f"{said.message}。{said.remedy}"
    )


def _matching(every: Sequence[Approved], words: str | None) -> list[Approved]:
    wanted = (words or "").lower().split()
    found = (each for each in every if all(word in f"{each.question} {each.sql}".lower() for word in wanted))
    return list(found)[:MOST_LISTED]


def _short(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 90 else line[:89] + "…"
