"""A second door to an engine's socket: everything passes, but for its events when a test wants them lost."""

import contextlib
import socket
import threading
from pathlib import Path


class Door:
    """Listens at `path`, as long as it is open, and passes all on to `engine`."""

    def __init__(self, path: Path, *, engine: Path) -> None:
        self.deaf = False  # while set, events are swallowed
        self.path, self._engine = path, engine
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
            engine.connect(str(self._engine))
            connection = _Connection(self, client, engine)
            back = threading.Thread(target=connection.answer, daemon=True)
            back.start()
            connection.ask()
            back.join()


class _Connection:
    def __init__(self, door: Door, client: socket.socket, engine: socket.socket) -> None:
        self._door, self._client, self._engine = door, client, engine
        self._tells_events = False

    def ask(self) -> None:
        """From the agent to the engine."""
        with contextlib.suppress(OSError):
            while data := self._client.recv(65536):
                self._tells_events = self._tells_events or b"/events?" in data.partition(b"\r\n")[0]
                self._engine.sendall(data)
        self._end()

    def answer(self) -> None:
        """From the engine to the agent."""
        with contextlib.suppress(OSError):
            while data := self._engine.recv(65536):
                if not (self._tells_events and self._door.deaf):
                    self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for each in (self._client, self._engine):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
