"""Answers as attachments."""

import asyncio
from typing import Any
from urllib.parse import quote

from fastapi import Response

from pilot.chat.charts import suiting
from pilot.chat.events import ChartKind, ChartSpec, Receipt
from pilot.datasource.base import Rows
from pilot.i18n import Texts
from pilot.web.export import MEDIA, Format, file_name, make

FILES: dict[int | str, dict[str, Any]] = {200: {"content": {media: {} for media in MEDIA.values()}}}


def picked(rows: Rows, kind: ChartKind | None) -> ChartSpec | None:
    """The chart of this kind, or without one the best; None where it does not suit the rows."""
    return next((spec for spec in suiting(rows) if kind in (None, spec.kind)), None)


async def attached(suffix: Format, rows: Rows, receipt: Receipt, chart: ChartSpec | None, t: Texts) -> Response:
    """`x-truncated` says whether a limit cut the rows."""
    content = await asyncio.to_thread(make, suffix, rows, receipt, chart, t)
    name = quote(file_name(receipt.question, suffix), safe="")
    headers = {
        "content-disposition": f"attachment; filename=\"answer.{suffix}\"; filename*=UTF-8''{name}",
        "x-truncated": str(rows.truncated).lower(),
    }
    return Response(content, media_type=MEDIA[suffix], headers=headers)
