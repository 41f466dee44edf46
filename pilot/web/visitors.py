"""Whose question is asked: a name without a meaning, the same for all that one visitor asks, so that a model which many
wait for is shared fairly between them.
"""

import hashlib
import secrets
from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from pilot.client import visitor
from pilot.web.auth import COOKIE


def remember(cookies: Mapping[str, str], otherwise: str) -> None:
    """From here on, all that this handler asks is asked in the name of its login or, where nobody logs in, of
    `otherwise`.
    """
    visitor.set(hashlib.sha256((cookies.get(COOKIE) or otherwise).encode()).hexdigest()[:32])


class Visitors:
    """For the REST doors, by address; the page knows its visitors by its own sessions."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._salt = secrets.token_hex(16)  # else a hash would tell the address to whoever tries them all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            connection = HTTPConnection(scope)
            remember(connection.cookies, self._salt + (connection.client.host if connection.client else ""))
        await self.app(scope, receive, send)
