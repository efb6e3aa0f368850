"""What no sequence of bookings may ever reach, on a node with NUMA nodes and GPUs. Failures name the rule."""

import copy
import dataclasses
import fractions
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver import cpuset, quantity
from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.booking.booking import Booking, Refusal
from kohakuriver.placement.request import asked_by
from tests.apiserver.writing import a_gpu, a_node

Json = dict[str, Any]

NUMA = (frozenset({0, 1, 2, 3}), frozenset({4, 5}))
NODE = a_node(
    cores="6",
    memory="8Gi",
    numa=tuple(cpuset.written(cores) for cores in NUMA),
    gpus=(a_gpu(0), a_gpu(1, numa=1), a_gpu(2, numa=1, model="H100"), a_gpu(3, healthy=False)),
)
NODE["status"]["sshPorts"]["last"] = 30004
RATIOS = ("1", "1.5", "4")


def giving(ratio: str) -> Json:
    """The node, which gives each core so often."""
    return {**NODE, "status": {**NODE["status"], "cpuOvercommit": ratio}}


SPECS = st.builds(
    lambda cores, memory, exclusive, numa, gpus: {
        "resources": {
            "cores": max(1, int(cores)) if exclusive else cores,
            "memory": memory,
            **({"exclusive": True} if exclusive else {}),
        },
        "placement": {
            **({} if numa is None else {"numa": numa}),
            **({} if gpus is None else {"gpus": gpus}),
        },
        "ssh": {},
    },
    st.sampled_from([0.5, 1, 2, 3, 6]),
    st.sampled_from(["512Mi", "1Gi", "3Gi"]),
    st.booleans(),
    st.sampled_from([None, None, 0, 1]),
    st.sampled_from([None, None, {"count": 1}, {"count": 2}, {"ids": [0]}, {"count": 1, "model": "h100"}]),
)
VERBS = (
    "book", "book", "release", "regrant", "free", "resize", "resize", "apply", "restart", "bury", "confirm",
    "newport", "ratio",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 4), SPECS), max_size=40)


@dataclasses.dataclass
class World:
    """One node's record, the VPSes bound to it, and what their containers really have."""

    allocation: Json = dataclasses.field(default_factory=lambda: {"metadata": {"name": "n1"}, "bookings": {}})
    vpses: dict[str, Json] = dataclasses.field(default_factory=dict)
    containers: dict[str, Json] = dataclasses.field(default_factory=dict)  # the buried too
    buried: set[str] = dataclasses.field(default_factory=set)
    ratio: str = "1"

    def grant(self, uid: str) -> Json:
        grant: Json = self.vpses[uid]["status"]["assignment"]["grant"]
        return grant

    def grants(self) -> dict[str, Json]:
        return {uid: self.grant(uid) for uid in self.vpses}

    def step(self, verb: str, uid: str, spec: Json) -> None:
        if verb == "confirm" and uid in self.buried:
            self.buried.discard(uid)
            self.containers.pop(uid, None)
            self.allocation = booking.free(self.allocation, uid)
        elif verb == "ratio":
            self.ratio = RATIOS[int(uid[1:]) % len(RATIOS)]
        elif verb == "book" and uid not in self.vpses:
            metadata = {"name": uid, "namespace": "default", "uid": uid}
            vps = {"metadata": metadata, "spec": spec}
            self._take(vps, booking.book(self.allocation, giving(self.ratio), vps, epoch=1, id_="b"))
        elif uid in self.vpses:
            self._step_bound(verb, uid, spec)

    def _step_bound(self, verb: str, uid: str, spec: Json) -> None:
        vps, runs, node = self.vpses[uid], "cores" in self.grant(uid), giving(self.ratio)
        match verb:
            case "free":
                self.containers.pop(uid, None)
                del self.vpses[uid]
                self.allocation = booking.free(self.allocation, uid)
            case "bury":
                del self.vpses[uid]
                self.buried.add(uid)
                self.allocation = booking.bury(self.allocation, vps, since="then", why="test")
            case "release" if runs:
                self.containers.pop(uid, None)
                self._take(vps, booking.release(self.allocation, vps))
            case "regrant" if not runs:
                self._take(vps, booking.regrant(self.allocation, node, vps))
            case "resize" if runs:
                new = {**vps, "spec": spec}
                self._take(new, booking.resize(self.allocation, node, new, before=asked_by(vps)))
            case "newport":
                strangers = {self.grant(uid)["sshPort"]}
                self._take(vps, booking.move_port(self.allocation, node, vps, strangers=strangers))
            case "apply" | "restart" if runs:
                self._apply(uid, restart=verb == "restart")

    def _take(self, vps: Json, result: Booking | Refusal) -> None:
        if isinstance(result, Booking):
            assignment = {"node": "n1", "epoch": 1, "id": "b", "grant": result.grant}
            self.vpses[vps["metadata"]["uid"]] = {**vps, "status": {"assignment": assignment}}
            self.allocation = result.allocation

    def _apply(self, uid: str, *, restart: bool) -> None:
        """What the agent does: cores and memory live, GPUs when the container is made anew."""
        has = dict(self.grant(uid))
        if not restart and uid in self.containers:
            has.pop("gpus", None)
            has |= {field: value for field, value in self.containers[uid].items() if field == "gpus"}
        self.containers[uid] = has
        settled = booking.settle(self.allocation, self.vpses[uid], has)
        self.allocation = settled or self.allocation


@given(st.sampled_from(RATIOS), STEPS)
def test_no_sequence_of_steps_gives_anything_of_a_node_twice(
    ratio: str, steps: list[tuple[str, int, Json]]
) -> None:
    world = World(ratio=ratio)
    for verb, number, spec in steps:
        uid, before = f"u{number}", copy.deepcopy(world.allocation["bookings"])
        had = world.grants()
        world.step(verb, uid, spec)
        after = world.allocation["bookings"]
        changed = {owner for owner in {*before, *after} if before.get(owner) != after.get(owner)}
        assert changed <= {uid}, "others' bookings stay"
        check_record(after)
        check_cores(world.ratio, (before, had), (after, world.grants()))
        check_holders(world, after)


def test_a_vps_that_gives_its_cores_up_to_share_runs_on_them_until_they_are_free() -> None:
    world = World()
    alone = {"resources": {"cores": 3, "memory": "512Mi", "exclusive": True}, "ssh": {}}
    world.step("book", "u2", {**alone, "placement": {"numa": 0}})
    world.step("book", "u3", alone)
    world.step("resize", "u2", {**alone, "resources": {"cores": 2, "memory": "512Mi"}})
    entries = world.allocation["bookings"]
    held = {uid: entry["cpuset"] for uid, entry in entries.items()}
    assert held == {"u2": "0-2", "u3": "3-5"}, "nobody else gets them before its container has left them"
    check_record(entries)
    check_cores("1", ({}, {}), (entries, world.grants()))
    assert cores_to_run_on(entries, "u2") == {0, 1, 2}


def check_record(entries: Json) -> None:
    """The rules of one record."""
    sets = [cpuset.parse(entry.get("cpuset") or "") for entry in entries.values()]
    gpus = [uuid for entry in entries.values() for uuid in entry.get("gpus") or ()]
    ports = [entry["sshPort"] for entry in entries.values() if "sshPort" in entry]
    assert len(frozenset().union(*sets)) == sum(map(len, sets)), "one exclusive core held by two VPSes"
    assert len(set(gpus)) == len(gpus), "one GPU held by two VPSes"
    assert len(set(ports)) == len(ports), "one port booked twice"
    assert all(30000 <= port <= 30004 for port in ports), "a port outside of the node's range"
    memory = sum(quantity.size(entry.get("memory", 0)) for entry in entries.values())
    assert memory <= 8 << 30, "memory over-booked"
    for uid in entries:
        assert is_alone(entries[uid]) or cores_to_run_on(entries, uid), "a share without a core to run on"


def check_cores(ratio: str, before: tuple[Json, Json], after: tuple[Json, Json]) -> None:
    """On the node and on each of its NUMA nodes: who holds cores alone shares them with nobody, all others
    have at most RATIO times the rest, and what is over that since the ratio was lowered never grows."""
    for number, there in ((None, 6000), (0, 4000), (1, 2000)):
        over = [beyond(there, ratio, *state, number=number) for state in (before, after)]
        assert over[1] <= max(over[0], 0), f"cores of {'the node' if number is None else number} over-booked"
    for uid, entry in after[0].items():
        share = 0 if is_alone(entry) else quantity.millicores(entry["cores"])
        grew = quantity.millicores(before[0].get(uid, {}).get("cores", 0)) < share
        assert share <= 6000 or not grew, "a share of more cores than there are"


def beyond(there: int, ratio: str, entries: Json, grants: Json, *, number: int | None) -> fractions.Fraction:
    """Millicores that are booked beyond what there is, as cores that are held alone count."""
    alone = shares = 0
    for uid, entry in entries.items():
        own, held = cpuset.parse(entry.get("cpuset") or ""), quantity.millicores(entry.get("cores", 0))
        if number is not None:
            grant = grants.get(uid) or {}
            pinned = grant.get("numa") == number
            own, held = own & NUMA[number], quantity.millicores(grant.get("cores", 0)) if pinned else 0
        kept = 1000 * len(own)
        alone += kept if number is not None else min(kept, held)
        shares += max(0, held - kept)
    return alone + shares / fractions.Fraction(ratio) - there


def is_alone(entry: Json) -> bool:
    """Whether it runs on cores of its own, or not at all."""
    return bool(entry.get("exclusive")) or "cores" not in entry


def cores_to_run_on(entries: Json, uid: str) -> frozenset[int]:
    """All that nobody else holds alone. What it held alone itself, it may share until its container does."""
    others = [cpuset.parse(entries[other].get("cpuset") or "") for other in entries if other != uid]
    return frozenset().union(*NUMA).difference(*others)


def check_holders(world: World, entries: Json) -> None:
    """The rules between a record and those who hold something of it."""
    assert entries.keys() == world.vpses.keys() | world.buried, "exactly the bound and the buried are booked"
    for uid, vps in world.vpses.items():
        grant, wanted = world.grant(uid), asked_by(vps)
        check_within(grant, entries[uid], "granted more than is booked")
        if "cores" in grant:
            assert len(cpuset.parse(grant.get("cpuset") or "")) == wanted.exclusive, "not the cores asked for"
            assert len(grant.get("gpus") or ()) == wanted.gpus.count, "not the GPUs asked for"
            assert "GPU-n1-3" not in (grant.get("gpus") or ()), "a GPU given that is not healthy"
    for uid, container in world.containers.items():
        if uid in entries:
            check_within(container, entries[uid], "a container with more than is booked for it")


def check_within(part: Json, whole: Json, rule: str) -> None:
    assert quantity.millicores(part.get("cores", 0)) <= quantity.millicores(whole.get("cores", 0)), rule
    assert quantity.size(part.get("memory", 0)) <= quantity.size(whole.get("memory", 0)), rule
    assert cpuset.parse(part.get("cpuset") or "") <= cpuset.parse(whole.get("cpuset") or ""), rule
    assert set(part.get("gpus") or ()) <= set(whole.get("gpus") or ()), rule
