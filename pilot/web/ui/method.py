"""The second step of a model of one's own: what it starts from and how it learns, as far as this machine can."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import gradio as gr

from pilot.datasource.refusals import told
from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.services import Services
from pilot.services.material import too_few_pairs
from pilot.store.runs import Backend, Material, Method, Objective, Wish
from pilot.web import owning
from pilot.web.ui.draft import Desk
from pilot.web.ui.labels import Labels, pane
from pilot.web.ui.visit import PRIVATE, Speaker

BUNDLED = "pilot-text-to-sql"
METHODS: tuple[Method, ...] = get_args(Method)
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
BACKENDS: tuple[Backend, ...] = get_args(Backend)
PATIENCE = 2  # rounds without gain, where a training may end early


class MethodStep:
    """`next` and `back` are for its owner to wire."""

    def __init__(self, services: Services, labels: Labels, speak: Speaker) -> None:
        self.services, self.speak = services, speak
        with gr.Column(visible=False, elem_id="own-method") as self.column:
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
                self.next = labels(gr.Button, value="own.next", variant="primary", size="sm", scale=0, min_width=120,
                                   elem_id="own-to-plan")  # fmt: skip
                self.back = labels(gr.Button, value="own.earlier", size="sm", elem_classes="quiet")

    @property
    def able(self) -> list[Any]:
        """What depends on the model to start from."""
        return [self.choice, self.objective, self.backend, self.unable]

    @property
    def fields(self) -> list[Any]:
        """What `wish` takes."""
        return [self.base, self.choice, self.objective, self.backend, self.early, self.epochs, self.memory]

    @property
    def chosen(self) -> list[Any]:
        """What `of_base` takes, after the desk."""
        return [self.base, self.choice, self.objective, self.backend]

    def wire(self, desk: gr.State) -> None:
        self.base.input(self._methods, [desk, *self.chosen], self.able, trigger_mode="always_last", **PRIVATE)

    @staticmethod
    def wish(
        wish: Wish,
        base: str | None,
        method: Method,
        objective: Objective,
        backend: Backend,
        early: bool,
        epochs: float,
        memory: float,
    ) -> Wish:
        """The same, with what was chosen here."""
        return replace(
            wish, base=base or "", method=method, objective=objective, backend=backend,
            patience=PATIENCE if early else 0, epochs=epochs or 0, memory_gib=memory or 0,
        )  # fmt: skip

    async def bases(self, served: str, t: Texts) -> list[tuple[str, str]]:
        offers = (await self.services.serving()).models
        able = [offer.name for offer in offers if offer.file_bytes and not offer.message and not offer.base]
        return [(t("own.base.served", name=name) if name == served else name, name)
                for name in dict.fromkeys((served, *able)) if name]  # fmt: skip

    async def _methods(self, desk: Desk, base: str, request: gr.Request, *chosen: str | None) -> list[Any]:
        return await self.of_base(base, chosen, desk.draft.material, self.speak(request))

    async def of_base(self, base: str, chosen: Sequence[str | None], material: Material | None, t: Texts) -> list[Any]:
        """Updates for `able`: what can run for this base, and why the others cannot. What is chosen and can run is not
        told again: he may have chosen otherwise before this arrives.
        """
        offers = {offer.name: offer for offer in (await self.services.serving()).models}
        bundled = base not in offers or offers[base].family == BUNDLED
        few, no_unsloth = too_few_pairs(_pairs(material)), self.services.own.no_unsloth()
        methods = METHODS[:1] if bundled else METHODS
        objectives = OBJECTIVES[:1] if bundled or few else OBJECTIVES
        backends = BACKENDS[:1] if bundled or no_unsloth else BACKENDS
        names: dict[str, str] = {
            **{name: t(f"own.method.{name}") for name in METHODS},
            **({"auto": t("own.method.full")} if bundled else {}),
            **{name: _objective(name, material, t) for name in OBJECTIVES},
            **{name: t(f"own.backend.{name}") for name in BACKENDS},
        }
        left = [
            (t("own.method.not.bundled"), [*METHODS[2:], *OBJECTIVES[1:], *BACKENDS[1:]] if bundled else []),
            (_reason(few, t), OBJECTIVES[1:] if few and not bundled else ()),
            (_reason(no_unsloth, t), BACKENDS[1:] if no_unsloth and not bundled else ()),
        ]
        offered = ((able, [(names[name], name) for name in able]) for able in (methods, objectives, backends))
        return [
            *(gr.update(choices=choices, visible=number == 0 or len(able) > 1, **_first_unless(now, able))
              for number, (now, (able, choices)) in enumerate(zip(chosen, offered, strict=True))),
            owning.unable([(why, [names[name] for name in those]) for why, those in left], t),
        ]  # fmt: skip


def _first_unless(chosen: str | None, able: Sequence[str]) -> dict[str, str]:
    return {} if chosen in able else {"value": able[0]}


def _objective(name: Objective, material: Material | None, t: Texts) -> str:
    """With how much there is of it."""
    said = t(f"own.objective.{name}")
    return said if name == "sft" else f"{said} · {t('own.objective.pairs', count=_pairs(material))}"


def _pairs(material: Material | None) -> int:
    return material.pairs if material else 0


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
