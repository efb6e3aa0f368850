"""Who may lead, by the record alone; and two that compete for it over the real API."""

import asyncio

import pytest

from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.controller.election import Election, Seen, Terms, may_take, taken
from tests.apiserver.api import running_api
from tests.fakes.clock import LoopClock

TERMS = Terms()


def seen(holder, *, since=0.0, duration=10):
    return Seen({"holderIdentity": holder, "leaseDurationSeconds": duration}, "1", since)


@pytest.mark.parametrize(
    ("record", "now", "free"),
    [
        (seen("me"), 0.0, True),
        (seen(""), 0.0, True),
        (seen("other"), 10.0, False),
        (seen("other"), 10.1, True),
        (seen("other", duration=30), 20.0, False),
    ],
)
def test_a_record_is_taken_when_it_is_mine_nobodys_or_has_not_moved(record, now, free):
    assert may_take(record, me="me", now=now, terms=TERMS) is free


def test_transitions_count_holders_not_renewals():
    first = taken(None, me="a", time="T1", terms=TERMS)
    renewed = taken(first, me="a", time="T2", terms=TERMS)
    other = taken(renewed, me="b", time="T3", terms=TERMS)
    assert [spec["leaseTransitions"] for spec in (first, renewed, other)] == [0, 0, 1]
    assert [spec["acquireTime"] for spec in (first, renewed, other)] == ["T1", "T1", "T3"]


@pytest.mark.looptime
async def test_one_of_two_leads_and_the_other_follows_when_it_falls_silent():
    async with running_api() as api:
        connection = Connection(server=api.url, token=api.token("controller"))
        async with Client(connection, program="test") as client:
            one, two = (
                Election(client, clock=LoopClock(), identity=name, terms=TERMS) for name in ("one", "two")
            )
            await one.step()
            await two.step()
            assert (one.is_leading, two.is_leading) == (True, False)
            await asyncio.sleep(TERMS.deadline + 0.1)
            assert not one.is_leading, "a leader that cannot renew stops before another may begin"
            await two.step()
            assert not two.is_leading
            await asyncio.sleep(TERMS.lease - TERMS.deadline)
            await two.step()
            await one.step()
            assert (one.is_leading, two.is_leading) == (False, True)


@pytest.mark.looptime
async def test_a_leader_that_leaves_is_followed_at_once():
    async with running_api() as api:
        connection = Connection(server=api.url, token=api.token("controller"))
        async with Client(connection, program="test") as client:
            one, two = (
                Election(client, clock=LoopClock(), identity=name, terms=TERMS) for name in ("one", "two")
            )
            await one.step()
            await two.step()
            await one.release()
            await two.step()
            assert (one.is_leading, two.is_leading) == (False, True)


@pytest.mark.looptime
async def test_a_lead_that_lapsed_and_was_won_again_is_taken_up_anew():
    """What was heard in between was left to the leader, so the leader has to look at everything again."""
    async with running_api() as api:
        connection = Connection(server=api.url, token=api.token("controller"))
        async with Client(connection, program="test") as client:
            one = Election(client, clock=LoopClock(), identity="one", terms=TERMS)
            await one.step()
            lapsed = asyncio.create_task(one.lost.wait())
            await asyncio.sleep(TERMS.deadline + 0.1)
            assert not one.is_leading and not lapsed.done()
            await one.step()
            async with asyncio.timeout(1):
                await lapsed
            assert one.is_leading and one.won.is_set() and not one.lost.is_set()
