"""A hub on this machine: the few routes of the hub's API that fetching a model asks for, over a real folder."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


@dataclass
class FakeHub:
    """`cut`: files of which the first answer ends after so many bytes. `refused`: files that it does not give.
    `given`: every file that it sent, in order.
    """

    repo: str
    folder: Path
    url: str = ""
    cut: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    given: list[str] = field(default_factory=list)


@contextlib.contextmanager
def hub(repo: str, folder: Path) -> Iterator[FakeHub]:
    found = FakeHub(repo, folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (Answers,), {"hub": found}))
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Answers(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith(f"/api/models/{self.hub.repo}"):
            self._info()
        elif path.startswith(f"/{self.hub.repo}/resolve/"):
            self._file(self.hub.folder / path.rsplit("/", 1)[-1])
        else:
            self._send(b'{"error": "Repository not found"}', 404, {"X-Error-Code": "RepoNotFound"})

    def _info(self) -> None:
        files = [{"rfilename": file.name, "size": file.stat().st_size} for file in sorted(self.hub.folder.iterdir())]
        body = {"id": self.hub.repo, "sha": COMMIT, "siblings": files, "tags": [], "private": False, "downloads": 0}
        self._send(json.dumps(body).encode(), 200, {"Content-Type": "application/json"})

    def _file(self, file: Path) -> None:
        if not file.is_file():
            self._send(b"", 404, {"X-Error-Code": "EntryNotFound"})
            return
        if file.name in self.hub.refused:
            self._send(b"", 403, {})
            return
        if self.command == "GET":
            self.hub.given.append(file.name)
        whole = file.read_bytes()
        names = {"ETag": f'"{hashlib.sha256(whole).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            names["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        self._send(whole[start:], 206 if start else 200, names, cut=self._cut(file.name))

    def _cut(self, name: str) -> int | None:
        return self.hub.cut.pop(name, None) if self.command == "GET" else None

    def _send(self, body: bytes, status: int, headers: dict[str, str], *, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
