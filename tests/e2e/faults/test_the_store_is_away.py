"""etcd freezes or dies, or the API servers are away: no VPS notices, and nobody is lost by it."""

import http.client
import time

import pytest

from tests.e2e.api import Refused
from tests.e2e.nodes import Bed

AWAY = 9.0  # seconds: twice as long as a node may be silent here
LOOKS = 7.0  # seconds in which a node would be lost now, were it to be: the hold is over by then


def _states(bed: Bed) -> list[object]:
    states = [node.container(f"calm-{node.name}")["State"] for node in bed.nodes.values()]
    return [bed.lost_nodes(), *states]


def _calm(bed: Bed) -> list[object]:
    for name in bed.nodes:
        bed.running(f"calm-{name}", node=name)
    return _states(bed)


def _nobody_was_lost(bed: Bed, before: list[object], since: float) -> None:
    for name, node in bed.nodes.items():
        assert bed.phase(f"calm-{name}") == "running"
        assert "unreachableSince" not in bed.get(f"calm-{name}")["status"]
        assert not {"NodeLost", "NodeBack"} & {why for why, _ in bed.events(f"calm-{name}")}
        assert node.happenings(f"calm-{name}", since) == []
    assert _states(bed) == before


@pytest.mark.fault(38)
def test_a_frozen_etcd_stops_nothing_and_loses_nobody(bed: Bed):
    before, since = _calm(bed), time.time()

    bed.etcd.freeze()
    asked = time.monotonic()
    with pytest.raises(Refused) as refused:
        bed.create("unwritten")
    time.sleep(max(0.0, asked + AWAY - time.monotonic()))
    bed.etcd.thaw()

    assert refused.value.code in (503, 504)
    bed.await_api()
    time.sleep(LOOKS)
    _nobody_was_lost(bed, before, since)
    bed.running("after")


@pytest.mark.fault(37)
def test_an_etcd_killed_and_restarted_has_every_acknowledged_write_and_the_rest_goes_on(bed: Bed):
    before, since = _calm(bed), time.time()
    bed.create("acknowledged", placement={"node": "n2"})

    bed.etcd.kill()
    with pytest.raises(Refused) as refused:
        bed.get("acknowledged")
    assert refused.value.code in (503, 504)
    bed.etcd.start()

    bed.await_api()
    bed.until("acknowledged", "running")
    _nobody_was_lost(bed, before, since)


@pytest.mark.fault(36)
def test_nobody_is_lost_because_the_api_server_was_away(bed: Bed):
    before, since = _calm(bed), time.time()

    bed.apiserver.kill()
    time.sleep(AWAY)
    bed.apiserver.start()

    bed.await_api()
    time.sleep(LOOKS)
    _nobody_was_lost(bed, before, since)
    bed.running("after")


@pytest.mark.fault(36)
def test_nobody_is_lost_because_the_whole_control_plane_was_away(bed: Bed):
    before, since = _calm(bed), time.time()

    for process in (bed.apiserver, *bed.controllers):
        process.kill()
    bed.etcd.kill()
    time.sleep(AWAY)
    bed.etcd.start()
    for process in (bed.apiserver, *bed.controllers):
        process.start()

    bed.await_api()
    time.sleep(LOOKS)
    _nobody_was_lost(bed, before, since)


@pytest.mark.fault(36, 2)
def test_a_node_that_died_while_the_control_plane_was_away_is_lost_after_the_hold(bed: Bed):
    _calm(bed)
    for process in (bed.apiserver, *bed.controllers):
        process.kill()
    bed.nodes["n1"].agent.kill()
    for process in (bed.apiserver, *bed.controllers):
        process.start()

    bed.await_api()
    bed.until("calm-n1", "lost")
    assert bed.phase("calm-n2") == "running"


@pytest.mark.fault(30)
def test_an_acknowledged_write_outlives_the_api_server(bed: Bed):
    acknowledged: list[str] = []
    for number in range(20):
        if number == 10:
            bed.apiserver.kill()
        try:
            bed.create(f"kept-{number}", runState="Stopped")
        except (OSError, http.client.HTTPException):
            continue
        acknowledged.append(f"kept-{number}")
    bed.apiserver.start()
    bed.await_api()

    assert len(acknowledged) == 10
    assert all(bed.exists(name) for name in acknowledged)
