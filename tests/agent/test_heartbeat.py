"""The node's Lease: renewed in time, claimed by one, and a gap that is noticed."""

import asyncio
import contextlib
import datetime
import random
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kohakuriver.agent.heartbeat import LONGEST, Heartbeat, NodeNameTaken, Witness, attempt_timeout, holder
from kohakuriver.agent.quarantine import Seen, Watchman
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime
PATH = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE, name="n1")


class Follower:
    """Knows how far the store has come, as an agent's watches tell it, and takes down what renewals say."""

    def __init__(self) -> None:
        self.revision = 0
        self.renewals: list[tuple[int, int]] = []

    def mark(self) -> int:
        return self.revision

    def renewed(self, revision: int, *, mark: int) -> None:
        self.renewals.append((mark, revision))
        self.revision = revision


@contextlib.asynccontextmanager
async def a_heart(api: Api, holder: str, gaps: list[float] | None = None) -> AsyncIterator[Heartbeat]:
    connection = Connection(server=api.url, token=api.token("n1"))
    async with Client(connection, program="heart", timeout=attempt_timeout(3.0)) as client:
        yield a_heartbeat(client, holder, gaps if gaps is not None else [])


def a_heartbeat(
    client: Client, holder: str, gaps: list[float], *, period: float = 3.0, witness: Witness | None = None
) -> Heartbeat:
    clock = LoopClock()
    return Heartbeat(
        client,
        node="n1",
        holder=holder,
        period=period,
        clock=clock,
        chance=random.Random(1),  # noqa: S311 - jitter, the same in every run
        gap=lambda: gaps.append(clock.monotonic()),
        witness=witness,
    )


async def beating(heart: Heartbeat, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await heart.run()


async def lease(api: Api) -> dict[str, Any]:
    reply = await api.get(PATH)
    return dict(reply.body["spec"])


async def test_a_minute_has_twenty_renewals_give_or_take() -> None:
    async with running_api() as api, a_heart(api, "a") as heart:
        await beating(heart, 60)
        assert 18 <= heart.renewed <= 23
        assert (await lease(api))["leaseDurationSeconds"] == 10


async def test_a_renewal_may_take_a_third_of_the_period_and_never_over_a_second() -> None:
    assert attempt_timeout(3.0) == 1.0
    assert attempt_timeout(0.6) == pytest.approx(0.2)


async def test_an_agent_started_again_renews_its_own_lease_at_once() -> None:
    async with running_api() as api:
        async with a_heart(api, "a") as first:
            await first.step()
        async with a_heart(api, "a") as second:
            before = asyncio.get_running_loop().time()
            await second.claim()
            await second.step()
            assert asyncio.get_running_loop().time() - before < 1
            assert (await lease(api))["leaseTransitions"] == 1
            await second.step()
            assert (await lease(api))["leaseTransitions"] == 1


@pytest.mark.fault(10)
async def test_a_lease_that_another_agent_renews_is_refused() -> None:
    async with running_api() as api, a_heart(api, "a") as first, a_heart(api, "b") as second:
        await first.step()
        renewing = asyncio.create_task(beating(first, 30))
        with pytest.raises(NodeNameTaken, match=r"another agent \(a\) is node n1"):
            await second.claim()
        await renewing
        assert (await lease(api))["holderIdentity"] == "a"


async def test_a_lease_that_nobody_renews_any_more_is_taken_over() -> None:
    async with running_api() as api, a_heart(api, "a") as first, a_heart(api, "b") as second:
        await first.step()
        await second.claim()
        await second.step()
        found = await lease(api)
        assert found["holderIdentity"] == "b" and found["leaseTransitions"] == 1


@pytest.mark.fault(10)
async def test_an_agent_whose_lease_was_taken_ends() -> None:
    async with running_api() as api, a_heart(api, "a") as first, a_heart(api, "b") as second:
        await first.step()
        await second.claim()
        await second.step()
        with pytest.raises(NodeNameTaken):
            await first.step()


@pytest.mark.fault(10)
async def test_the_server_refuses_a_name_in_use_and_names_who_has_it() -> None:
    async with running_api() as api, a_heart(api, "first-machine") as first:
        await first.step()
        found = (await api.get(PATH)).body
        found["spec"] |= {"holderIdentity": "second-machine", "renewTime": "2020-01-01T00:00:00.000000Z"}
        refused = await api.call("PUT", PATH, found, user="n1")
        assert refused.code == 409
        assert "another agent (first-machine) is node n1" in refused.body["message"]
        await asyncio.sleep(12)
        assert (await api.call("PUT", PATH, found, user="n1")).code == 200


@pytest.mark.fault(10)
async def test_of_two_that_start_at_once_one_is_the_node_and_the_other_ends() -> None:
    async with running_api() as api, a_heart(api, "a") as first, a_heart(api, "b") as second:
        await asyncio.gather(first.claim(), second.claim())
        async with asyncio.timeout(30):
            outcomes = await asyncio.gather(beating(first, 10), beating(second, 10), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes].count(NodeNameTaken) == 1
        survivor = "b" if isinstance(outcomes[0], NodeNameTaken) else "a"
        assert (await lease(api))["holderIdentity"] == survivor


@pytest.mark.fault(10)
async def test_the_older_of_two_processes_of_one_agent_ends() -> None:
    async with running_api() as api, a_heart(api, "a") as old, a_heart(api, "a") as new:
        await old.step()
        await new.claim()
        await new.step()
        with pytest.raises(NodeNameTaken):
            await old.step()
        stale = (await api.get(PATH)).body
        stale["spec"]["leaseTransitions"] = 0
        refused = await api.call("PUT", PATH, stale, user="n1")
        assert refused.code == 409 and "a later agent process" in refused.body["message"]
        await new.step()
        assert new.failed == 0


async def test_a_lease_that_is_over_is_taken_without_waiting() -> None:
    async with running_api() as api, a_heart(api, "a") as first, a_heart(api, "b") as second:
        await first.step()
        await asyncio.sleep(30)
        before = asyncio.get_running_loop().time()
        await second.claim()
        assert asyncio.get_running_loop().time() - before < 1
        await second.step()
        found = await lease(api)
        assert (found["holderIdentity"], found["leaseTransitions"]) == ("b", 1)


async def test_an_agent_that_was_up_before_its_server_waits_for_the_lease_of_before_the_boot() -> None:
    store = MemoryStore()
    async with running_api(store) as api, a_heart(api, "before") as before:
        await before.step()
        port = int(api.url.rpartition(":")[2])
    await asyncio.sleep(60)
    connection = Connection(server=f"http://127.0.0.1:{port}", token=token_of("n1"))
    async with Client(connection, program="heart", timeout=attempt_timeout(3.0)) as client:
        after = a_heartbeat(client, "after", [])
        await after.claim()
        assert after.renewed == 0, "no server answers yet"
        async with running_api(store, port=port) as api:
            await beating(after, 20)
            assert (await lease(api))["holderIdentity"] == "after"
            assert after.renewed >= 2


@pytest.mark.fault(10)
async def test_an_agent_that_was_up_before_its_server_ends_all_the_same_where_another_is_the_node() -> None:
    async with running_api() as api, a_heart(api, "a") as first, a_heart(api, "b") as second:
        await first.step()
        renewing = asyncio.create_task(beating(first, 30))
        with pytest.raises(NodeNameTaken, match=r"another agent \(a\) is node n1"):
            await second.step()  # as after a claim that found no server
        await renewing


def test_a_copy_of_the_disk_on_another_machine_is_another_holder() -> None:
    mine = holder("host", "a" * 32, "boot-1-and-more")
    assert mine == "host/aaaaaaaaaaaa/boot-1-a"
    assert (
        len({mine, holder("host", "a" * 32, "boot-2-and-more"), holder("other", "a" * 32, "boot-1-a")}) == 3
    )


async def test_a_gap_in_the_renewals_is_told_once() -> None:
    gaps: list[float] = []
    async with running_api() as api, a_heart(api, "a", gaps) as heart:
        await heart.step()
        await asyncio.sleep(20)
        await heart.step()
        await heart.step()
        assert len(gaps) == 1


async def test_a_lease_deleted_by_hand_is_made_again() -> None:
    async with running_api() as api, a_heart(api, "a") as heart:
        await heart.step()
        await api.call("DELETE", PATH)
        await heart.step()
        await heart.step()
        assert (await lease(api))["holderIdentity"] == "a"


@pytest.mark.fault(36)
async def test_renewals_go_to_the_next_server_and_nobody_notices_a_gap() -> None:
    store, gaps = MemoryStore(), []
    async with running_api(store) as second, contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(running_api(store))
        connection = Connection(server=first.url, others=(second.url,), token=first.token("n1"))
        async with Client(connection, program="heart", timeout=attempt_timeout(3.0)) as client:
            heart = a_heartbeat(client, "a", gaps)
            await beating(heart, 10)
            await stack.aclose()
            before = heart.renewed
            await beating(heart, 10)
    assert heart.renewed >= before + 3
    assert gaps == []


async def test_two_renewals_within_a_second_are_two_writes_and_the_store_never_seems_to_go_back() -> None:
    follower = Follower()
    async with running_api() as api:
        connection = Connection(server=api.url, token=api.token("n1"))
        async with Client(connection, program="heart", timeout=1.0) as client:
            heart = a_heartbeat(client, "a", [], period=0.3, witness=follower)
            for number in range(10):
                await heart.step()
                made = await api.create(kinds.NAMESPACE, {"metadata": {"name": f"another-write-{number}"}})
                follower.revision = int(made["metadata"]["resourceVersion"])
                await asyncio.sleep(0.3)
    assert len(follower.renewals) == 10
    assert all(revision > mark for mark, revision in follower.renewals)


class WholeSeconds(LoopClock):
    """A server that stamps a renewal with whole seconds, as older ones do."""

    def now(self) -> datetime.datetime:
        return super().now().replace(microsecond=0)


async def test_a_renewal_that_changed_nothing_says_nothing_of_how_far_the_store_is() -> None:
    watchman = Watchman(Seen("h1", 0), save=lambda seen: None, clock=LoopClock(), changed=lambda: None)
    async with running_api(clock=WholeSeconds()) as api:
        connection = Connection(server=api.url, token=api.token("n1"))
        async with Client(connection, program="heart", timeout=1.0) as client:
            heart = a_heartbeat(client, "a", [], period=1.0, witness=watchman)
            for number in range(10):
                await heart.step()
                made = await api.create(kinds.NAMESPACE, {"metadata": {"name": f"another-write-{number}"}})
                watchman.reached(int(made["metadata"]["resourceVersion"]))
                await asyncio.sleep(0.3)
    assert heart.renewed == 10
    assert watchman.quarantine is None


@pytest.mark.fault(39)
async def test_a_renewal_in_a_store_that_went_back_is_below_what_was_seen() -> None:
    watchman = Watchman(Seen("h1", 0), save=lambda seen: None, clock=LoopClock(), changed=lambda: None)
    store = MemoryStore()
    async with running_api(store) as api:
        connection = Connection(server=api.url, token=api.token("n1"))
        async with Client(connection, program="heart", timeout=1.0) as client:
            heart = a_heartbeat(client, "a", gaps=[], witness=watchman)
            await heart.step()
            backup = store.backup()  # the Lease in it is the one that the agent holds
            for number in range(10):
                made = await api.create(kinds.NAMESPACE, {"metadata": {"name": f"another-write-{number}"}})
            watchman.reached(int(made["metadata"]["resourceVersion"]))
            await asyncio.sleep(3)
            store.restore(backup, keeps_log=True)
            await heart.step()  # before the server has noticed
    assert watchman.quarantine is not None


async def test_a_server_that_has_many_nodes_has_them_renew_less_often() -> None:
    """Not before the Lease says so: the controller is as patient as it says."""
    store = MemoryStore()
    for number in range(3_500):
        meta = {"name": f"m{number}", "uid": f"u{number}"}
        node = {"apiVersion": kinds.API_VERSION, "kind": "Node", "metadata": meta, "spec": {}, "status": {}}
        await store.commit(
            expect={}, writes=[Put(codec.key(kinds.NODE, None, str(meta["name"])), orjson.dumps(node))]
        )
    async with running_api(store) as api, a_heart(api, "a") as heart:
        await heart.step()  # makes the Lease
        await heart.step()
        assert (await lease(api))["leaseDurationSeconds"] == 10
        assert heart.pause == 3.0, "it is told, and has not said so itself yet"
        await heart.step()
        assert (await lease(api))["leaseDurationSeconds"] == 34
        assert heart.pause == 10.0
        heart.hear({kinds.RENEW_HEADER: "3"})
        assert heart.pause == 3.0, "more often is always within what was said"


async def test_what_a_server_says_has_its_limits() -> None:
    async with running_api() as api, a_heart(api, "a") as heart:
        heart.hear({kinds.RENEW_HEADER: "86400"})
        assert heart.period == LONGEST
        for words in (
            {},
            {kinds.RENEW_HEADER: "soon"},
            {kinds.RENEW_HEADER: "nan"},
            {kinds.RENEW_HEADER: "-1"},
        ):
            heart.hear(words)
            assert 3.0 <= heart.period <= LONGEST
