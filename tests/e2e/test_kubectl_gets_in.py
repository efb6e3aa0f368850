"""Stock kubectl and Python's clients get into a VPS on a real engine: exec, attach, logs, cp, port-forward.

`KUBECTLS` names more kubectls to try the same with, with colons between.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.e2e.conftest import BIN, PROJECT, Cluster, a_manifest, eventually
from tests.e2e.test_the_control_plane_is_killed import processes

PROGRAMS = (str(BIN / "kubectl"), *filter(None, os.environ.get("KUBECTLS", "").split(":")))
BY_SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}
WAYS = pytest.mark.parametrize("way", [{}, BY_SPDY], ids=["websocket", "spdy"])
SERVES = "setsid nc -ll -p 8000 -e cat < /dev/null > /dev/null 2>&1 &"


class Kubectl:
    """One of them, on the cluster of these tests."""

    def __init__(self, cluster: Cluster, program: str) -> None:
        self.cluster = cluster
        self.program = program

    def run(self, *words: str, stdin: bytes = b"", **environment: str) -> tuple[int, bytes, str]:
        """Exit code, output, and what it said beside."""
        done = subprocess.run(
            [self.program, *words],
            input=stdin,
            capture_output=True,
            timeout=60,
            env=self.cluster.environment(**environment),
            check=False,
        )
        return done.returncode, done.stdout, done.stderr.decode()

    def ok(self, *words: str, stdin: bytes = b"", **environment: str) -> bytes:
        code, out, said = self.run(*words, stdin=stdin, **environment)
        assert code == 0, (words, said)
        return out

    def spawn(self, *words: str, **environment: str) -> pexpect.spawn:
        return pexpect.spawn(
            self.program,
            list(words),
            env=self.cluster.environment(**environment),
            dimensions=(42, 140),
            encoding="utf-8",
            timeout=30,
        )

    @contextlib.contextmanager
    def forward(self, folder: Path, **environment: str) -> Iterator["Forward"]:
        with (folder / "said").open("w+") as said:
            process = subprocess.Popen(
                [self.program, "port-forward", "pod/dev", ":8000"],
                stdout=said,
                stderr=subprocess.STDOUT,
                env=self.cluster.environment(**environment),
            )
            try:
                yield Forward(process, folder / "said")
            finally:
                process.terminate()
                process.wait(10)


class Forward:
    """A `kubectl port-forward` that goes on."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: Path) -> None:
        self.process = process
        self._said = said
        found = eventually(lambda: re.search(r"127\.0\.0\.1:(\d+) ->", said.read_text()))
        self.port = int(found[1])

    def echoes(self, data: bytes) -> bool:
        """Whether all of it comes back over a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port)) as made, contextlib.suppress(OSError):
            made.settimeout(30)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                pool.submit(made.sendall, data)
                got = bytearray()
                while len(got) < len(data) and (part := made.recv(1 << 18)):
                    got += part
            return bytes(got) == data
        return False

    @property
    def goes_on(self) -> bool:
        return self.process.poll() is None


@pytest.fixture(scope="module")
def dev(cluster: Cluster) -> Cluster:
    """The cluster, with a VPS `dev` that runs."""
    cluster.apply(a_manifest("dev", cores="1", memory="128Mi"))
    cluster.wait_running("dev")
    return cluster


@pytest.fixture(params=PROGRAMS, ids=lambda program: Path(program).name)
def kubectl(dev: Cluster, request: pytest.FixtureRequest) -> Kubectl:
    return Kubectl(dev, request.param)


@WAYS
def test_a_command_has_its_input_its_outputs_and_its_exit_code(kubectl, way):
    code, out, said = kubectl.run("exec", "dev", "--", "sh", "-c", "echo out; echo err >&2; exit 7", **way)
    assert (code, out) == (7, b"out\n")
    assert said.startswith("err\n") and "exit code 7" in said
    data = os.urandom(4 << 20)
    assert kubectl.ok("exec", "-i", "dev", "--", "cat", stdin=data, **way) == data, (
        "bytes were lost or changed"
    )
    digest = kubectl.ok("exec", "-i", "dev", "--", "sha256sum", stdin=data, **way).split()[0]
    assert digest.decode() == hashlib.sha256(data).hexdigest(), "its input ended too early, or never"


@WAYS
def test_a_terminal_has_the_size_of_the_persons_and_can_be_come_back_to(kubectl, way):
    shell = kubectl.spawn("exec", "-it", "dev", "--", "sh", **way)
    shell.sendline("stty size; kept=here")
    shell.expect("42 140")
    shell.setwinsize(30, 90)
    shell.sendline("until stty size | grep 30; do sleep 0.1; done")
    shell.expect("30 90")
    shell.close(force=True)
    eventually(lambda: "detached" in kubectl.cluster.ok("sessions", "dev"))

    again = kubectl.spawn("attach", "-it", "dev", **way)
    again.expect("30 90")
    again.sendline("echo is $kept; exit 5")
    again.expect("is here")
    again.expect(pexpect.EOF)
    again.close()
    assert again.exitstatus == 5


def test_logs_have_every_flag(kubectl, tmp_path):
    manifest = a_manifest(
        "talker", more="  command: [sh, -c, 'for i in 1 2 3; do echo line $i; done; exec sleep 1d']\n"
    )
    kubectl.cluster.apply(manifest)
    kubectl.cluster.wait_running("talker")
    assert kubectl.ok("logs", "talker") == b"line 1\nline 2\nline 3\n"
    assert kubectl.ok("logs", "talker", "--tail=1") == b"line 3\n"
    assert kubectl.ok("logs", "talker", "--limit-bytes=9") == b"line 1\nli"
    assert kubectl.ok("logs", "talker", "--since=1h", "-c", "vps") == b"line 1\nline 2\nline 3\n"
    assert kubectl.ok("logs", "talker", "--since-time=2099-01-01T00:00:00Z") == b""
    stamped = kubectl.ok("logs", "talker", "--timestamps").decode().splitlines()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\S+Z line \d", line) for line in stamped) and len(stamped) == 3
    assert "no log of a previous container" in kubectl.run("logs", "talker", "--previous")[2]
    follows = kubectl.spawn("logs", "-f", "talker")
    follows.expect("line 3")
    follows.close(force=True)
    kubectl.cluster.ok("delete", "vps", "talker")


@pytest.mark.parametrize("has_tar", [True, False])
def test_files_are_copied_both_ways_with_tar_and_without(kubectl, tmp_path, has_tar):
    hides = "mv /bin/tar /bin/hidden" if not has_tar else "true"
    kubectl.ok("exec", "dev", "--", "sh", "-c", hides)
    try:
        source = tmp_path / "source"
        (source / "sub").mkdir(parents=True)
        (source / "sub" / "file").write_bytes(os.urandom(300_000))
        kubectl.ok("cp", str(source), "dev:/tmp/there")
        kubectl.ok("cp", "dev:/tmp/there", str(tmp_path / "back"))
        assert (tmp_path / "back/sub/file").read_bytes() == (source / "sub/file").read_bytes()
        kubectl.ok("cp", str(source / "sub/file"), "dev:/tmp/one")
        kubectl.ok("cp", "--retries=2", "dev:/tmp/one", str(tmp_path / "one"))
        assert (tmp_path / "one").read_bytes() == (source / "sub/file").read_bytes()
        assert (kubectl.run("exec", "dev", "--", "tar", "--help")[0] == 127) is not has_tar
    finally:
        kubectl.ok(
            "exec", "dev", "--", "sh", "-c", "rm -rf /tmp/*; ! [ -e /bin/hidden ] || mv /bin/hidden /bin/tar"
        )


@WAYS
def test_a_forward_outlives_whatever_it_leads_to(kubectl, tmp_path, way):
    with kubectl.forward(tmp_path, **way) as forward:
        assert not forward.echoes(b"nobody listens yet")
        assert not forward.echoes(b"and nobody yet")
        kubectl.ok("exec", "dev", "--", "sh", "-c", f"{SERVES} sleep 0.2", **way)
        eventually(lambda: forward.echoes(b"now"))
        assert forward.echoes(os.urandom(2 << 20)), "bytes were lost or changed"
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            assert all(pool.map(forward.echoes, [b"%d" % number * 99 for number in range(100)]))
        kubectl.cluster.ok("vps", "restart", "dev")
        kubectl.cluster.wait_running("dev")
        assert not forward.echoes(b"it was restarted, and the service with it")
        kubectl.ok("exec", "dev", "--", "sh", "-c", f"{SERVES} sleep 0.2", **way)
        eventually(lambda: forward.echoes(b"again"))
        assert forward.goes_on, "kubectl gave up"
        kubectl.ok("exec", "dev", "--", "killall", "nc", **way)


@contextlib.contextmanager
def nobody_reads(forward: Forward, data: bytes) -> Iterator[None]:
    """A connection that was sent all this, whose echo nobody takes."""
    with socket.create_connection(("127.0.0.1", forward.port)) as made:
        made.settimeout(30)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sending = pool.submit(made.sendall, data)
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # it may have been reset
                    made.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    sending.result(30)


@WAYS
def test_a_forward_outlives_its_agent_and_a_reader_that_stalls(kubectl, tmp_path, way):
    """While nobody reads one connection kubectl itself reads none: SPDY, as it speaks it, has no windows."""
    kubectl.ok("exec", "dev", "--", "sh", "-c", f"{SERVES} sleep 0.2", **way)
    with kubectl.forward(tmp_path, **way) as forward:
        eventually(lambda: forward.echoes(b"before"))
        with nobody_reads(forward, bytes(64 << 20)):
            agent = processes(kubectl.cluster)["agent"]
            os.kill(agent, signal.SIGKILL)
            eventually(lambda: processes(kubectl.cluster).get("agent") not in (None, agent))
        eventually(lambda: forward.echoes(os.urandom(1 << 20)))
        assert forward.goes_on, "kubectl gave up"
    kubectl.ok("exec", "dev", "--", "killall", "nc", **way)


def test_a_stopped_vps_is_told_in_words(kubectl):
    kubectl.cluster.ok("vps", "stop", "dev")
    try:
        code, _, said = kubectl.run("exec", "dev", "--", "true")
        assert code != 0 and "kohakuriver vps start dev" in said
    finally:
        kubectl.cluster.ok("vps", "start", "dev")
        kubectl.cluster.wait_running("dev")


BY_PYTHON = {
    "by_python": [
        "both outputs: err out",
        "a line: typed",
        "exit code: 3",
        "by a port: by channels",
        "and its errors: None",
    ],
    "by_kr8s": [
        "ready: True",
        "both outputs: 0 b'out\\n' b'err\\n'",
        "exit code: 3",
        "by a port: b'no sub-protocol'",
    ],
}


@pytest.mark.parametrize("program", BY_PYTHON)
def test_pythons_clients_run_commands_and_forward_ports(dev: Cluster, program: str):
    done = subprocess.run(
        [sys.executable, "-m", f"tests.e2e.{program}", str(dev.config)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=PROJECT,
        check=False,
    )
    assert done.stdout.splitlines() == BY_PYTHON[program], done.stderr
