"""Real programs on a real etcd, without the agent: for benchmarks whose nodes are simulated."""

import contextlib
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks._cluster import free_port
from kohakuriver import certificates
from kohakuriver.client import config

ROLES: dict[str, dict[str, object]] = {"admin": {"role": "admin"}, "controller": {"role": "controller"}}


class Programs:
    """etcd and an API server in `folder`; a controller when asked for."""

    def __init__(
        self, folder: Path, *, limits: Sequence[str], more: Mapping[str, Mapping[str, object]]
    ) -> None:
        self.folder = folder
        self._limits = limits
        self._users = {**ROLES, **more}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._port = free_port()
        self._authority = certificates.new_authority("benchmark", now=datetime.now(UTC))

    def connection(self, user: str) -> config.Connection:
        return config.Connection(
            server=f"https://127.0.0.1:{self._port}", token=f"token-{user}", ca=self._authority.certificate
        )

    def start_server(self) -> None:
        client, peer = free_port(), free_port()
        binary = shutil.which("etcd") or str(Path(sys.executable).parent / "etcd")
        urls = [
            f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}",
        ]
        peers = [f"--listen-peer-urls=http://127.0.0.1:{peer}"]
        self._run("etcd", [binary, "--data-dir", str(self.folder / "etcd"), *urls, *peers])
        certificates.sign(self._authority, "apiserver", hosts=["127.0.0.1"], now=datetime.now(UTC)).save(
            self.folder, "server"
        )
        lines = [
            json.dumps({"sha256": hashlib.sha256(f"token-{user}".encode()).hexdigest(), "user": user, **who})
            for user, who in self._users.items()
        ]
        (self.folder / "tokens").write_text("\n".join(lines) + "\n")
        self._run(
            "apiserver",
            [
                sys.executable, "-P", "-m", "kohakuriver.apiserver", "--etcd", f"http://127.0.0.1:{client}",
                "--listen", f"127.0.0.1:{self._port}", "--token-file", str(self.folder / "tokens"),
                "--tls-cert", str(self.folder / "server.crt"), "--tls-key", str(self.folder / "server.key"),
                *self._limits,
            ],
        )  # fmt: skip
        self._wait_ready()

    def start_controller(self, *options: str) -> None:
        file = self.folder / "controller.config"
        config.write(file, self.connection("controller"), cluster="benchmark", user="controller")
        self._run(
            "controller",
            [sys.executable, "-P", "-m", "kohakuriver.controller", "--config", str(file), *options],
        )

    def used(self, name: str) -> tuple[float, float]:
        """Processor seconds spent, and the largest resident memory in MB, of a program."""
        pid = self.processes[name].pid
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = int(fields[11]) + int(fields[12])
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        [peak] = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
        return ticks / os.sysconf("SC_CLK_TCK"), peak / 1024

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _run(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def _wait_ready(self) -> None:
        trusting = ssl.create_default_context(cadata=self._authority.certificate.decode())
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                url = f"https://127.0.0.1:{self._port}/readyz"
                urllib.request.urlopen(url, context=trusting, timeout=2).close()
                return
            time.sleep(0.1)
        raise SystemExit((self.folder / "apiserver.log").read_text()[-2000:])


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    limits: Sequence[str] = ("--rate-limit", "0", "--default-quota", "none"),
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> Iterator[Programs]:
    """etcd and an API server, ready; everything is stopped at the end. `more` are users beside the two."""
    programs = Programs(folder, limits=limits, more=more or {})
    try:
        programs.start_server()
        yield programs
    finally:
        programs.stop()
