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
    said, remedy = retold(_key(kind, reason), kept, texts)
    return kind(said, remedy=remedy, reason=reason, **kept)


def sentence(error: PilotError, texts: Texts) -> str:
    """What happened, in the language of `texts` where the reason is known; else the error's own words."""
    return told(error, texts).message


def told(error: E, texts: Texts) -> E:
    """The same error in the reader's language. Errors are made in English; one whose reason is unknown stays so."""
    reason = error.details.get("reason")
    if texts.language == "en" or not isinstance(reason, str) or not texts.has(_key(type(error), reason)):
        return error
    values = {key: value for key, value in error.details.items() if key != "reason"}
    message, remedy = retold(_key(type(error), reason), values, texts)
    return type(error)(message, remedy=remedy or error.remedy, **error.details)


def keyed(error: PilotError) -> tuple[str, dict[str, Any]]:
    """The key of its sentence, and the values in it; "" for an error whose reason is unknown."""
    reason = error.details.get("reason")
    key = _key(type(error), reason) if isinstance(reason, str) else ""
    if not Texts("en").has(key):
        return "", {}
    return key, {name: value for name, value in error.details.items() if name != "reason" and _is_plain(value)}


def retold(key: str, values: Mapping[str, Any], texts: Texts) -> tuple[str, str]:
    """The sentence and the remedy of `keyed`, in any language."""
    near = values.get("near")
    said = texts(key, **values) + (texts("refusals.did_you_mean", near=near) if near else "")
    mends = f"{key}.remedy"
    return said, texts(mends, **values) if texts.has(mends) else ""


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _key(kind: type[PilotError], reason: str) -> str:
    if issubclass(kind, ModelError):
        return f"models.{reason}"
    return f"refusals.{reason}" if issubclass(kind, SqlRejected) else f"sources.{reason}"


def shorten(text: str) -> str:
    """A name as an error can show it: whoever sends 20,000 characters shall not get them back."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
