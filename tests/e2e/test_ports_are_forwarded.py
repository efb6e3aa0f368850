"""`kohakuriver forward` on real containers, while what it stands on is killed and started again."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import BIN, Cluster, eventually
from tests.e2e.ssh_kit import Ssh
from tests.e2e.test_ssh_is_ordinary_ssh import asked
from tests.e2e.test_the_control_plane_is_killed import processes

SERVED = "8000"


class Forward:
    """A `kohakuriver forward` that goes on, and what it has said."""

    def __init__(self, cluster: Cluster, folder: Path, *arguments: str) -> None:
        self.said, self._told = folder / "said", folder / "told"
        with self._told.open("w") as told, self.said.open("w") as said:
            self.process = subprocess.Popen(
                [str(BIN / "kohakuriver"), "forward", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=said,
                env=cluster.environment(),
            )
        eventually(lambda: self._told.read_text().count("\n") or self.process.poll() is not None)
        assert self.process.poll() is None, self.said.read_text()

    @property
    def port(self) -> int:
        return int(self._told.read_text().splitlines()[0].rpartition(":")[2].split()[0])

    def ask(self, data: bytes) -> bytes:
        return asked(self.port, data)


@contextlib.contextmanager
def forward(cluster: Cluster, folder: Path, *arguments: str) -> Iterator[Forward]:
    one = Forward(cluster, folder, *arguments)
    try:
        yield one
    finally:
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(15) == 130


@pytest.fixture(scope="module")
def ssh(cluster: Cluster) -> Ssh:
    """With a VPS `dev` that serves the echo on its loopback."""
    made = Ssh(cluster)
    cluster.ok("vps", "create", "--name", "dev", "-c", "0.5", "-m", "256M", "--gen-ssh-key")
    made.serve_echo("dev")
    return made


def is_reset(one: Forward) -> bool:
    try:
        one.ask(b"")
    except ConnectionResetError:
        return True
    return False


@pytest.mark.fault(54)
def test_where_nothing_listens_that_is_told_once_and_later_it_works(ssh, cluster, tmp_path):
    with forward(cluster, tmp_path, "dev", ":9000") as one:
        assert is_reset(one) and is_reset(one) and is_reset(one)
        assert one.said.read_text().count("dev:9000: nothing listens on port 9000 in dev") == 1
        ssh.ok("ssh", "dev.vps", "sed s/8000/9000/ echo.py > late.py")
        ssh.ok("ssh", "dev.vps", "setsid python3 late.py < /dev/null > /dev/null 2>&1 &")
        eventually(lambda: not is_reset(one))
        assert one.ask(b"late") == b"4 late"
        assert one.said.read_text().endswith("dev:9000 answers again\n")


@pytest.mark.fault(54)
def test_a_half_close_and_two_hundred_connections_over_two_forwards(ssh, cluster, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        forward(cluster, tmp_path / "a", "dev", f":{SERVED}") as one,
        forward(cluster, tmp_path / "b", "dev", f":{SERVED}") as two,
    ):
        big = os.urandom(8 << 20)
        assert one.ask(big) == b"%d " % len(big) + big[-20:], "an upload was cut"
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            asks = [(b"%d." % number) * (1000 + number) for number in range(200)]
            answers = pool.map(lambda at: (one, two)[at % 2].ask(asks[at]), range(200))
            for data, answer in zip(asks, answers, strict=True):
                assert answer == b"%d " % len(data) + data[-20:], "streams were mixed"


@pytest.mark.fault(54)
@pytest.mark.parametrize("victim", ["agent", "apiserver"])
def test_a_forward_goes_on_after_a_program_was_killed(ssh, cluster, tmp_path, victim):
    with forward(cluster, tmp_path, "dev", f":{SERVED}") as one:
        held = socket.create_connection(("127.0.0.1", one.port))
        assert one.ask(b"before") == b"6 before"
        os.kill(processes(cluster)[victim], signal.SIGKILL)
        assert one.ask(b"after") == b"5 after", "it did not wait for what restarts"
        held.settimeout(30)
        with held, contextlib.suppress(ConnectionResetError):
            assert held.recv(1) == b"", "a connection that died with the program hangs"


@pytest.mark.fault(54)
def test_a_forward_goes_on_after_its_vps_was_restarted(ssh, cluster, tmp_path):
    with forward(cluster, tmp_path, "dev", f":{SERVED}") as one:
        assert one.ask(b"before") == b"6 before"
        cluster.ok("vps", "restart", "dev")
        ssh.serve_echo("dev")
        assert one.ask(b"after") == b"5 after"


def test_datagrams_are_forwarded_too(ssh, cluster, tmp_path):
    script = (
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 5300))\n"
        "while True: data, whence = s.recvfrom(65535); s.sendto(data.upper(), whence)"
    )
    ssh.ok("ssh", "dev.vps", "cat > udp.py", stdin=script)
    ssh.ok("ssh", "dev.vps", "setsid python3 udp.py < /dev/null > /dev/null 2>&1 &")
    with (
        forward(cluster, tmp_path, "dev", ":5300", "--udp") as one,
        socket.socket(type=socket.SOCK_DGRAM) as made,
    ):
        made.settimeout(1)
        made.connect(("127.0.0.1", one.port))

        def answer(data: bytes) -> bytes:
            made.send(data)
            with contextlib.suppress(TimeoutError):
                return made.recv(65535)
            return b""

        eventually(lambda: answer(b"up yet") == b"UP YET")
        assert answer(b"x" * 60_000) == b"X" * 60_000
