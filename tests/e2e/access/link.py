"""A link that can be hurt: a TCP proxy before an API server that falls silent, is cut, or heals."""

import contextlib
import socket
import threading
from pathlib import Path

from kohakuriver.client import config
from kohakuriver.client.config import Connection

_PIECE = 1 << 16


class Link:
    """One way to the API server of a config file, and a config file that leads over it."""

    def __init__(self, through: Path, folder: Path) -> None:
        self._there = config.load(through)
        host, _, port = self._there.server.removeprefix("https://").rpartition(":")
        self._target = (host, int(port))
        self._open = threading.Event()
        self._open.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        here = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.config = folder / "over-the-link"
        mine = Connection(here, token=self._there.token, ca=self._there.ca)
        config.write(self.config, mine, cluster="link", user="admin")
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self) -> None:
        """Nothing gets through, and nobody is told: a cable pulled, a laptop asleep."""
        self._open.clear()

    def heal(self) -> None:
        """What was under way in silence is lost with its connections; new ones work."""
        self.cut()
        self._open.set()

    def cut(self) -> None:
        """Every connection is reset; new ones work."""
        pairs, self._pairs = self._pairs, []
        for one in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        self._listener.close()
        self.heal()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._open.wait()
                try:
                    far = socket.create_connection(self._target)
                except OSError:
                    near.close()
                    continue
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pairs.append((near, far))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE):
                if not self._open.is_set():
                    return  # swallowed; the connection stays, and says nothing any more
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
