"""The login of a page that has a password: who may come in, and how often one may guess."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict, deque
from importlib.resources import files

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from pilot.errors import LoginRequired
from pilot.i18n import Language, Texts
from pilot.store import Store
from pilot.web.language import language_of
from pilot.web.middleware import refuse
from pilot.web.words import plain

COOKIE = "pilot_session"
OPEN_PATHS = frozenset({"/login", "/health"})
OPEN_FOLDER = "/assets/"
SESSION_SECONDS = 14 * 24 * 3600
GUESSES, GUESS_SECONDS = 5, 60.0  # wrong passwords per address, within so many seconds
ADDRESSES = 10_000  # remembered at once
HASHING = 2  # at once: each takes 64 MB and a tenth of a second


class Guesses:
    """How long an address must wait after wrong passwords."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until the next guess may be made; 0: now."""
        recent = self._wrong.get(address, deque())
        while recent and recent[0] < time.monotonic() - GUESS_SECONDS:
            recent.popleft()
        return 0 if len(recent) < GUESSES else int(recent[0] + GUESS_SECONDS - time.monotonic()) + 1

    def wrong(self, address: str) -> None:
        self._wrong.setdefault(address, deque(maxlen=GUESSES)).append(time.monotonic())
        self._wrong.move_to_end(address)
        if len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)


class Password:
    """Kept only as an argon2id hash. A password that was right once is known by a keyed digest from then on, so that
    an API client does not pay a tenth of a second each time.
    """

    def __init__(self, password: str) -> None:
        self._hasher = PasswordHasher()
        self._hash = self._hasher.hash(password)
        self._key = secrets.token_bytes(32)
        self._known = b""
        self._places = CapacityLimiter(HASHING)
        self.guesses = Guesses()

    async def right(self, attempt: str, address: str) -> bool:
        """Counts a wrong attempt; refuses to look at one while the address has to wait."""
        digest = hmac.digest(self._key, attempt.encode("utf-8", errors="replace"), hashlib.sha256)
        if hmac.compare_digest(digest, self._known):
            return True
        if self.guesses.wait(address):
            return False
        if await to_thread.run_sync(self._verify, attempt, limiter=self._places):
            self._known = digest
            return True
        self.guesses.wrong(address)
        return False

    def _verify(self, attempt: str) -> bool:
        try:
            return self._hasher.verify(self._hash, attempt.encode("utf-8", errors="replace"))
        except (VerificationError, InvalidHashError):
            return False


class Gate:
    """Lets through who has a session, or sends the password as a bearer token. Pure ASGI, before every route."""

    def __init__(self, app: ASGIApp, *, store: Store, password: Password) -> None:
        self.app = app
        self._store = store
        self._password = password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]) or await self._known(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and _wants_page(scope):
            await RedirectResponse("/login", 303)(scope, receive, send)
        else:
            remedy = "Log in at /login, or send the header Authorization: Bearer PASSWORD."
            await refuse(LoginRequired("this needs a login", remedy=remedy), scope, receive, send)

    async def _known(self, scope: Scope) -> bool:
        connection = HTTPConnection(scope)
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            attempt = token.strip(" ").encode("latin-1").decode("utf-8", errors="replace")  # headers come as Latin-1
            return await self._password.right(attempt, _address(connection))
        session = connection.cookies.get(COOKIE, "")
        return bool(session) and await asyncio.to_thread(self._store.session_valid, session)


def login_routes(store: Store, password: Password, *, default: Language) -> APIRouter:
    """The login page and the way out."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def page(request: Request) -> HTMLResponse:
        return _page(_texts(request, default))

    @router.post("/login")
    async def enter(request: Request) -> Response:
        t = _texts(request, default)
        async with request.form(max_files=0, max_fields=4) as form:
            attempt = str(form.get("password", ""))
        address = _address(request)
        if seconds := password.guesses.wait(address):
            refusal = _page(t, t("web.login.wait", seconds=seconds), status=429)
            refusal.headers["retry-after"] = str(seconds)
            return refusal
        if not await password.right(attempt, address):
            return _page(t, t("web.login.wrong"), status=401)
        session = await asyncio.to_thread(store.create_session)
        response = RedirectResponse("/", 303)
        response.set_cookie(COOKIE, session, max_age=SESSION_SECONDS, httponly=True, samesite="lax",
                            secure=request.url.scheme == "https")  # fmt: skip
        return response

    @router.post("/logout")
    async def leave(request: Request) -> Response:
        await asyncio.to_thread(store.delete_session, request.cookies.get(COOKIE, ""))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    return router


def _page(t: Texts, problem: str = "", *, status: int = 200) -> HTMLResponse:
    """The template has {{key}} where a sentence of `web.login.` goes."""
    html = files("pilot.web").joinpath("ui/assets/login.html").read_text(encoding="utf-8")
    for key in ("title", "hello", "why", "password", "enter"):
        html = html.replace(f"{{{{{key}}}}}", plain(t(f"web.login.{key}")))
    html = html.replace("{{problem}}", f'<p class="problem" role="alert">{plain(problem)}</p>' if problem else "")
    return HTMLResponse(html.replace("{{language}}", "zh-CN" if t.language == "zh" else "en"), status)


def _texts(request: Request, default: Language) -> Texts:
    return Texts(language_of(request.cookies, request.headers.get("accept-language", ""), default=default))


def _address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _wants_page(scope: Scope) -> bool:
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
