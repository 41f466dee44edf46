"""What an account can do beyond reading, and how people are told."""

from dataclasses import dataclass
from typing import Literal

from pilot.i18n import Texts

Power = Literal["superuser", "files", "write", "create", "settings"]


@dataclass(frozen=True)
class Risk:
    """What an account can do beyond reading. `grants` are the statements that make one that cannot."""

    account: str
    powers: tuple[Power, ...]
    rights: tuple[str, ...]  # as the server calls them; empty where it has no names for them
    grants: tuple[str, ...]


def risk_sentence(risk: Risk, texts: Texts) -> str:
    """What an account can do beyond reading, in one sentence."""
    powers = [texts(f"sources.risk.{power}") for power in risk.powers]
    can = texts("sources.risk.and").join([", ".join(powers[:-1]), powers[-1]] if powers[1:] else powers)
    rights = f" ({', '.join(risk.rights)})" if risk.rights else ""
    return texts("sources.risk", account=risk.account, can=can + rights)
