"""A field that cannot change is refused with the way out; what is restarted late is what it was."""

import time

import pytest

from tests.e2e.api import Refused
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


@pytest.mark.fault(44)
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"placement": {"node": "n2"}}, "spec.placement.node"),
        ({"volumes": [{"name": "home", "target": "/srv"}]}, "spec.volumes"),
        ({"placement": {"nodeSelector": {"disk": "ssd"}}}, "spec.placement.nodeSelector"),
    ],
    ids=["another node", "another target", "another selector"],
)
def test_what_cannot_change_while_bound_is_refused_and_nothing_is_lost(bed: Bed, change, field):
    node = bed.nodes["n1"]
    bed.running("fixed", volumes=[{"name": "home", "target": "/home"}])
    node.run("fixed", "sh", "-c", "echo mine > /home/note")
    before = node.container("fixed")

    with pytest.raises(Refused) as refused:
        bed.patch("fixed", **change)

    assert refused.value.code == 422
    assert field in str(refused.value)
    assert "delete" in str(refused.value)
    time.sleep(1)
    after = node.container("fixed")
    assert (after["Id"], after["State"]) == (before["Id"], before["State"])
    assert node.run("fixed", "cat", "/home/note") == "mine\n"


@pytest.mark.fault(22)
def test_a_vps_that_is_restarted_late_has_its_files_its_port_and_its_container(bed: Bed):
    node = bed.nodes["n1"]
    made = bed.running("long", ssh={"passwordless": True})
    node.run("long", "sh", "-c", "echo mine > /root/note")
    port = made["status"]["assignment"]["grant"]["sshPort"]
    before = node.container("long")["Id"]
    bed.patch("long", runState="Stopped")
    bed.until("long", "stopped")
    bed.running("rival", ssh={"passwordless": True})
    node.lose_power()
    time.sleep(7)  # longer than any grace here
    node.boot()
    bed.until("rival", "running")

    bed.patch("long", runState="Running")

    bed.until("long", "running")
    started = node.container("long")["State"]["StartedAt"]
    bed.patch("long", restartRequest="again")
    eventually(lambda: node.container("long")["State"]["StartedAt"] != started)
    after = bed.until("long", "running")
    assert node.container("long")["Id"] == before
    assert node.run("long", "cat", "/root/note") == "mine\n"
    assert after["status"]["assignment"]["grant"]["sshPort"] == port
    assert bed.get("rival")["status"]["assignment"]["grant"]["sshPort"] != port
