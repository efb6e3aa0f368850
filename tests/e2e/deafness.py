"""A second door to an engine's socket: everything passes, but for what a test wants lost or refused.

It knows just enough of HTTP: a request begins with its line, and the next one comes after the answer.
"""

import contextlib
import re
import socket
import threading
from pathlib import Path

REFUSAL = "HTTP/1.1 {code} No\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"


class Door:
    """Listens at `path`, as long as it is open, and passes all on to `engine`."""

    def __init__(self, path: Path, *, engine: Path) -> None:
        self.deaf = False  # while set, events are swallowed
        self.lost: list[str] = []  # the lines of requests whose answers were lost
        self.refused: list[str] = []  # and of those that never reached the engine
        self.held: list[str] = []  # and of those that waited before the door
        self.path, self._engine = path, engine
        self._lose: str | None = None
        self._refuse: tuple[str, int, str] | None = None
        self._break: str | None = None
        self._hold = ""
        self._passes = threading.Event()
        self._passes.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_answer(self, pattern: str) -> None:
        """The engine does the next request of that kind, and nobody hears of it: the connection breaks."""
        self._lose = pattern

    def break_off(self, pattern: str) -> None:
        """The engine is asked the next request of that kind, and the connection breaks before it answers."""
        self._break = pattern

    def hold(self, pattern: str) -> None:
        """Requests of that kind wait before the door until it is mended."""
        self._passes.clear()
        self._hold = pattern

    def refuse(self, pattern: str, *, code: int, message: str) -> None:
        """Requests of that kind are answered like this, until the door is mended."""
        self._refuse = (pattern, code, message)

    def mend(self) -> None:
        """Everything passes."""
        self.deaf, self._lose, self._refuse, self._break, self._hold = False, None, None, None, ""
        self._passes.set()

    def loses(self, line: str) -> bool:
        """Whether the answer to this request is to be lost; only the first one is."""
        if self._lose is None or not re.search(self._lose, line):
            return False
        self._lose = None
        self.lost.append(line)
        return True

    def breaks(self, line: str) -> bool:
        """Whether the connection is to break once the engine was asked this; only the first time."""
        if self._break is None or not re.search(self._break, line):
            return False
        self._break = None
        self.lost.append(line)
        return True

    def wait(self, line: str) -> None:
        """As long as this request is to wait."""
        if self._hold and re.search(self._hold, line):
            self.held.append(line)
            self._passes.wait()

    def refusal(self, line: str) -> bytes:
        """What is answered in place of the engine; empty if it is to answer itself."""
        if self._refuse is None or not re.search(self._refuse[0], line):
            return b""
        self.refused.append(line)
        _, code, message = self._refuse
        body = f'{{"message": "{message}"}}'
        return REFUSAL.format(code=code, length=len(body), body=body).encode()

    def close(self) -> None:
        self._passes.set()
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
        self._mute = False

    def ask(self) -> None:
        """From the agent to the engine."""
        with contextlib.suppress(OSError):
            while data := self._client.recv(65536):
                line = data.partition(b"\r\n")[0].decode(errors="replace")
                self._tells_events = self._tells_events or "/events?" in line
                refusal = self._door.refusal(line)
                if refusal:
                    self._client.sendall(refusal)
                    continue
                self._door.wait(line)
                self._mute = self._mute or self._door.loses(line)
                self._engine.sendall(data)
                if self._door.breaks(line):
                    break
        self._end()

    def answer(self) -> None:
        """From the engine to the agent."""
        with contextlib.suppress(OSError):
            while data := self._engine.recv(65536):
                if self._mute:
                    break
                if not (self._tells_events and self._door.deaf):
                    self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for each in (self._client, self._engine):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
