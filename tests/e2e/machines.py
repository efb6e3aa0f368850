"""Machines for tests of several real nodes: a network namespace each, and in it an engine of its own.

Its only way out is a veth to the root namespace; no packet leaves the real machine, since nothing in a
namespace has a route further. The engine has its own containerd, folders and parent cgroup, so that a power
cut can take everything of one machine and nothing else.

    root namespace: 198.18.X.1 ──veth── eth0 198.18.X.N, namespace of node N: dockerd, agent

The files of a test run lie in one folder that carries the run's pid; `sweep` removes what a killed run left.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import docker

from tests.e2e.processes import Process

ROOT = Path("/var/tmp")
PREFIX = "kohakuriver-test-"
NETNS = Path("/var/run/netns")
CGROUPS = Path("/sys/fs/cgroup")
STARTS_WITHIN = 240.0  # seconds; an engine takes one or two
CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
oom_score = 0
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/containerd.sock.ttrpc"
"""


def run_folder(pid: int | None = None) -> Path:
    """Where everything of this test run, or of that one, lies."""
    return ROOT / f"{PREFIX}{pid or os.getpid()}"


def free_network() -> str:
    """The first three bytes of a /24 kept for tests like these that this machine has no route into."""
    routes = _sh("ip", "-4", "route", "show", "table", "all")
    for offset in range(256):
        network = f"198.18.{(os.getpid() + offset) % 256}"
        if f"{network}." not in routes:
            return network
    raise RuntimeError("every network of 198.18.0.0/16 is in use on this machine")


class Machine:
    """One machine: cable, power switch and engine. One that remaps users has a mount namespace of its own as
    well, with an /etc of its own, and never loses power."""

    def __init__(
        self, name: str, *, network: str, number: int, disk: int = 0, remaps_users: bool = False
    ) -> None:
        self.name = name
        self.address = f"{network}.{number}"
        self.server = f"{network}.1"  # where an API server in the root namespace is reached
        self.folder = run_folder() / name
        self.namespace = f"kr{os.getpid()}-{name}"
        self.socket = f"unix://{self.folder}/docker.sock"
        self.folder.mkdir(parents=True)
        self._mounts = self.folder / "mounts/namespace" if remaps_users else None
        self._boot_id = self.folder / "boot-id"
        self._boot_id.write_text(f"{uuid.uuid4()}\n")
        config = self.folder / "containerd.toml"
        config.write_text(CONTAINERD.format(folder=self.folder))
        self._containerd = Process(
            f"containerd of {name}",
            [*self.inside, "containerd", "--config", str(config)],
            self.folder / "containerd.log",
        )
        self.engine = Process(
            f"engine of {name}", [*self.inside, "dockerd", *self._options()], self.folder / "dockerd.log"
        )
        if self._mounts is not None:
            _make_mount_namespace(self._mounts)
        self._plug()
        if disk:
            self._mount(disk)

    @property
    def inside(self) -> list[str]:
        """What a command is prefixed with to run on this machine."""
        mounts = [f"--mount={self._mounts}"] if self._mounts is not None else []
        return ["nsenter", f"--net={NETNS / self.namespace}", *mounts]

    @property
    def inside_since_boot(self) -> list[str]:
        """The same, for what is to see that the machine has been booted again."""
        script = f'mount --bind {self._boot_id} /proc/sys/kernel/random/boot_id && exec "$@"'
        return [*self.inside, "unshare", "--mount", "sh", "-c", script, "sh"]

    def _options(self) -> list[str]:
        # No `--live-restore`: a killed engine takes its containers along, as it does by default.
        return [
            f"--host={self.socket}",
            f"--containerd={self.folder}/containerd.sock",
            f"--data-root={self.folder}/docker",
            f"--exec-root={self.folder}/run/docker",
            f"--pidfile={self.folder}/docker.pid",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--cgroup-parent=/{self._cgroup}",
            "--shutdown-timeout=5",
            "--log-level=warn",
            *(["--userns-remap=default"] if self._mounts is not None else []),
        ]

    @property
    def _cgroup(self) -> str:
        return f"{PREFIX}{os.getpid()}-{self.name}"

    def _plug(self) -> None:
        _sh("ip", "netns", "add", self.namespace)
        outer = self.namespace
        _sh("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        _sh("ip", "address", "add", self.server, "peer", self.address, "dev", outer)
        _sh("ip", "link", "set", outer, "up")
        _sh(*self.inside, "ip", "address", "add", self.address, "peer", self.server, "dev", "eth0")
        _sh(*self.inside, "ip", "link", "set", "lo", "up")
        _sh(*self.inside, "ip", "link", "set", "eth0", "up")

    def _mount(self, size: int) -> None:
        """A disk of its own for the engine's data, of so many bytes: a file with holes."""
        file, root = self.folder / "disk", self.folder / "docker"
        root.mkdir()
        with file.open("wb") as made:
            made.truncate(size)
        _sh("mkfs.ext4", "-q", "-m", "0", str(file))
        _sh("mount", "-o", "loop,discard", str(file), str(root))

    def cut(self) -> None:
        """Pull the cable, on the inner side: outside the route stays, so that no packet goes astray."""
        _sh(*self.inside, "ip", "link", "set", "eth0", "down")

    def heal(self) -> None:
        _sh(*self.inside, "ip", "link", "set", "eth0", "up")

    @contextlib.contextmanager
    def forgotten(self) -> Iterator[None]:
        """What is connected now is dead on both sides and nobody is told, as where a router forgets it."""
        shown = _sh(*self.inside, "ss", "-Htn", "state", "established", "dst", self.server)
        ports = {line.split()[2].rpartition(":")[2] for line in shown.splitlines()}
        assert ports, "nothing is connected"
        rules = [
            rule
            for port in sorted(ports)
            for rule in (("INPUT", "-p", "tcp", "--dport", port), ("OUTPUT", "-p", "tcp", "--sport", port))
        ]
        for rule in rules:
            _sh(*self.inside, "iptables", "-I", *rule, "-j", "DROP")
        try:
            yield
        finally:
            for rule in rules:
                _sh(*self.inside, "iptables", "-D", *rule, "-j", "DROP")

    def start(self) -> None:
        """Begin to start the engine; `client` waits for it."""
        if not self._containerd.is_alive:
            self._containerd.start()
            _until(lambda: (self.folder / "containerd.sock").exists(), self._containerd)
        self.engine.start()

    def stop_engine(self) -> None:
        """As an operator would, and its containers with it."""
        self.engine.stop()

    def kill_engine(self) -> None:
        """The engine and its containerd die; shims and containers are left without a master."""
        self.engine.kill()
        self._containerd.kill()
        (self.folder / "containerd.sock").unlink(missing_ok=True)

    def lose_power(self) -> None:
        """Everything that ran on the machine is gone at once, and so is what only memory held."""
        self.kill_engine()
        _thaw(self._cgroup)
        for pid in [*_mentioning(f"{self.folder}/containerd.sock"), *self.processes()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _until(lambda: not self.processes(), self.engine)
        self._forget_run()
        self._boot_id.write_text(f"{uuid.uuid4()}\n")

    def _forget_run(self) -> None:
        for address in self.folder.glob("run/containerd/*/*/*/address"):
            Path(address.read_text().removeprefix("unix://")).unlink(missing_ok=True)
        _unmount_below(self.folder)
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        (self.folder / "docker.pid").unlink(missing_ok=True)

    def freeze_containers(self) -> None:
        """What runs in containers stands still, and so does what is about to run: a start gets no answer."""
        for folder in _cgroups(self._cgroup):
            for file, word in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
                if (folder / file).exists():
                    (folder / file).write_text(word)

    def thaw_containers(self) -> None:
        """They go on."""
        _thaw(self._cgroup)

    def processes(self) -> list[int]:
        """The pids of everything that runs in this machine's containers."""
        found: set[int] = set()
        for folder in _cgroups(self._cgroup):
            for file in folder.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    found.update(int(line) for line in file.read_text().split())
        return sorted(found)

    def client(self) -> docker.APIClient:
        """A connection to the engine, once it answers."""
        _until(self._answers, self.engine)
        return docker.APIClient(base_url=self.socket, version="auto", timeout=30)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as door, contextlib.suppress(OSError):
            door.settimeout(1)
            door.connect(str(self.folder / "docker.sock"))
            door.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in door.recv(100)
        return False

    def remove(self) -> None:
        """Leave nothing behind, however the machine is."""
        self.engine.thaw()
        self.lose_power()
        _remove_namespace(self.namespace)
        _remove_cgroups(self._cgroup)
        shutil.rmtree(self.folder)


def allocate(file: IO[bytes], size: int) -> None:
    """Have so many bytes more taken by that file without writing them, or as many as there are."""
    end = os.fstat(file.fileno()).st_size
    while size >= 1 << 20:
        try:
            os.posix_fallocate(file.fileno(), end, size)
        except OSError:
            size //= 2
            continue
        return


def sweep() -> None:
    """Remove what killed test runs left: theirs is every folder whose pid no process has."""
    for folder in ROOT.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX)
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            remove_run(int(pid))


def remove_run(pid: int) -> None:
    """Everything of a test run that was killed: processes, mounts, namespaces, cgroups, files."""
    folder = run_folder(pid)
    for process in _mentioning(f"{folder}/"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    names = [path.name for path in NETNS.glob(f"kr{pid}-*")]
    for name in names:
        cgroup = f"{PREFIX}{pid}-{name.removeprefix(f'kr{pid}-')}"
        _thaw(cgroup)
        for file in (file for found in _cgroups(cgroup) for file in found.rglob("cgroup.procs")):
            for process in file.read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
        _remove_namespace(name)
        _remove_cgroups(cgroup)
    _unmount_below(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _mentioning(text: str) -> list[int]:
    """Processes whose command line names that path; never this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def _unmount_below(folder: Path) -> None:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    mounts = [re.sub(r"\\040", " ", line.split()[1]) for line in lines]
    for mount in reversed(mounts):
        if mount.startswith(f"{folder}/"):
            _sh("umount", "--lazy", mount)


def _remove_namespace(name: str) -> None:
    """With the namespace goes the veth, both its ends."""
    with contextlib.suppress(subprocess.CalledProcessError):
        _sh("ip", "link", "delete", name)
    with contextlib.suppress(subprocess.CalledProcessError):
        _sh("ip", "netns", "delete", name)


def _cgroups(name: str) -> Iterator[Path]:
    """That cgroup in the one hierarchy, or in each of them."""
    for folder in (CGROUPS / name, *CGROUPS.glob(f"*/{name}")):
        if folder.is_dir():
            yield folder


def _thaw(name: str) -> None:
    """What is frozen cannot even be killed. What goes meanwhile is passed over."""
    for top in _cgroups(name):
        for folder, _, files in os.walk(top):
            for file, word in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if file in files:
                    with contextlib.suppress(FileNotFoundError):
                        Path(folder, file).write_text(word)


def _remove_cgroups(name: str) -> None:
    for top in list(_cgroups(name)):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def _make_mount_namespace(file: Path) -> None:
    """A mount namespace that lives as long as that file is mounted. Its /etc is a copy: an engine that remaps
    users adds a user to that."""
    file.parent.mkdir()
    _sh("mount", "--bind", str(file.parent), str(file.parent))
    _sh("mount", "--make-private", str(file.parent))  # the kernel binds a mount namespace to no other
    file.touch()
    copy = file.parents[1] / "etc"
    copy.mkdir()
    script = 'mount -t tmpfs tmpfs "$0" && cp -a /etc/. "$0" && mount --bind "$0" /etc'
    _sh("unshare", f"--mount={file}", "--propagation=slave", "sh", "-c", script, str(copy))


def _until(question, process: Process) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + STARTS_WITHIN
    while not question():
        assert process.code is None, f"{process.name} ended with {process.code}:\n{process.tail()}"
        assert time.monotonic() < ends, f"{process.name} is not ready:\n{process.tail()}"
        time.sleep(0.02)


def _sh(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
