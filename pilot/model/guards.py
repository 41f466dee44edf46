"""What is refused before any route sees it: a body that is too large, a request without the key."""

import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilot.errors import InputInvalid, LoginRequired
from pilot.model.wire import error_body

TOO_LARGE = 413  # HTTP status
OPEN = ("/health", "/ready")  # asked by what starts and watches the server, which holds no key


class BodyLimit:
    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        size = 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self._most:
                error = InputInvalid(f"the request has more than {self._most:,} bytes", remedy="Send less at once.")
                await JSONResponse(error_body(error), TOO_LARGE)(scope, receive, send)
                return
            if not message.get("more_body"):
                break
        messages.reverse()

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, again, send)


class KeyCheck:
    """`Authorization: Bearer <key>` on every path but those in OPEN."""

    def __init__(self, app: ASGIApp, *, key: str) -> None:
        self._app = app
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN or self._fits(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        error = LoginRequired("this server demands a key", remedy="Send LLM_API_KEY as 'Authorization: Bearer ...'.")
        refusal = JSONResponse(error_body(error), error.status, headers={"WWW-Authenticate": "Bearer"})
        await refusal(scope, receive, send)

    def _fits(self, headers: Headers) -> bool:
        return hmac.compare_digest(headers.get("authorization", "").encode(), self._expected)  # in constant time
