"""etcd comes back from an older backup: what it does not know of is left alone, and named."""

import shutil
import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

RELISTS = 8.0  # seconds in which something would be removed, were it to be


def _back_up(bed: Bed) -> None:
    bed.etcd.kill()
    shutil.copytree(bed.etcd.folder / "data", bed.folder / "backup", dirs_exist_ok=True)
    bed.etcd.start()
    bed.await_api()


def _restore(bed: Bed) -> None:
    bed.etcd.kill()
    shutil.rmtree(bed.etcd.folder / "data")
    (bed.folder / "backup").rename(bed.etcd.folder / "data")
    bed.etcd.start()


@pytest.mark.fault(39)
@pytest.mark.parametrize("servers", ["stopped meanwhile", "running all along"])
def test_containers_that_a_restored_store_does_not_know_run_on_and_are_named(bed: Bed, servers):
    node = bed.nodes["n1"]
    bed.running("older")
    bed.running("deleted-since")
    _back_up(bed)
    bed.delete("deleted-since")
    eventually(lambda: not bed.exists("deleted-since"))
    bed.running("later")
    bed.running("later-there", node="n2")
    before = [node.container(name)["State"] for name in ("older", "later")]
    since = time.time()

    programs = (bed.apiserver, *bed.controllers) if servers == "stopped meanwhile" else ()
    for program in programs:
        program.kill()
    _restore(bed)
    for program in programs:
        program.start()
    bed.await_api()

    eventually(lambda: not bed.exists("later"))
    name = node.container("later")["Name"].lstrip("/")
    try:
        eventually(lambda: name in (bed.node("n1")["status"].get("unknown") or []))
        bed.until("older", "running")
        time.sleep(RELISTS)
        assert [node.container(name)["State"] for name in ("older", "later")] == before
        assert node.happenings("later", since) == []
        assert bed.nodes["n2"].container("later-there")["State"]["Running"]
        assert "later" not in bed.bookings("n1")
        bed.running("new")
    finally:
        for each, called in ((node, "later"), (bed.nodes["n2"], "later-there")):
            for container in each.containers(called):
                each.engine.remove_container(container["Id"], force=True)
    eventually(lambda: not bed.node("n1")["status"].get("unknown"))
