"""Why a database or the guard says no: the error for each reason, and its sentence by language.

`i18n/*/refusals.json` holds what the guard says, `sources.json` what sources say, `models.json` what model servers say;
`KEY.remedy` is what mends it.
An error keeps its reason and the values, so that any reader can be told in his own language.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from pilot.errors import ModelError, PilotError, SqlRejected
from pilot.i18n import Texts

LONGEST = 200  # characters of a value in a sentence
E = TypeVar("E", bound=PilotError)


def refuse(reason: str, **values: str | int | None) -> SqlRejected:
    """The guard's error for `reason`; `near` is a name that may have been meant."""
    return fault(SqlRejected, reason, **values)


def fault(kind: type[E], reason: str, **values: str | float | None) -> E:
    """The error for `reason`, in English. Its details hold the reason and the values."""
    kept: dict[str, Any] = {key: shorten(value) if isinstance(value, str) else value for key, value in values.items()}
    texts = Texts("en")
    return kind(_said(kind, reason, kept, texts), remedy=_remedy(kind, reason, kept, texts), reason=reason, **kept)


def sentence(error: PilotError, texts: Texts) -> str:
    """What happened, in the language of `texts` where the reason is known; else the error's own words."""
    return told(error, texts).message


def told(error: E, texts: Texts) -> E:
    """The same error in the reader's language. Errors are made in English; one whose reason is unknown stays so."""
    reason = error.details.get("reason")
    if texts.language == "en" or not isinstance(reason, str) or not texts.has(_key(type(error), reason)):
        return error
    values = {key: value for key, value in error.details.items() if key != "reason"}
    message, remedy = _said(type(error), reason, values, texts), _remedy(type(error), reason, values, texts)
    return type(error)(message, remedy=remedy or error.remedy, **error.details)


def _said(kind: type[PilotError], reason: str, values: Mapping[str, Any], texts: Texts) -> str:
    near = values.get("near")
    return texts(_key(kind, reason), **values) + (texts("refusals.did_you_mean", near=near) if near else "")


def _remedy(kind: type[PilotError], reason: str, values: Mapping[str, Any], texts: Texts) -> str:
    key = f"{_key(kind, reason)}.remedy"
    return texts(key, **values) if texts.has(key) else ""


def _key(kind: type[PilotError], reason: str) -> str:
    if issubclass(kind, ModelError):
        return f"models.{reason}"
    return f"refusals.{reason}" if issubclass(kind, SqlRejected) else f"sources.{reason}"


def shorten(text: str) -> str:
    """A name as an error can show it: whoever sends 20,000 characters shall not get them back."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
