"""A receipt as people read it: name and value, in their language."""

from dataclasses import asdict

from pilot.chat.events import Receipt
from pilot.i18n import Texts

FIELDS = ("question", "sql", "source", "tables", "columns", "definitions", "model",
          "version", "candidates", "repairs", "rows",
          "truncated", "milliseconds", "total_milliseconds", "row_limit", "seconds_limit", "asked_at")  # fmt: skip


def facts(receipt: Receipt, t: Texts) -> dict[str, tuple[str, str]]:
    """Field -> (its name, its value); what is empty is left out."""
    values = asdict(receipt) | {"model": receipt.model or t(f"ask.made_by.{receipt.made_by}")}
    told = {field: _said(values[field], t) for field in FIELDS}
    return {field: (t(f"web.receipt.{field}"), value) for field, value in told.items() if value}


def _said(value: object, t: Texts) -> str:
    if isinstance(value, bool):
        return t("web.yes" if value else "web.no")
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
