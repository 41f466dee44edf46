"""Every error that Pilot raises on purpose, as one tree.

PilotError
├── ConfigInvalid              config.invalid           500   a setting is wrong; exit code 2 at start
├── InputInvalid               input.invalid            400   a request that makes no sense
├── NotFound                   not_found                404
├── Conflict                   conflict                 409   exists already, in use
├── LoginRequired              auth.required            401
├── Forbidden                  auth.forbidden           403
├── StorageFull                storage.full             507
├── SourceError
│   ├── SourceUnreachable      source.unreachable       502   the database does not answer
│   └── SourceRefused          source.refused           422   wrong password, unknown database, option not allowed
├── SqlError
│   ├── SqlRejected            sql.rejected             422   the guard said no
│   ├── SqlFailed              sql.failed               422   the database said no
│   ├── SqlTimeout             sql.timeout              504   stopped at the time limit
│   └── SqlStopped             sql.stopped              499   its reader left, or pressed stop
├── ModelError
│   ├── ModelUnknown           model.unknown            404
│   ├── ModelUnusable          model.unusable           500   folder half-written, wrong format
│   ├── ModelUnreachable       model.unreachable        502
│   ├── ModelBusy              model.busy               503   queue full (429: of one user's); retry_after in seconds
│   ├── ModelTimeout           model.timeout            504   the answer took longer than allowed
│   ├── ModelFailed            model.failed             502   broke off, or answered garbage
│   ├── ModelUnable            model.unable             422   the served model lacks this ability
│   └── PromptTooLong          model.prompt_too_long    400
├── TrainingRefused            training.refused         422   cannot fit, would not be sharded, no better than before
└── DocumentError
    ├── DocumentUnreadable     document.unreadable      422
    └── IndexMismatch          document.index_mismatch  409   made by another embedder

An error says what happened (`message`), and where one exists, what mends it (`remedy`). `details` holds the
values that the message names, so that the UI can say the same in the reader's language. Neither ever holds a
secret.
"""

from typing import Any


class PilotError(Exception):
    """Root of the tree. `code` is stable: clients may rely on it."""

    code = "error"
    status = 500

    def __init__(self, message: str, *, remedy: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details

    def to_json(self) -> dict[str, dict[str, str]]:
        """The body that both processes send with `status`."""
        return {"error": {"code": self.code, "message": self.message, "remedy": self.remedy}}


class ConfigInvalid(PilotError):
    code, status = "config.invalid", 500


class InputInvalid(PilotError):
    code, status = "input.invalid", 400


class NotFound(PilotError):
    code, status = "not_found", 404


class Conflict(PilotError):
    code, status = "conflict", 409


class LoginRequired(PilotError):
    code, status = "auth.required", 401


class Forbidden(PilotError):
    code, status = "auth.forbidden", 403


class StorageFull(PilotError):
    code, status = "storage.full", 507


class SourceError(PilotError):
    code, status = "source.error", 502


class SourceUnreachable(SourceError):
    code, status = "source.unreachable", 502


class SourceRefused(SourceError):
    code, status = "source.refused", 422


class SqlError(PilotError):
    code, status = "sql.error", 422


class SqlRejected(SqlError):
    code, status = "sql.rejected", 422


class SqlFailed(SqlError):
    code, status = "sql.failed", 422


class SqlTimeout(SqlError):
    code, status = "sql.timeout", 504


class SqlStopped(SqlError):
    code, status = "sql.stopped", 499


class ModelError(PilotError):
    code, status = "model.error", 502


class ModelUnknown(ModelError):
    code, status = "model.unknown", 404


class ModelUnusable(ModelError):
    code, status = "model.unusable", 500


class ModelUnreachable(ModelError):
    code, status = "model.unreachable", 502


class ModelBusy(ModelError):
    code, status = "model.busy", 503

    def __init__(
        self, message: str, *, remedy: str = "", retry_after: int = 1, status: int = 503, **details: Any
    ) -> None:
        super().__init__(message, remedy=remedy, **details)
        self.retry_after = retry_after  # seconds
        self.status = status


class ModelTimeout(ModelError):
    code, status = "model.timeout", 504


class ModelFailed(ModelError):
    code, status = "model.failed", 502


class ModelUnable(ModelError):
    code, status = "model.unable", 422


class PromptTooLong(ModelError):
    code, status = "model.prompt_too_long", 400


class TrainingRefused(PilotError):
    code, status = "training.refused", 422


class DocumentError(PilotError):
    code, status = "document.error", 422


class DocumentUnreadable(DocumentError):
    code, status = "document.unreadable", 422


class IndexMismatch(DocumentError):
    code, status = "document.index_mismatch", 409


def all_errors() -> dict[str, type[PilotError]]:
    """Code -> class, for the whole tree: what a client rebuilds an error from."""
    found: dict[str, type[PilotError]] = {}
    pending: list[type[PilotError]] = [PilotError]
    while pending:
        kind = pending.pop()
        found[kind.code] = kind
        pending.extend(kind.__subclasses__())
    return found
