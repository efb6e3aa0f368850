"""A node, or a hand in etcd, says nonsense: that object says what is wrong, and all others are served."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.api import NODES, VPSES, Object, Refused
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

NODE_KEYS = "/kohakuriver/registry/nodes/"
VPS_KEYS = "/kohakuriver/registry/vpses/default/"
BY_HAND = {
    f"{NODE_KEYS}broken": "[1, 2",
    f"{NODE_KEYS}number": "5",
    f"{VPS_KEYS}broken": "{",
    f"{VPS_KEYS}text": '"a VPS"',
}


def _etcdctl(bed: Bed, *words: str) -> str:
    command = ["etcdctl", f"--endpoints={bed.etcd.url}", *words]
    done = subprocess.run(command, env=_ENVIRONMENT, capture_output=True, check=True, text=True)
    return done.stdout


_ENVIRONMENT = {"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def bad_keys(bed: Bed) -> Iterator[None]:
    for key, value in BY_HAND.items():
        _etcdctl(bed, "put", key, value)
    yield
    for key in BY_HAND:
        _etcdctl(bed, "del", key)


def _spoil(bed: Bed, name: str, **status: Any) -> None:
    """What an API server of before has taken from a node, and stored."""
    key = f"{NODE_KEYS}{name}"
    found: Object = json.loads(_etcdctl(bed, "get", key, "--print-value-only"))
    found["status"].update(status)
    _etcdctl(bed, "put", key, json.dumps(found))


@pytest.mark.fault(61)
def test_a_node_is_taken_at_its_word_only_where_it_can_be_so(bed: Bed) -> None:
    for nonsense in (
        {"allocatable": {"cores": "lots"}},
        {"numa": [{"id": 0, "cpuset": "0-99999999999"}]},
        {"unknown": [{"container": "c", "state": "running", "cores": "many"}]},
    ):
        with pytest.raises(Refused) as refused:
            bed.api.patch(f"{NODES}/n2/status", {"status": nonsense})
        assert refused.value.code == 422


@pytest.mark.fault(61)
@pytest.mark.usefixtures("bad_keys")
def test_what_stands_in_the_store_harms_nobody_else(bed: Bed) -> None:
    bed.running("calm", node="n1")
    bed.nodes["n2"].agent.freeze()  # it would mend its Node at once
    _spoil(bed, "n2", allocatable={"cores": "lots", "memory": "4Gi"}, numa=[{"id": 0, "cpuset": "all"}])
    bed.running("placed", node="n1")
    bed.create("pinned", placement={"node": "n2"})
    eventually(lambda: "n2" in bed.message("pinned") and "cannot be read" in bed.message("pinned"))
    for program in (bed.apiserver, *bed.controllers):
        program.kill()
        program.start()
    bed.await_api()
    bed.running("again", node="n1")
    assert {one["metadata"]["name"] for one in bed.api.get(VPSES)["items"]} >= {"calm", "placed", "again"}
    bed.until("calm", "running")
    bed.nodes["n2"].agent.thaw()
    bed.until("pinned", "running")
