"""Random histories on a simulated cluster: what people do, what breaks, and the rules that always hold.

`make simulate SEEDS=2000` plays more of them. A failure names the rule, the seed and the history; the history
can be pasted into a test as it is.
"""

import asyncio
import inspect
from pathlib import Path

import orjson
import pytest

from kohakuriver import cpuset, image_name
from kohakuriver.apiserver.store.base import Put
from tests.fakes.switches import FakeImage
from tests.system.simulation.cluster import Cluster
from tests.system.simulation.disk import FULL, READ_ONLY, Disk
from tests.system.simulation.gate import Gate, install
from tests.system.simulation.play import Player, play
from tests.system.simulation.rules import Broken, Rules, WatchedEngine, WatchedStore
from tests.system.simulation.steps import FAULTS, Step, a_history
from tests.system.simulation.troubles import SCENES

pytestmark = pytest.mark.looptime(noop_cycles=8)


async def test_whatever_is_done_and_breaks_what_was_declared_is_what_runs(
    seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    troubles = [*filter(None, request.config.getoption("--troubles").split(","))]
    await play(a_history(seed, given_up=0.06, troubles=troubles), tmp_path)


SMALL = {"resources": {"cores": 1, "memory": "512Mi"}}


async def test_snapshots_are_taken_begun_from_and_gone_back_to_while_agents_and_controllers_die(
    tmp_path: Path,
) -> None:
    history = [
        Step(0.0, "create", ("v0", {**SMALL, "snapshots": {"schedule": "* * * * *", "keepLast": 1}})),
        Step(20.0, "snapshot", ("s1", "v0", "")),
        Step(0.5, "kill_agent", ("n1", 6.0)),
        Step(0.0, "kill_agent", ("n2", 6.0)),
        Step(0.0, "kill_agent", ("n3", 6.0)),
        Step(20.0, "restore", ("v0", "s1")),
        Step(0.5, "kill_controller", ("c1", 6.0)),
        Step(0.1, "create", ("v1", {**SMALL, "filesFrom": {"snapshot": "s1"}})),
        Step(1.0, "kill_agent", ("n1", 2.0)),
        Step(0.0, "kill_agent", ("n2", 2.0)),
        Step(0.0, "kill_agent", ("n3", 2.0)),
        Step(60.0, "snapshot", ("s2", "v1", "50s")),
        Step(10.0, "drop", ("s1",)),
        Step(0.0, "create", ("v2", {**SMALL, "filesFrom": {"snapshot": "s1"}})),
    ]
    cluster = await play(history, tmp_path)
    found = {key.rpartition("/")[2]: one for key, one in cluster.store.objects("registry/snapshots/").items()}
    assert [name for name in found if name.startswith("v0-before-")], "the restore set nothing aside"
    assert [name for name in found if name.startswith("v0-2026")], "the schedule took nothing"
    assert {one["status"]["phase"] for one in found.values()} == {"Ready"}
    begun = cluster.stored("v1")
    assert begun is not None and begun["status"]["phase"] == "running"


async def test_a_play_that_does_not_end_is_cut_and_says_how_far_it_had_come(tmp_path: Path) -> None:
    with pytest.raises(
        AssertionError, match=r"no end after 0\.5 s; it had come to \d+\.\d+ s of its own time"
    ):
        await play([Step(1e9, "drop_watches")], tmp_path, bound=0.5)


@pytest.mark.parametrize("trouble", [*SCENES, *FAULTS])
async def test_a_run_can_be_restricted_to_any_trouble_whose_verbs_all_exist(trouble: str) -> None:
    steps = [step for seed in range(20) for step in a_history(seed, troubles=[trouble])]
    signatures = {verb: inspect.signature(getattr(Player, verb)) for verb in {step.verb for step in steps}}
    for step in steps:
        signatures[step.verb].bind(None, *step.about)
    if trouble in FAULTS:
        assert {step.verb for step in steps} & {*FAULTS} == {trouble}


async def test_a_trouble_that_is_misspelt_is_not_taken_for_none() -> None:
    with pytest.raises(ValueError, match="no such troubles: brokendisk"):
        a_history(0, troubles=["brokendisk"])


async def test_a_full_disk_refuses_what_takes_room_and_lets_out_what_frees_it(tmp_path: Path) -> None:
    (folder := tmp_path / "node").mkdir()
    (there := folder / "there").write_text("old")
    disk = Disk(folder)
    disk.fail(FULL)
    try:
        with pytest.raises(OSError, match="No space left on device"):
            (folder / "new").write_text("")
        with there.open("r+") as file:  # it has its room
            file.write("new")
        (tmp_path / "beside").write_text("another disk")
        assert there.read_text() == "new"
        there.unlink()
    finally:
        disk.mend()
    there.write_text("again")


async def test_a_read_only_disk_refuses_every_change(tmp_path: Path) -> None:
    (there := tmp_path / "there").write_text("old")
    disk = Disk(tmp_path)
    disk.fail(READ_ONLY)
    try:
        for change in (there.unlink, lambda: there.rename(tmp_path / "other"), lambda: there.write_text("")):
            with pytest.raises(OSError, match="Read-only file system"):
                change()
        assert there.read_text() == "old"
    finally:
        disk.mend()


async def test_a_frozen_program_takes_no_step_and_goes_on_with_what_came_in_meanwhile() -> None:
    install()
    gate, seen = Gate(), list[str]()

    async def work() -> None:
        try:
            async with asyncio.timeout(5.0):
                await asyncio.sleep(10.0)
        except TimeoutError:
            seen.append(f"ran out, {asyncio.get_running_loop().time():g}")

    with gate.around():
        task = asyncio.create_task(work())
    await asyncio.sleep(1.0)
    gate.close()
    await asyncio.sleep(30.0)
    assert not seen
    gate.open()
    await task
    assert seen == ["ran out, 31"]


@pytest.mark.parametrize(
    ("ratio", "alone", "shares", "is_found"),
    [
        (None, "0-2", (3,), False),
        (None, "0-2", (3, 1), True),
        ("1.5", "0-2", (4, 0.5), False),
        ("1.5", "0-2", (4, 0.6), True),
        ("4", "0-2,4-5", (2, 2), False),
        ("4", "0-2,4-5", (2, 2, 1), True),
    ],
)
async def test_it_is_found_where_more_is_shared_than_a_node_gives(
    ratio: str | None, alone: str, shares: tuple[float, ...], is_found: bool
) -> None:
    count = len(cpuset.parse(alone))
    held = [{"cores": str(count), "cpuset": alone, "exclusive": True}, *({"cores": str(n)} for n in shares)]
    bookings = {f"u{n}": {**one, "epoch": 1, "tombstone": {"why": "it"}} for n, one in enumerate(held)}
    node = {"metadata": {"name": "n1"}, "status": {"cpuOvercommit": ratio} if ratio else {}}
    written = {"nodes/n1": node, "nodeallocations/n1": {"metadata": {"name": "n1"}, "bookings": bookings}}
    store = WatchedStore(rules := Rules())
    writes = [Put(f"/registry/{key}", orjson.dumps(value)) for key, value in written.items()]
    await store.commit(expect={}, writes=writes)
    assert ("cores of a node are over-booked" in rules.broken) is is_found
    assert is_found or not rules.broken


async def test_it_is_found_where_nobody_marks_a_node_that_is_silent(tmp_path: Path) -> None:
    async with Cluster(tmp_path) as cluster:
        await asyncio.sleep(35.0)
        for controller in cluster.controllers.values():
            controller.cancel()  # the dead are still in the list: nobody is said to have done this
        await cluster.machines["n1"].kill()
        await asyncio.sleep(11.0)
        cluster.rules.check()
        await asyncio.sleep(3.0)
        with pytest.raises(Broken, match=r"a silent node is not marked .*n1"):
            cluster.rules.check()


def a_snapshot(phase: str = "", **metadata: str) -> dict[str, object]:
    return {
        "metadata": {"name": "s1", "namespace": "default", "uid": "u-s1", **metadata},
        "spec": {"vps": {"name": "v0", "uid": "u0", "node": "n1"}},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize("has_files", [True, False])
async def test_it_is_found_where_a_snapshot_is_ready_without_its_files(has_files: bool) -> None:
    store = WatchedStore(rules := Rules())
    engine = WatchedEngine("n1", rules)
    if has_files:
        engine.images[image_name.of_snapshot("u-s1")] = FakeImage("sha256:s1")
    for phase in ("Taking", "Ready"):
        written = orjson.dumps(a_snapshot(phase))
        await store.commit(expect={}, writes=[Put("/registry/snapshots/default/s1", written)])
    assert ("ready whose files are not there" in rules.broken) is not has_files


@pytest.mark.parametrize(
    ("waited", "by_somebody", "is_found"), [(0, False, False), (90, False, True), (90, True, False)]
)
async def test_it_is_found_where_a_snapshot_goes_that_a_vps_waits_for(
    waited: int, by_somebody: bool, is_found: bool
) -> None:
    store = WatchedStore(rules := Rules())
    vps = {"metadata": {"name": "v1", "uid": "u1"}, "spec": {"filesFrom": {"snapshot": "s1"}}, "status": {}}
    await store.commit(expect={}, writes=[Put("/registry/vpses/default/v1", orjson.dumps(vps))])
    await asyncio.sleep(waited)
    if by_somebody:
        rules.dropped.add("u-s1")
    written = orjson.dumps(a_snapshot("Failed", deletionTimestamp="2026-01-01T00:00:00Z"))
    await store.commit(expect={}, writes=[Put("/registry/snapshots/default/s1", written)])
    assert ("removed that a VPS waits for" in rules.broken) is is_found
