"""Who is frozen for which snapshot, and who makes way for what."""

import asyncio

import pytest

from kohakuriver.agent.snapshots.takes import STALE, Take, Takes
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime


@pytest.fixture
async def takes() -> Takes:
    return Takes(clock=LoopClock())


def begun(takes: Takes) -> Take:
    take = Take("dev-1", uid="s1", vps="u1", container="c1")
    takes.begin(take)
    return take


async def test_it_counts_as_frozen_until_no_look_can_say_so_any_more(takes: Takes) -> None:
    take = begun(takes)
    assert takes.frozen_for("u1") == ""
    take.is_frozen = True
    assert takes.frozen_for("u1") == "dev-1"
    takes.thawed(take)
    takes.end(take)
    assert takes.frozen_for("u1") == "dev-1"
    await asyncio.sleep(STALE + 0.1)
    assert takes.frozen_for("u1") == ""
    assert takes.of_snapshot("s1") is None


async def test_it_makes_way_for_its_own_container_and_no_other(takes: Takes) -> None:
    take = begun(takes)
    takes.make_way("u2", "c1", "no")
    takes.make_way("u1", "c0", "the old one goes")
    assert not take.interrupted.is_set()
    takes.make_way("u1", "c1", "the VPS is declared Stopped")
    takes.make_way("u1", "c1", "the VPS was deleted")
    assert take.interrupted.is_set() and take.why_not == "the VPS is declared Stopped"


async def test_once_the_files_are_taken_nothing_is_in_the_way(takes: Takes) -> None:
    take = begun(takes)
    take.has_them = True
    takes.make_way("u1", "c1", "the VPS is declared Stopped")
    assert not take.interrupted.is_set()


async def test_what_is_declared_paused_is_frozen_for_no_snapshot(takes: Takes) -> None:
    take = begun(takes)
    take.is_frozen = True
    takes.make_way("u1", "c1", "the VPS is declared Paused", stays_frozen=True)
    assert takes.frozen_for("u1") == ""
    takes.thawed(take)
    takes.end(take)
    assert takes.frozen_for("u1") == ""
