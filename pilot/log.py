"""Logging for both processes: one line per event, for people or as JSON, to standard error and to a bounded file in
the data folder.

Questions, rows and secrets are never logged above DEBUG.
"""

import json
import logging
import logging.handlers
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
request_id: ContextVar[str] = ContextVar("request_id", default="")  # of the HTTP request that is being answered
CHATTY = (
    "httpx",
    "httpcore",
    "alembic",
    "chromadb",
    "sentence_transformers",
    "transformers",
    "multipart",
    "bitsandbytes",
    "asyncio",
    "urllib3",
    "gradio",
    "uvicorn",
)
FILE_BYTES = 5_000_000
FILE_COUNT = 3


class Readable(logging.Formatter):
    """A line for people, the request's name behind it."""

    def format(self, record: logging.LogRecord) -> str:
        name = request_id.get()
        line = super().format(record)
        return f"{line} request={name}" if name else line


class Structured(logging.Formatter):
    """A JSON object: time, level, logger, message, request, and whatever `figures` the record carries."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request": request_id.get() or None,
            **getattr(record, "figures", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False)


def configure(
    level: str, *, file: Path | None = None, quiet: bool = False, form: Literal["text", "json"] = "text"
) -> None:
    """Called once by a door; other code only calls `logging.getLogger(__name__)`. `quiet`: to the file alone."""
    handlers: list[logging.Handler] = [] if quiet else [logging.StreamHandler()]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(
            logging.handlers.RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILE_COUNT, encoding="utf-8")
        )
    for handler in handlers:
        handler.setFormatter(Structured() if form == "json" else Readable(FORMAT))
    logging.basicConfig(level=level, handlers=handlers, force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # its warnings quote pieces of statements
