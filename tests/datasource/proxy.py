"""A network that falls silent when it is told to."""

import socket
import threading


class SilentProxy:
    """Between us and the server: passes everything on until it is `silent`; then only the first `answers` of the
    server to each connection.
    """

    def __init__(self, port: int, *, answers: int) -> None:
        self._answers = answers
        self.silent = threading.Event()
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]

    def __enter__(self) -> "SilentProxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._server))
            self._sockets += [near, far]
            threading.Thread(target=self._copy, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near, True), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        pieces = 0
        try:
            while piece := source.recv(65536):
                pieces += 1
                if not (answers and self.silent.is_set() and pieces > self._answers):
                    target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return
