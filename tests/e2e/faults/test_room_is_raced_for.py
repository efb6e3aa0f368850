"""More is asked for than there is: what is booked is booked once, and stays booked as long as it is held."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.api import VPSES, Object
from tests.e2e.conftest import BUSYBOX, eventually
from tests.e2e.nodes import Bed

WHOLE = {"cores": "2", "memory": "64Mi"}  # all the cores of a node
QUOTAS = "/api/v1/namespaces/default/resourcequotas"


def a_vps(name: str) -> Object:
    resources = {"cores": "50m", "memory": "16Mi"}
    spec = {"image": BUSYBOX, "resources": resources, "ssh": {"disabled": True}, "stopGracePeriod": "1s"}
    return {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "VPS", "metadata": {"name": name}, "spec": spec}


@pytest.mark.fault(23)
def test_of_six_vpses_that_race_for_four_cores_four_run_and_two_say_why_not(bed: Bed):
    names = [f"racer-{number}" for number in range(6)]

    def ask(name: str) -> None:
        bed.create(name, resources={"cores": "1", "memory": "64Mi"})

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(ask, names))

    def phases() -> list[str]:
        return sorted(bed.phase(name) for name in names)

    eventually(lambda: phases() == ["pending"] * 2 + ["running"] * 4)
    for node in bed.nodes.values():
        assert len(bed.bookings(node.name)) == 2
        assert len(node.containers()) == 2
    waiting = [name for name in names if bed.phase(name) == "pending"]
    for name in waiting:
        eventually(lambda name=name: "cores" in bed.message(name))
    bed.delete(next(name for name in names if name not in waiting))
    eventually(lambda: [bed.phase(name) for name in waiting].count("running") == 1)


@pytest.mark.fault(23)
def test_of_fifty_made_at_once_on_two_servers_as_many_run_as_the_quota_has_room_for(bed: Bed):
    names = [f"racer-{number:02}" for number in range(50)]
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "all"},
        "spec": {"hard": {"requests.cpu": "300m"}},
    }

    def phases() -> dict[str, str]:
        return {one["metadata"]["name"]: one["status"]["phase"] for one in bed.api.get(VPSES)["items"]}

    bed.api.call("POST", QUOTAS, quota)
    try:
        with bed.another_apiserver() as port, ThreadPoolExecutor(10) as pool:
            servers = [bed.api, bed.files.api(port=port)]

            def ask(number: int) -> None:
                servers[number % 2].call("POST", VPSES, a_vps(names[number]))

            list(pool.map(ask, range(len(names))))
            eventually(lambda: sorted(phases().values()) == ["pending"] * 44 + ["running"] * 6)
            assert sum(len(bed.bookings(node)) for node in bed.nodes) == 6
            assert sum(len(node.containers()) for node in bed.nodes.values()) == 6
            waiting = [name for name, phase in phases().items() if phase == "pending"]
            words = "default uses 0.3 of 0.3 cores (quota all): it waits until some are free"
            for name in waiting:
                eventually(lambda name=name: words in bed.message(name))
            assert all(bed.get(name)["status"]["reason"] == "QuotaExceeded" for name in waiting)
            bed.delete(next(name for name in names if name not in waiting))
            eventually(lambda: list(phases().values()).count("running") == 6 and len(phases()) == 49)
            assert sum(len(bed.bookings(node)) for node in bed.nodes) == 6
    finally:
        bed.api.call("DELETE", f"{QUOTAS}/all")


@pytest.mark.fault(26)
def test_a_paused_vps_keeps_what_it_has_booked(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("napping", resources=WHOLE)
    bed.patch("napping", runState="Paused")
    bed.until("napping", "paused")
    assert node.container("napping")["State"]["Paused"]

    bed.create("waiting", placement={"node": "n1"}, resources=WHOLE)

    eventually(lambda: "cores" in bed.message("waiting"))
    assert bed.phase("waiting") == "pending"
    assert list(bed.bookings("n1")) == ["napping"]
    bed.patch("napping", runState="Running")
    bed.until("napping", "running")
    assert bed.phase("waiting") == "pending"


@pytest.mark.fault(26)
def test_a_stopped_vps_gives_its_room_away_and_says_what_it_waits_for(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("first", resources=WHOLE)
    node.run("first", "sh", "-c", "echo mine > /root/note")
    bed.patch("first", runState="Stopped")
    bed.until("first", "stopped")

    bed.running("second", resources=WHOLE)
    bed.patch("first", runState="Running")

    bed.until("first", "pending")
    eventually(lambda: "n1" in bed.message("first") and "cores" in bed.message("first"))
    bed.delete("second")
    bed.until("first", "running")
    assert node.run("first", "cat", "/root/note") == "mine\n"


@pytest.mark.fault(21)
@pytest.mark.parametrize("end", ["stopped", "deleted"])
def test_what_is_ended_while_it_waits_for_its_image_never_starts_later(bed: Bed, end):
    node = bed.nodes["n1"]
    image = f"kohakuriver/late-{end}"
    bed.create("early", placement={"node": "n1"}, image=image)
    eventually(lambda: image in bed.message("early"))

    if end == "stopped":
        bed.patch("early", runState="Stopped")
        bed.until("early", "stopped")
    else:
        bed.delete("early")
        eventually(lambda: not bed.exists("early"))
    node.engine.tag(BUSYBOX, image)
    bed.running("later", image=image)

    assert node.containers("early") == []
    bed.delete("later")
    eventually(lambda: not bed.exists("later"))
    node.engine.remove_image(image)


@pytest.mark.fault(21)
def test_vpses_deleted_as_they_come_up_leave_nothing(bed: Bed):
    names = [f"brief-{number}" for number in range(6)]
    for name in names:
        bed.create(name)
    for name in names:
        bed.delete(name)

    eventually(lambda: not any(bed.exists(name) for name in names))

    for node in bed.nodes.values():
        assert node.containers() == []
        assert bed.bookings(node.name) == {}
