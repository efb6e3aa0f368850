"""etcd is restored from an older backup: what lives is left alone, told, and taken over again by a person.

Three ways: with the step that the documentation asks for, without it, and from an old copy of etcd's data
directory under servers that were all restarted, which only the agents can tell.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import LEASES, VPSES
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


def _documented(bed: Bed) -> Callable[[], None]:
    backup = bed.folder / "backup"
    bed.etcd.save(backup)

    def restore() -> None:
        bed.etcd.restore(backup)
        step = [sys.executable, "-m", "kohakuriver.apiserver", "--etcd", bed.etcd.url, "--after-restore"]
        said = subprocess.run(step, capture_output=True, text=True, check=True).stdout
        assert "kohakuriver node accept NODE" in said

    return restore


def _forgotten(bed: Bed) -> Callable[[], None]:
    backup = bed.folder / "backup"
    bed.etcd.save(backup)
    return lambda: bed.etcd.restore(backup)


def _copied(bed: Bed) -> Callable[[], None]:
    copy = bed.folder / "copy"
    bed.etcd.copy_data(copy)
    bed.await_api()
    return lambda: bed.etcd.put_data_back(copy)


def _cli(bed: Bed, *words: str) -> str:
    command = [str(Path(sys.executable).with_name("kohakuriver")), *words]
    environment = {**os.environ, "KOHAKURIVER_CONFIG": str(bed.config("admin"))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _tell_every_agent(bed: Bed) -> None:
    """Each node has made renewals far beyond the backup, as in any cluster whose backup is not seconds old.

    An agent can tell that the store went back only by what it was told after the backup, and only until
    the restored store has counted that far again.
    """
    for count in range(40):
        bed.api.patch(f"{VPSES}/before", {"metadata": {"annotations": {"count": str(count)}}})
    for _ in range(2):  # the second follows on the answer to the first
        told = {name: _renewed(bed, name) for name in bed.nodes}
        eventually(lambda told=told: all(_renewed(bed, name) != told[name] for name in bed.nodes))


def _renewed(bed: Bed, node: str) -> str:
    leases = LEASES.format(namespace="kohakuriver-node-lease")
    return str(bed.api.get(f"{leases}/{node}")["metadata"]["resourceVersion"])


def _strays(bed: Bed, node: str) -> list[str]:
    return [one["vps"] for one in bed.node(node)["status"].get("unknown") or ()]


def _quarantined(bed: Bed, node: str) -> Any:
    return bed.node(node)["status"].get("quarantine")


@pytest.mark.fault(39)
@pytest.mark.parametrize("prepare", [_documented, _forgotten, _copied])
def test_a_restored_store_ends_no_vps_and_what_it_forgot_is_taken_over_again(
    doomed_bed: Bed, prepare: Callable[[Bed], Callable[[], None]]
):
    bed, node = doomed_bed, doomed_bed.nodes["n1"]
    bed.running("before")
    bed.running("gone")
    restore = prepare(bed)
    bed.delete("gone")
    eventually(lambda: not bed.exists("gone"))
    after = bed.running("after", resources={"cores": "1.5", "memory": "64Mi"})
    _tell_every_agent(bed)
    version = bed.api.get(VPSES)["metadata"]["resourceVersion"]
    alive = {name: node.container(name) for name in ("before", "after")}
    since = time.time()

    for process in (bed.apiserver, *bed.controllers):
        process.kill()
    restore()
    for process in (bed.apiserver, *bed.controllers):
        process.start()
    bed.await_api()

    # Nothing is changed, everything is told.
    eventually(lambda: all(_quarantined(bed, name) for name in bed.nodes))
    eventually(lambda: _strays(bed, "n1") == ["after"])
    assert not bed.exists("after")
    eventually(lambda: "n1 is in quarantine" in bed.message("gone"))
    if prepare is not _copied:  # there the servers do not know, and count on from the backup
        watch = bed.api.get(f"{VPSES}?watch=1&resourceVersion={version}&timeoutSeconds=2")
        assert watch["object"]["code"] == 410
    bed.create("fresh")
    eventually(lambda: "in quarantine" in bed.message("fresh"))
    assert "Quarantined" in _cli(bed, "node", "list")
    told = _cli(bed, "node", "status", "n1")
    assert "kohakuriver vps adopt after -n default" in told and "kohakuriver node accept n1" in told

    # What is declared again is not made a second time.
    bed.create("after", resources={"cores": "1.5", "memory": "64Mi"})
    _cli(bed, "node", "accept", "n2")
    bed.until("fresh", "running")
    eventually(lambda: "kohakuriver vps adopt after" in bed.message("after"))
    assert bed.nodes["n2"].containers("after") == []

    # A person takes it over, and ends the quarantine.
    assert "adopted" in _cli(bed, "vps", "adopt", "after")
    adopted = bed.until("after", "running")
    assert adopted["metadata"]["uid"] == after["metadata"]["uid"]
    assert bed.bookings("n1")["after"]["cores"] in ("1.5", "1500m")
    _cli(bed, "node", "accept", "--all")
    bed.until("gone", "running")
    assert not _quarantined(bed, "n1")
    assert {name: node.container(name)["Id"] for name in alive} == {
        name: one["Id"] for name, one in alive.items()
    }
    for name in alive:
        assert node.happenings(name, since) == []
        assert node.container(name)["State"] == alive[name]["State"]
    assert _strays(bed, "n1") == []
