"""A whole cluster for the end-to-end tests: real etcd, real Docker, real kubectl, the commands a user types.

One cluster serves a test file. What a test makes it removes, and `down --purge` takes the rest.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.etcd import free_port

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
BUSYBOX = "kohakuriver/busybox"
PATIENCE = 240.0  # seconds; no promise is measured by it: only what hangs takes so long


@pytest.hookimpl(tryfirst=True)  # what all tests are sorted and grouped by
def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker("e2e")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A failure shows what the programs of its cluster said last: their folder is gone soon."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Cluster):
                report.sections += value.logs()
    return report


@dataclasses.dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclasses.dataclass
class Cluster:
    """One cluster under `folder`, and the commands on it."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    bin: Path = BIN  # where its commands are

    @property
    def data_dir(self) -> Path:
        return self.folder / "cluster"

    @property
    def config(self) -> Path:
        return self.data_dir / "config"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "KOHAKURIVER_CONFIG": str(self.config),
            "KUBECONFIG": str(self.config),
            "HOME": str(self.folder),
            "NO_COLOR": "1",
            **more,
        }

    def run(self, program: str, *args: Any, stdin: str = "", timeout: float = PATIENCE, **env: str) -> Result:
        done = subprocess.run(
            [str(self.bin / program), *map(str, args)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment(**env),
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def run_bytes(
        self, *args: str, stdin: bytes = b"", timeout: float = PATIENCE
    ) -> tuple[int, bytes, bytes]:
        """Exit code, output and errors of a `kohakuriver` command, as bytes."""
        done = subprocess.run(
            [str(self.bin / "kohakuriver"), *args],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env=self.environment(),
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def cli(self, *args: Any, **keywords: Any) -> Result:
        return self.run("kohakuriver", *args, **keywords)

    def kubectl(self, *args: Any, **keywords: Any) -> Result:
        return self.run("kubectl", *args, **keywords)

    def ok(self, *args: Any, **keywords: Any) -> str:
        """Standard output of a `kohakuriver` command that must succeed."""
        result = self.cli(*args, **keywords)
        assert result.code == 0, f"kohakuriver {' '.join(map(str, args))}\n{result.text}"
        return result.out

    def kube(self, *args: Any, **keywords: Any) -> str:
        """Standard output of a `kubectl` command that must succeed."""
        result = self.kubectl(*args, **keywords)
        assert result.code == 0, f"kubectl {' '.join(map(str, args))}\n{result.text}"
        return result.out

    def up(self, *options: str) -> str:
        return self.ok("up", *self._where(), "--port", self.port, "--detach", *self.options, *options)

    def down(self, *options: str) -> str:
        return self.ok("down", *self._where(), *options)

    def _where(self) -> tuple[str, str]:
        return "--data-dir", str(self.data_dir)

    def get(self, name: str, namespace: str = "default") -> dict[str, Any]:
        return json.loads(self.ok("get", "vps", name, "-n", namespace, "-o", "json"))

    def phase(self, name: str) -> str:
        return self.get(name)["status"]["phase"]

    def events(self, name: str) -> list[dict[str, Any]]:
        found = json.loads(self.ok("get", "events", "-A", "-o", "json"))["items"]
        return [event for event in found if event["involvedObject"]["name"] == name]

    def logs(self) -> Iterator[tuple[str, str]]:
        """The end of what each program said."""
        for log in sorted(self.data_dir.glob("logs/*.log")):
            lines = log.read_text(errors="replace").splitlines()
            yield f"{log.stem} of {self.folder.name}", "\n".join(lines[-40:])

    def apply(self, manifest: str) -> str:
        return self.ok("apply", "-f", "-", stdin=manifest)

    def wait_running(self, name: str, timeout: str = "180s") -> None:
        self.ok("wait", f"vps/{name}", "--for=jsonpath={.status.phase}=running", "--timeout", timeout)


def eventually(question: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """The first true answer. Fails with the last one: the world outside has no event to wait for."""
    ends = time.monotonic() + within
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < ends, f"still {answer!r} after {within} s"
        time.sleep(0.1)


def ssh_ports(place: int) -> str:
    """Twenty ports for SSH that no cluster of another test uses at the same time; `place` is 0 to 9.

    They lie above the 100 that `up` takes by default, and below those that the kernel gives out.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 30200 + 200 * worker + 20 * place
    return f"{first}-{first + 19}"


@contextlib.contextmanager
def printed_ports() -> Iterator[None]:
    """The local ports that pages and help name (8888, 3000, …) are ours: they are one test's at a time."""
    with (Path(tempfile.gettempdir()) / "kohakuriver-test-printed-ports").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def a_manifest(name: str, *, memory: str = "64Mi", cores: str = "0.1", more: str = "") -> str:
    return f"""\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata: {{name: {name}}}
spec:
  image: {BUSYBOX}
  resources: {{cores: {cores}, memory: {memory}}}
  ssh: {{disabled: true}}
{more}"""


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.APIClient]:
    """The machine's engine. These tests mean nothing without it, so its absence fails them."""
    client = docker.APIClient(version="auto")
    assert client.inspect_image(BUSYBOX), f"build {BUSYBOX} first: manifests/development/busybox-image"
    yield client
    client.close()


def containers(
    engine: docker.APIClient, name: str, *, all: bool = True, of: Cluster | None = None
) -> list[dict[str, Any]]:
    """The containers of VPSes of this name, as `docker ps` tells them; `of` one cluster, or of all that there
    are on this engine."""
    labels = [f"kohakuriver.io/name={name}"]
    if of is not None:
        labels.append(f"kohakuriver.io/cluster={(of.data_dir / 'cluster-id').read_text().strip()}")
    return engine.containers(all=all, filters={"label": labels})


@pytest.fixture
def new_cluster(tmp_path: Path, engine: docker.APIClient) -> Iterator[Callable[..., Cluster]]:
    """Makes clusters that are gone after the test, containers and all."""
    made: list[Cluster] = []

    def make(*options: str) -> Cluster:
        folder = tmp_path / f"cluster-{len(made)}"
        folder.mkdir()
        if "--ssh-port-range" not in options:
            options = ("--ssh-port-range", ssh_ports(5 + len(made) % 5), *options)
        made.append(Cluster(folder, free_port(), options))
        return made[-1]

    yield make
    for cluster in made:
        _end(cluster)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, engine: docker.APIClient) -> Iterator[Cluster]:
    """One running cluster for all tests of a file."""
    one = Cluster(tmp_path_factory.mktemp("cluster"), free_port(), ("--ssh-port-range", ssh_ports(0)))
    one.up()
    yield one
    _end(one)


def _end(cluster: Cluster) -> None:
    if cluster.data_dir.exists():
        cluster.down("--purge")
    shutil.rmtree(cluster.folder, ignore_errors=True)
