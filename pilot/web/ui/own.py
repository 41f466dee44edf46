"""Own your model, as one goes through it: examples, method, plan, training, exam, service.

What is under way lives in the services: a page that is loaded anew, or on another machine, shows the same.
"""

from dataclasses import replace
from typing import Any

import gradio as gr

from pilot.errors import NotFound, PilotError
from pilot.i18n import Language, Texts
from pilot.services import Services
from pilot.store.runs import Run
from pilot.web import curves, owning, panels
from pilot.web.ui.draft import STAGES, Desk, Stage
from pilot.web.ui.examples import ExamplesStep
from pilot.web.ui.labels import Labels, pane
from pilot.web.ui.method import MethodStep
from pilot.web.ui.visit import PRIVATE, Speaker

LOOK_SECONDS = 1.5  # while a run moves


class OwnPanel:
    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        self.desk = gr.State(Desk())
        with gr.Column(elem_classes="card own", elem_id="own"):
            labels(gr.Markdown, value="own.hello")
            self.steps = pane("own-steps")
            self.examples = ExamplesStep(services, labels, speak)
            self.method = MethodStep(services, labels, speak)
            self.plan = self._plan(labels)
            self.run = self._run(labels)
            self.said = gr.Markdown(elem_classes="pane", elem_id="own-said", latex_delimiters=[])
            self.runs = labels(gr.Dropdown, label="own.runs", choices=[], visible=False, elem_id="own-runs")
        self.timer = gr.Timer(LOOK_SECONDS, active=False)

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
        return [self.steps, self.examples.column, self.method.column, self.plan, self.run,
                *self.examples.view, self.planned, self.by_itself, self.start, *self.running, self.said, self.runs,
                self.timer]  # fmt: skip

    @property
    def running(self) -> list[Any]:
        """What shows one run."""
        return [self.told, self.curve, self.exam, self.release, self.stop, self.go_on, self.another, self.delete]

    @property
    def worded(self) -> list[Any]:
        """What `reword` updates."""
        return [*self.view, *self.method.able]

    def wire(self, page: gr.Blocks) -> None:
        examples, method = self.examples, self.method
        examples.arrive(page.load(self._arrive, self.desk, self.view, **PRIVATE), self.desk)
        examples.wire(self.desk)
        method.wire(self.desk)
        examples.next.click(self._to_method, [self.desk, *examples.fields, *method.chosen],
                            [*self.view, method.base, *method.able], **PRIVATE)  # fmt: skip
        method.next.click(self._wait, None, self.said, **PRIVATE).then(
            self._to_plan, [self.desk, *method.fields], self.view, **PRIVATE
        )
        self.start.click(self._start, [self.desk, self.by_itself], self.view, **PRIVATE)
        for button, stage in ((method.back, "data"), (self.back_to_method, "method"), (self.another, "data")):
            button.click(self._to, [gr.State(stage), self.desk], self.view, **PRIVATE)
        self.runs.input(self._open, [self.desk, self.runs], self.view, **PRIVATE)
        for button, handler in ((self.stop, self._stop), (self.go_on, self._go_on), (self.delete, self._delete)):
            button.click(handler, self.desk, self.view, **PRIVATE)
        self.released = self.release.click(self._release, self.desk, self.view, **PRIVATE)
        self.timer.tick(self._tick, self.desk, self.view, **PRIVATE)

    @property
    def worded_from(self) -> list[Any]:
        return [self.desk, *self.method.chosen]

    async def reword(self, language: Language, desk: Desk, base: str | None, *chosen: str | None) -> list[Any]:
        """Updates for `worded`, from `worded_from`, in another language; what was chosen stays chosen."""
        t = Texts(language)
        shown = await self.show(desk, t)
        if desk.draft.stage != "method":
            return [*shown, *[gr.skip()] * len(self.method.able)]
        return [*shown, *await self.method.of_base(base or "", chosen, desk.draft.material, t)]

    async def show(self, desk: Desk, t: Texts, said: str = "") -> list[Any]:
        """Updates for `view`."""
        draft = desk.draft
        runs = await self.services.own.runs()
        run = next((each for each in runs if each.id == draft.run), None) if draft.stage == "run" else None
        if draft.stage == "run" and run is None:
            draft = desk.draft = replace(draft, stage="data", run="")
        step = owning.step_of(run) if run else draft.stage
        return [
            owning.steps(step if step != "run" else "train", t),
            *(gr.update(visible=draft.stage == stage) for stage in STAGES),
            *self.examples.show(draft, t),
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

    # handlers until a run begins

    async def _arrive(self, desk: Desk, request: gr.Request) -> list[Any]:
        """What is under way, else what waits for a decision, else the first step."""
        t, own = self.speak(request), self.services.own
        runs = await own.runs()
        waiting = next((run for run in runs if run.moves), None) or next(
            (run for run in runs[:1] if run.state in ("better", "stopped", "failed")), None
        )
        desk.draft = await self.examples.fresh()
        if waiting is not None:
            desk.draft = replace(desk.draft, stage="run", run=waiting.id)
        return await self.show(desk, t)

    async def _to_method(
        self, desk: Desk, sources: list[str], share: float, mask: list[str], files: list[str] | None,
        base: str | None, request: gr.Request, *chosen: str | None,
    ) -> list[Any]:  # fmt: skip
        t = self.speak(request)
        if tuple(sources) != desk.draft.wish.sources or share / 100 != desk.draft.wish.exam_share:
            await self.examples.choose(desk, sources, share)  # he went on before they were counted
        wish = replace(desk.draft.wish, mask=tuple(mask), files=tuple(files or ()))
        desk.draft = replace(desk.draft, wish=wish)
        if desk.draft.material is None or not (desk.draft.material.enough or wish.files):
            return await self._stay(desk, panels.warn(t("own.data.more_needed")), t)
        overview = await self.services.own.overview()
        if not overview.possible:
            here = self.services.settings.serves_model_here
            return await self._stay(desk, panels.warn(overview.why if here else t("sources.own_elsewhere.remedy")), t)
        bases = await self.method.bases(overview.served, t)
        base = base if base in [name for _, name in bases] else overview.served
        able = await self.method.of_base(base, chosen, desk.draft.material, t)
        desk.draft = replace(desk.draft, stage="method")
        return [*await self.show(desk, t), gr.update(choices=bases, value=base), *able]

    async def _stay(self, desk: Desk, said: str, t: Texts) -> list[Any]:
        """Updates as for `_to_method`, where it cannot go on yet."""
        return [*await self.show(desk, t, said), *[gr.skip()] * (1 + len(self.method.able))]

    def _wait(self, request: gr.Request) -> str:
        return panels.busy(self.speak(request)("own.planning"))

    async def _to_plan(self, desk: Desk, request: gr.Request, *fields: Any) -> list[Any]:
        t, said = self.speak(request), ""
        wish = self.method.wish(desk.draft.wish, *fields)
        try:
            plan = await self.services.own.plan(wish)
        except PilotError as error:
            said = panels.problem(error, t)
        if desk.draft.stage != "method" or said:  # he may have gone back meanwhile
            return await self.show(desk, t, said)
        desk.draft = replace(desk.draft, stage="plan", wish=wish, plan=plan)
        return await self.show(desk, t)

    async def _start(self, desk: Desk, by_itself: bool, request: gr.Request) -> list[Any]:
        t = self.speak(request)
        try:
            run = await self.services.own.start(replace(desk.draft.wish, release=by_itself))
        except PilotError as error:
            return await self.show(desk, t, panels.problem(error, t))
        return await self._at("run", desk, request, run=run.id)

    async def _to(self, stage: Stage, desk: Desk, request: gr.Request) -> list[Any]:
        if stage == "data":
            desk.draft = await self.examples.counted(desk.draft)
        return await self._at(stage, desk, request)

    async def _at(self, stage: Stage, desk: Desk, request: gr.Request, *, run: str = "") -> list[Any]:
        desk.draft = replace(desk.draft, stage=stage, run=run)
        return await self.show(desk, self.speak(request))

    # handlers of a run

    async def _open(self, desk: Desk, run: str | None, request: gr.Request) -> list[Any]:
        return await self._at("run", desk, request, run=run or "")

    async def _tick(self, desk: Desk, request: gr.Request) -> list[Any]:
        """How the run goes on, unless he looks at something else by now."""
        looked_at = desk.draft
        shown = await self.show(desk, self.speak(request))
        shown[self.view.index(self.runs)] = gr.skip()
        return shown if desk.draft == looked_at else [gr.skip() for _ in self.view]

    async def _stop(self, desk: Desk, request: gr.Request) -> list[Any]:
        return await self._done(self.services.own.stop(desk.draft.run), desk, request)

    async def _go_on(self, desk: Desk, request: gr.Request) -> list[Any]:
        return await self._done(self.services.own.go_on(desk.draft.run), desk, request)

    async def _release(self, desk: Desk, request: gr.Request) -> list[Any]:
        shown = await self._done(self.services.own.release(desk.draft.run), desk, request)
        await self.services.look_again()
        return shown

    async def roll_back(self, desk: Desk, request: gr.Request) -> list[Any]:
        """Updates for `view`, once the model before answers again."""
        shown = await self._done(self.services.own.roll_back(), desk, request)
        await self.services.look_again()
        return shown

    async def _delete(self, desk: Desk, request: gr.Request) -> list[Any]:
        return await self._done(self.services.own.delete(desk.draft.run), desk, request)

    async def _done(self, work: Any, desk: Desk, request: gr.Request) -> list[Any]:
        """Everything as it is after this, or why it could not be."""
        t, said = self.speak(request), ""
        try:
            await work
        except PilotError as error:
            said = panels.problem(error, t)
        return await self.show(desk, t, said)
