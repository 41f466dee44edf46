"""What stands before every route, as pure ASGI: headers that bind the browser, whose requests are served, how large."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilot.errors import Forbidden, InputInvalid, PilotError

# Gradio's page has inline scripts and styles. img-src keeps an image in an answer from calling home.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'self'; form-action 'self'; object-src 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # no-referrer would make a browser send our own forms with Origin: null
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
UPLOAD_PATHS = ("/ui/gradio_api/upload", "/api/v1/spaces/")
UPLOAD_DOOR = "/api/v1/sources"  # it alone, not what lies below
UPLOADED_AT_ONCE = 20  # files of the largest size in one request
BODY_BYTES = 4_000_000


class SafeHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class Before:
    """Put `tag` before everything else in the head of the page that lies at the root of this app."""

    def __init__(self, app: ASGIApp, *, tag: str) -> None:
        self.app = app
        self._head = f"<head>{tag}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}

        async def with_tag(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if start:  # the page comes in one piece
                message["body"] = message.get("body", b"").replace(b"<head>", self._head, 1)
                MutableHeaders(scope=start)["content-length"] = str(len(message["body"]))
                await send(dict(start))
                start.clear()
            await send(message)

        page = scope["type"] == "http" and scope["path"].removeprefix(scope.get("root_path", "")) == "/"
        await self.app(scope, receive, with_tag if page else send)


class OwnPagesOnly:
    """Refuse requests that another site's page makes: by its Origin, or by a name that it pointed at this machine.

    `any_name` lets every Host through: behind a password, DNS rebinding gains nothing, since it has no cookie.
    """

    def __init__(self, app: ASGIApp, *, any_name: bool) -> None:
        self.app = app
        self._any_name = any_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._any_name and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            await refuse(Forbidden(f"the name {host!r} is not served", remedy=OTHER_NAME), scope, receive, send)
        elif origin is not None and urlsplit(origin).netloc != host:
            await refuse(Forbidden("requests from other sites are not served"), scope, receive, send)
        else:
            await self.app(scope, receive, send)


OTHER_NAME = "Open http://127.0.0.1 with the port, or set WEB_PASSWORD to allow other names."


class BodyLimit:
    """Refuse bodies that are larger than any honest one, before they are read."""

    def __init__(self, app: ASGIApp, *, file_bytes: int) -> None:
        self.app = app
        self._upload_bytes = file_bytes * UPLOADED_AT_ONCE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        takes_files = scope["path"] == UPLOAD_DOOR or scope["path"].startswith(UPLOAD_PATHS)
        limit = self._upload_bytes if takes_files else BODY_BYTES
        said = Headers(scope=scope).get("content-length", "0")
        if not said.isdigit() or int(said) > limit:
            await refuse(_too_large(limit), scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:  # sent in chunks, so that no header told
                raise HTTPException(413, _too_large(limit).message)
            return message

        await self.app(scope, counted, send)


def _too_large(limit: int) -> PilotError:
    error = InputInvalid(f"the request has more than {limit} bytes", remedy="Send less at once.", limit=limit)
    error.status = 413
    return error


async def refuse(error: PilotError, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse(error.to_json(), error.status)(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
