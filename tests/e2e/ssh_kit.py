"""OpenSSH where `kohakuriver ssh-config --install` was typed: `ssh NAME.vps` and its relatives."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.e2e.conftest import Cluster, eventually

ECHO = """\
import socket, threading
def serve(made):
    got = b""
    while part := made.recv(65536):
        got += part
    made.sendall(b"%d " % len(got) + got[-20:])
    made.close()
server = socket.create_server(("127.0.0.1", 8000), backlog=1024)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],)).start()
"""
"""Runs in the VPS on its own loopback: answers how much came once its client has said all."""


class Ssh:
    """The programs of OpenSSH, with the settings that `ssh-config --install` wrote."""

    def __init__(self, cluster: Cluster, *, inside: Sequence[str] = ()) -> None:
        self.cluster = cluster
        self._inside = list(inside)
        cluster.ok("ssh-config", "--install")
        # ssh looks into the real home folder; what the user's own config includes is named instead.
        self.config = str(cluster.folder / ".ssh" / "kohakuriver" / "config")

    def words(self, program: str, *arguments: str | Path) -> list[str]:
        options = ["-F", self.config, "-o", "BatchMode=yes"]
        return [*self._inside, program, *options, *map(str, arguments)]

    def run(
        self, program: str, *arguments: str | Path, stdin: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(program, *arguments),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env=self.cluster.environment(**env),
            check=False,
        )

    def ok(self, program: str, *arguments: str | Path, **more: str) -> str:
        done = self.run(program, *arguments, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextlib.contextmanager
    def going(self, program: str, *arguments: str | Path, **env: str) -> Iterator[subprocess.Popen[str]]:
        """A program that stays, with pipes to it."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(
            self.words(program, *arguments),
            text=True,
            bufsize=1,
            env=self.cluster.environment(**env),
            **pipes,  # type: ignore[call-overload]
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def serve_echo(self, name: str) -> None:
        """Have `ECHO` run there."""
        self.ok("ssh", f"{name}.vps", "cat > echo.py", stdin=ECHO)
        self.ok("ssh", f"{name}.vps", "setsid python3 echo.py < /dev/null > /dev/null 2>&1 &")
        is_up = "import socket; socket.create_connection(('127.0.0.1', 8000))"
        eventually(lambda: self.run("ssh", f"{name}.vps", f'python3 -c "{is_up}"').returncode == 0)
