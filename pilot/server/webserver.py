"""The door of the web process: flags, settings, one port, and a clean end.

python pilot/server/webserver.py [--host 127.0.0.1] [--port 6006] [--model-server http://127.0.0.1:8000]
"""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import uvicorn
from fastapi import FastAPI

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[0] = str(ROOT)  # run as a script, this folder would come first: its names would shadow others

from pilot import config, log  # noqa: E402
from pilot.config import Settings  # noqa: E402
from pilot.errors import ConfigInvalid, Conflict, PilotError  # noqa: E402
from pilot.web.fast_import import lean_gradio  # noqa: E402
from pilot.web.middleware import is_loopback  # noqa: E402

QUIET = {  # no request to the makers of our libraries
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}
GRACE_SECONDS = 4  # for answers that still stream when the process is told to end


class Server(uvicorn.Server):
    """Says when the page is there, unless whoever started it does; raises why it is not."""

    def __init__(self, app: FastAPI, address: str) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, server_header=False,
                                        timeout_graceful_shutdown=GRACE_SECONDS))  # fmt: skip
        self._app = app
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        told = logging.getLogger("uvicorn.error")
        told.disabled = True  # it would show a whole trace of what `main` says in one line
        try:
            await super().startup(sockets)
        except SystemExit:
            raise self._app.state.start_error from None
        finally:
            told.disabled = False
        if self._address:
            sys.stdout.write(f"Pilot's page is at {self._address}\n")
            sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    flags, quiet = _flags(arguments)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _leave)
    try:
        settings = config.load(**flags)
        return serve(settings, quiet=quiet)
    except ConfigInvalid as error:
        return _fail(error, code=2)
    except PilotError as error:
        return _fail(error, code=1)


def serve(settings: Settings, *, quiet: bool = False) -> int:
    """Check what can be checked in a moment, then load the rest. Raises PilotError before anything listens."""
    _demand_password(settings)
    with _bound(settings.web_server_host, settings.web_server_port) as listener:
        uploads = _prepared(settings.data_dir)
        log_file = settings.data_dir / "logs" / "webserver.log"
        log.configure(settings.log_level, file=log_file, quiet=quiet, form=settings.log_format)
        os.environ.update(QUIET, GRADIO_TEMP_DIR=str(uploads))
        with lean_gradio():
            create_app = import_module("pilot.web.app").create_app
            services = import_module("pilot.services").Services.open(settings)
        app = create_app(services, uploads=uploads)
        Server(app, "" if quiet else _address(settings)).run(sockets=[listener])
        return 0


def _demand_password(settings: Settings) -> None:
    if not is_loopback(settings.web_server_host) and settings.web_password is None:
        raise ConfigInvalid(
            f"the page would be open to others on {settings.web_server_host}, without a password",
            remedy="Set WEB_PASSWORD in .env, or listen on 127.0.0.1.",
        )


def _bound(host: str, port: int) -> socket.socket:
    """The port is ours from here on; connections are taken once the page is there."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ConfigInvalid(f"{host!r} is no address", remedy="Correct WEB_SERVER_HOST.") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise Conflict(
            f"cannot listen on {host} port {port}: {error.strerror}",
            remedy="Stop what listens there, or choose another port with --port or WEB_SERVER_PORT.",
        ) from error
    return listener


def _prepared(data_dir: Path) -> Path:
    """The folder for uploads, private to this account; proves that the data folder can be written."""
    uploads = data_dir / "uploads"
    try:
        uploads.mkdir(parents=True, exist_ok=True)
        uploads.chmod(0o700)
        probe = data_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Conflict(
            f"cannot write in the data folder {data_dir}: {error.strerror}",
            remedy="Give this account the right to, or set DATA_DIR to another folder.",
        ) from error
    return uploads


def _flags(arguments: Sequence[str] | None) -> tuple[dict[str, Any], bool]:
    """The flags given, as settings: `config` checks them, so that a wrong one reads like a wrong setting. And whether
    the log goes to its file alone.
    """
    parser = argparse.ArgumentParser(description="Serve Pilot's page and its REST doors.", epilog="Settings: .env.")
    parser.add_argument(
        "--host", dest="web_server_host", help="address to listen on; others than this machine's own need WEB_PASSWORD"
    )
    parser.add_argument("--port", dest="web_server_port", help="port to listen on")
    parser.add_argument(
        "--model-server", dest="model_server", help="where the LLM server is, or any OpenAI-compatible one"
    )
    parser.add_argument("--quiet", action="store_true", help="log to data/logs/webserver.log alone")
    given = vars(parser.parse_args(arguments))
    quiet = given.pop("quiet")
    return {name: value for name, value in given.items() if value is not None}, quiet


def _address(settings: Settings) -> str:
    host = settings.web_server_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.web_server_port}"


def _leave(*_: object) -> NoReturn:
    """While loading: at once. Later uvicorn ends in good order first, then raises the signal again."""
    raise SystemExit(0)


def _fail(error: PilotError, *, code: int) -> int:
    sys.stderr.write(f"error: {error.message}. {error.remedy}".rstrip() + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
