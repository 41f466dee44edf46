"""What one visitor has in hand while he makes a model his own: a wish that grows, or a run that he looks at."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from pilot.store.runs import Material, Plan, Wish

Stage = Literal["data", "method", "plan", "run"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Draft:
    stage: Stage = "data"
    wish: Wish = field(default_factory=lambda: Wish(()))
    material: Material | None = None
    plan: Plan | None = None
    run: str = ""
    columns: tuple[str, ...] = ()  # that were offered for masking


@dataclass
class Desk:
    """Where his draft lies. Handlers that run beside each other change it, each once it has its answer: so none takes
    back what another changed meanwhile, nor what he chose himself.
    """

    draft: Draft = field(default_factory=Draft)
