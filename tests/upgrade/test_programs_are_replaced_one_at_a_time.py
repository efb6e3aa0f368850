"""Two versions in one cluster, in each order that somebody may replace its programs in, and back again."""

import contextlib
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.access.person import person
from tests.e2e.api import VPSES
from tests.e2e.conftest import Cluster, a_manifest, eventually, free_port
from tests.e2e.processes import Process
from tests.upgrade.version import BEFORE, NOW
from tests.upgrade.world import World

SERVES = 'command: [httpd, -f, -p, "127.0.0.1:8080", -h, /etc]'
COUNTS = "i=0; while :; do i=$((i+1)); echo line-$i-; sleep 0.1; done"
RULES = """\
apiVersion: kohakuriver.io/v1alpha1
kind: Policy
metadata: {name: calm}
spec: {longestStopGracePeriod: 10m, highestPriority: 100}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: share, namespace: default}
spec: {hard: {requests.memory: 8Gi, count/vpses.kohakuriver.io: "10"}}
"""


class Life:
    """What goes on in a cluster before anything is replaced, and is to go on whatever is."""

    def __init__(self, world: World) -> None:
        self.world = world
        one = world.cluster
        one.apply(RULES)
        volumes = "  volumes: [{name: data, target: /data}]\n"
        one.apply(
            "---\n".join(
                (
                    a_manifest("web", more=f"  {SERVES}\n"),
                    a_manifest("keeper", more=volumes),
                    a_manifest("halted"),
                )
            )
        )
        eventually(
            lambda: world.phases() == dict.fromkeys(("web", "keeper", "halted"), "running"), within=120
        )
        one.ok("exec", "keeper", "--", "sh", "-c", "echo kept >/data/file")
        one.ok("vps", "stop", "halted")
        one.ok("env", "create", "saved", "--from", "keeper")
        self.alice = one.folder / "alice.config"
        one.ok("token", "create", "--user", "alice", "-n", "default", "--kubeconfig", self.alice)
        eventually(lambda: world.phases()["halted"] == "stopped")
        self.told = ""
        self.last = 0

    @contextlib.contextmanager
    def goes_on(self) -> Iterator[None]:
        """With a terminal in which something counts, one that was left, and a forward."""
        one = self.world.cluster
        with person(one, "connect", "web", "--session", "left") as she:
            she.prompt()
            self.shell = she.ask("echo $$").strip()
            she.type("\r~.")
            assert she.leaves() == 0
        port = free_port()
        forward = Process(
            "forward",
            [str(one.bin / "kohakuriver"), "forward", "web", f"{port}:8080"],
            one.folder / "forward.log",
            one.environment(),
        )
        self.url = f"http://127.0.0.1:{port}/hostname"
        with person(one, "connect", "web") as self.she:
            self.she.prompt()
            self.she.type(f"{COUNTS}\r")
            forward.start()
            try:
                eventually(self._is_forwarded)
                yield
            finally:
                forward.kill()
            self.everything_was_told_once()

    def is_untouched(self, commands: Cluster) -> None:
        """Who was inside is inside, what ran runs, and what was declared is there."""
        self._counts_on()
        eventually(self._is_forwarded)  # each request is a stream of its own: the agent is connected again
        with person(commands, "connect", "web", "--session", "left") as he:
            he.sees("back in session left")
            assert he.ask("echo $$").strip() == self.shell
            he.type("\r~.")
            assert he.leaves() == 0
        assert commands.ok("exec", "keeper", "--", "cat", "/data/file") == "kept\n"
        assert self.world.api_of(self.alice).get(f"{VPSES}/web")["metadata"]["name"] == "web"

    def _counts_on(self) -> None:
        found = self.she.sees(rf"(?s)(.*?line-{self.last + 1}-.*?line-(\d+)-)")
        self.told += found.group(1).decode()
        self.last = int(found.group(2))

    def everything_was_told_once(self) -> None:
        self.she.type("\x03")
        lines = [int(one) for one in re.findall(r"line-(\d+)-", self.told)]
        assert lines == list(range(1, self.last + 1))

    def _is_forwarded(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=5) as answer:  # noqa: S310 - our own
                return bool(answer.read())
        except OSError:
            return False


def a_new_vps_runs_and_goes(world: World, name: str) -> None:
    world.api.call("POST", VPSES, yaml.safe_load(a_manifest(name)))
    eventually(lambda: world.phases()[name] == "running")
    world.api.call("DELETE", f"{VPSES}/{name}")
    eventually(lambda: name not in world.phases())


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is not as it was, by field: before and after."""
    keys = sorted(before.keys() | after.keys())
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}


@pytest.mark.parametrize(
    ("first", "steps"),
    [
        (BEFORE, "apiserver controller agent, agent controller apiserver"),
        (BEFORE, "agent controller apiserver, apiserver agent controller"),
        (NOW, "apiserver agent controller, agent apiserver controller"),
    ],
)
def test_nobody_notices_which_program_is_of_which_version(new_world, versions, first, steps):
    there, back = (one.split() for one in steps.split(","))
    other = NOW if first == BEFORE else BEFORE
    world: World = new_world(versions[first])
    life = Life(world)
    with life.goes_on():
        life.is_untouched(world.cluster)
        containers, objects, holders = world.containers(), world.objects(), world.holders()
        assert set(containers) == {"web", "keeper", "halted"}
        assert len(holders) == 1
        for version, programs in ((other, there), (first, back)):
            commands = world.with_commands_of(versions[version])
            for step, program in enumerate(programs):
                world.replace(program, versions[version])
                what = f"{program} is of {version}: {world.versions}"
                life.is_untouched(commands)
                a_new_vps_runs_and_goes(world, f"new-{version}-{step}")
                assert world.is_silent() == [], what
                assert world.containers() == containers, what
                assert differences(objects, world.objects()) == {}, what
                assert world.holders() == holders, what
