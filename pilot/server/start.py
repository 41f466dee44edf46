"""Start both processes, say when the page is there, and end both together. What `./run.sh` runs.

An LLM server that dies is started again, so that the page recovers by itself.
"""

import ctypes
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[0] = str(ROOT)  # run as a script, this folder would come first: its names would shadow others

from pilot import config  # noqa: E402
from pilot.errors import ConfigInvalid  # noqa: E402

DOORS = ROOT / "pilot" / "server"
READY_SECONDS = 900  # a 65B model from a slow disk
PAGE_SECONDS = 300  # the first start from a slow disk, while others use the machine
END_SECONDS = 10
RESTARTS = 3
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy in the environment is not for us


class Interrupted(Exception):
    """Ctrl-C or SIGTERM."""


def main() -> int:
    try:
        settings = config.load()
    except ConfigInvalid as error:
        return fail(f"{error.message} {error.remedy}", code=2)
    for key in config.unknown_keys(ROOT / ".env"):
        say(f"note: .env has {key}, which Pilot does not know; it is ignored")
    ports = [settings.web_server_port] + ([settings.model_port] if settings.serves_model_here else [])
    for port in ports:
        if taken(port):
            return fail(f"port {port} is taken. Stop what listens there, or set another port in .env", code=1)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _interrupt)
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        return run(settings, children)
    except Interrupted:
        return 0
    finally:
        end(children)


def run(settings: config.Settings, children: dict[str, subprocess.Popen[bytes]]) -> int:
    started = time.monotonic()
    if settings.serves_model_here:
        children["llmserver"] = launch("llmserver.py")
        model = wait(
            "1/2", f"loading the model {settings.llm_model}", f"http://127.0.0.1:{settings.model_port}/ready",
            READY_SECONDS, children["llmserver"],
        )  # fmt: skip
        if not model:
            return fail("the LLM server did not start", code=1)
    else:
        say(f"[1/2] using the model server at {settings.model_url}")
    children["webserver"] = launch("webserver.py")
    page = f"http://127.0.0.1:{settings.web_server_port}"
    if not wait("2/2", "starting the page", f"{page}/health", PAGE_SECONDS, children["webserver"]):
        return fail("the webserver did not start", code=1)
    say(f"Pilot is ready after {time.monotonic() - started:.0f} s: open {page}  (Ctrl-C ends it)")
    return watch(children)


def watch(children: dict[str, subprocess.Popen[bytes]]) -> int:
    """Until a signal, or until a process is lost for good."""
    restarts = 0
    while True:
        time.sleep(0.5)
        if children["webserver"].poll() is not None:
            return fail("the webserver ended; data/logs/webserver.log says why", code=1)
        model = children.get("llmserver")
        if model is not None and model.poll() is not None:
            restarts += 1
            if restarts > RESTARTS:
                return fail(f"the LLM server ended {restarts} times; data/logs/llmserver.log says why", code=1)
            say("the LLM server ended; starting it again")
            children["llmserver"] = launch("llmserver.py")


def wait(step: str, what: str, url: str, seconds: float, child: subprocess.Popen[bytes]) -> bool:
    """Show progress until `url` answers 200. False when the process ended or the time is up."""
    start = time.monotonic()
    live = sys.stderr.isatty()
    if not live:
        say(f"[{step}] {what} ...")
    while (passed := time.monotonic() - start) < seconds:
        if child.poll() is not None:
            return False
        if live:
            sys.stderr.write(f"\r[{step}] {what} ... {passed:.0f} s")
            sys.stderr.flush()
        if answers(url):
            say(f"{chr(13) if live else ''}[{step}] {what}: done in {time.monotonic() - start:.1f} s ")
            return True
        time.sleep(0.2)
    return False


def answers(url: str) -> bool:
    try:
        with DIRECT.open(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def launch(door: str) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches only this process, which ends the others in order."""
    command = [sys.executable, str(DOORS / door), "--quiet"]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, preexec_fn=_die_with_parent())


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux a child gets SIGTERM when this process is killed: nothing is left behind."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    pr_set_pdeathsig = 1  # linux/prctl.h
    return lambda: libc.prctl(pr_set_pdeathsig, signal.SIGTERM)


def end(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # a second Ctrl-C must not leave one process behind
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    for child in children.values():
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def fail(text: str, *, code: int) -> int:
    say(f"error: {text}")
    return code


def _interrupt(_number: int, _frame: object) -> None:
    raise Interrupted


if __name__ == "__main__":
    sys.exit(main())
