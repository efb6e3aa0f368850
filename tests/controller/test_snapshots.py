"""When the schedules are looked at, and what becomes of a write that does not succeed."""

import asyncio
import contextlib
import random

import pytest

from kohakuriver import errors
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import key_of
from kohakuriver.controller.snapshots import BATCH, Snapshots
from kohakuriver.controller.world import World
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime

DUE = 2 * 60


def a_vps(name="dev", *, version=7, **spec):
    spec = {"runState": "Running", "resources": {"cores": 1, "memory": "1Gi"}, **spec}
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "VPS",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"u-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2025-12-31T23:00:00Z",
        },
        "spec": spec,
        "status": {
            "assignment": {
                "node": "n1",
                "epoch": 1,
                "boundAt": "2025-12-31T23:00:00Z",
                "grant": {"cores": "1", "memory": "1Gi"},
            },
            "observed": {"epoch": 1, "state": "running", "container": {"id": "c1"}},
        },
    }


def a_snapshot(name, *, version=8, uid="", keep_for=None, of="dev"):
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid or f"u-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "vps": {"name": of, "uid": f"u-{of}", "node": "n1"},
            "cause": "Manual",
            **({"keepFor": keep_for} if keep_for else {}),
        },
        "status": {"phase": "Ready", "takenAt": "2026-01-01T00:00:00Z"},
    }


class Asked:
    """Writes that are only counted; those to come fail as they are told to."""

    def __init__(self):
        self.created, self.removed, self.failures = [], [], []

    async def create_snapshot(self, vps, name):
        self.created.append(name)
        self._fail()
        return a_snapshot(name, version=100 + len(self.created), of=vps["metadata"]["name"])

    async def remove_snapshot(self, namespace, name, *, uid):
        self.removed.append((name, uid))
        self._fail()

    def _fail(self):
        if self.failures:
            raise self.failures.pop(0)


class Told:
    def __init__(self):
        self.words = []

    def warning(self, about, reason, message):
        self.words.append((about["metadata"]["name"], reason, message))


@contextlib.asynccontextmanager
async def running(*vpses, snapshots=(), leads=True):
    """A world with these, and Snapshots at work in it; `led.leads` says whether it leads."""
    clock, asked, told = LoopClock(), Asked(), Told()
    async with Client(Connection(server="http://127.0.0.1:9"), program="test") as client:
        world = World(client, clock=clock, chance=random.Random(1))  # noqa: S311 - the same in every run
        for vps in vpses:
            world.vpses.overlay(vps)
        for snapshot in snapshots:
            world.snapshots.overlay(snapshot)
        asked.leads = leads
        kept = Snapshots(world, asked, told, clock=clock, is_leading=lambda: asked.leads)
        task = asyncio.create_task(kept.run())
        try:
            yield kept, world, asked, told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


PLAN = {"schedule": "2 * * * *"}
NAME = "dev-20260101-0002"


async def test_it_is_looked_at_when_it_is_due_though_nothing_has_changed():
    async with running(a_vps(snapshots=PLAN)) as (_, _, asked, _):
        await asyncio.sleep(DUE - 1)
        assert asked.created == ["dev-20251231-2302"], "the one that was missed"
        await asyncio.sleep(2)
        assert asked.created[1:] == [NAME]
        await asyncio.sleep(3000)
        assert len(asked.created) == 2


async def test_a_standby_writes_nothing_and_takes_up_what_is_due_once_it_leads():
    async with running(a_vps(snapshots=PLAN), leads=False) as (kept, _, asked, _):
        await asyncio.sleep(DUE + 1)
        assert asked.created == []
        asked.leads = True
        kept.poke()
        await asyncio.sleep(1)
        assert asked.created == [NAME]


async def test_one_that_is_there_already_is_done():
    async with running(a_vps(snapshots=PLAN)) as (_, world, asked, told):
        asked.failures = [errors.AlreadyExists("it is there")]
        await asyncio.sleep(1)
        world.vpses.overlay(a_vps(snapshots=PLAN, version=9))
        await asyncio.sleep(1)
        assert asked.created == ["dev-20251231-2302"]
        assert told.words == []


async def test_a_server_that_does_not_answer_is_asked_again_soon():
    async with running(a_vps(snapshots=PLAN)) as (_, _, asked, told):
        asked.failures = [errors.Unreachable("no route"), errors.OutcomeUnknown("silence")]
        await asyncio.sleep(11)
        assert asked.created == ["dev-20251231-2302"] * 3
        assert told.words == []


async def test_a_refusal_is_told_once_and_tried_again_later():
    async with running(a_vps(snapshots=PLAN)) as (_, world, asked, told):
        asked.failures = [errors.Forbidden("exceeded quota"), errors.Forbidden("exceeded quota: still")]
        await asyncio.sleep(1)
        world.vpses.overlay(a_vps(snapshots=PLAN, version=9))
        await asyncio.sleep(100)
        assert len(asked.created) == 2
        assert told.words == [
            (
                "dev",
                "SnapshotNotTaken",
                "the snapshot that was due at 2025-12-31 23:02:00 UTC was not taken: exceeded quota",
            )
        ]


async def test_a_zone_that_is_unknown_here_is_told_and_harms_nobody_else():
    odd = a_vps("odd", snapshots={**PLAN, "timeZone": "Mars/Olympus"})
    async with running(odd, a_vps(snapshots=PLAN)) as (_, _, asked, told):
        await asyncio.sleep(DUE + 1)
        assert asked.created == ["dev-20251231-2302", NAME]
        assert told.words == [
            (
                "odd",
                "SnapshotNotTaken",
                'its schedule of snapshots cannot be read: unknown time zone "Mars/Olympus"',
            )
        ]


@pytest.mark.parametrize("plan", [{"schedule": 7}, {"keepLast": "many"}, {"keepFor": "soon"}, ["daily"]])
async def test_a_plan_that_makes_no_sense_is_left_alone(plan):
    async with running(a_vps("odd", snapshots=plan), a_vps(snapshots=PLAN)) as (_, _, asked, _):
        await asyncio.sleep(1)
        assert asked.created == ["dev-20251231-2302"]


async def test_each_is_removed_once_by_its_uid_when_its_time_is_over():
    async with running(snapshots=[a_snapshot("short", keep_for="1m")]) as (_, world, asked, _):
        await asyncio.sleep(59)
        assert asked.removed == []
        await asyncio.sleep(2)
        world.snapshots.overlay(a_snapshot("short", keep_for="1m", version=9))
        await asyncio.sleep(60)
        assert asked.removed == [("short", "u-short")]
        world.snapshots.overlay(a_snapshot("short", keep_for="1m", version=10, uid="another"))
        await asyncio.sleep(1)
        assert asked.removed[1:] == [("short", "another")]


async def test_a_removal_that_failed_is_tried_again():
    async with running(snapshots=[a_snapshot("short", keep_for="1m")]) as (_, _, asked, _):
        asked.failures = [errors.OutcomeUnknown("silence"), errors.Unavailable("etcd is away")]
        await asyncio.sleep(120)
        assert asked.removed == [("short", "u-short")] * 3


async def test_who_waits_for_one_keeps_it_until_it_has_begun():
    copy = a_vps("copy", filesFrom={"snapshot": "short"})
    del copy["status"]["observed"]
    again = a_vps("again", filesFrom={"snapshot": "other"}, replaceFiles=3)
    again["status"]["observed"]["replaceFiles"] = 2
    of = [a_snapshot(name, keep_for="1m") for name in ("short", "other", "third")]
    async with running(copy, again, snapshots=of) as (_, world, asked, _):
        await asyncio.sleep(90)
        assert asked.removed == [("third", "u-third")]
        world.vpses.overlay(a_vps("copy", filesFrom={"snapshot": "short"}, version=9))
        await asyncio.sleep(1)
        assert asked.removed[1:] == [("short", "u-short")]
        heard = a_vps("again", filesFrom={"snapshot": "other"}, replaceFiles=3, version=9)
        heard["status"]["observed"]["replaceFiles"] = 3
        world.vpses.overlay(heard)
        await asyncio.sleep(1)
        assert asked.removed[2:] == [("other", "u-other")]


async def test_many_with_a_plan_do_not_hold_the_others_up():
    async with running(*(a_vps(f"v{number}", snapshots=PLAN) for number in range(3 * BATCH))) as (
        _,
        world,
        asked,
        _,
    ):
        await asyncio.sleep(1)
        assert 10 < len(asked.created) < 25, "created at a walk"
        await asyncio.sleep(60)
        assert len(set(asked.created)) == len(asked.created) == 3 * BATCH
        for vps in world.vpses:
            world.vpses.drop(key_of(vps))
        await asyncio.sleep(DUE)
        assert len(asked.created) == 3 * BATCH
