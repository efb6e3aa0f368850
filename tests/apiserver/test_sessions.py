"""A node's token alone makes nobody that node: what it says counts in the session that its Lease has."""

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding import confirming
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.identity.sessions import Claim
from kohakuriver.apiserver.store import codec
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from kohakuriver.streams.stream import Stream
from tests.apiserver.api import Api, Reply, running_api, token_of
from tests.apiserver.writing import N1, a_node, a_world
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

HEADER = "KohakuRiver-Session"
MERGE = {"Content-Type": "application/merge-patch+json"}
LEASES = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE)
STREAMS = kinds.NODE.path(name="n1", subresource="streams")
DEV = kinds.VPS.path(namespace="default", name="dev")
OURS, THEIRS = ("a" * 64), ("b" * 64)


def naming(secret: str | None, number: int | str = "") -> dict[str, str]:
    return {HEADER: f"{number},{secret}"} if secret is not None else {}


async def renew(
    api: Api, secret: str | None = OURS, *, holder: str = "m1/real/boot", number: int = 1, **metadata: Any
) -> Reply:
    """Create the Lease of n1, or renew it as it stands."""
    there = await api.get(f"{LEASES}/n1", user="n1")
    lease = {
        "apiVersion": kinds.LEASE.api_version,
        "kind": "Lease",
        "metadata": {"name": "n1", "namespace": kinds.NODE_LEASE_NAMESPACE, **metadata},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10, "leaseTransitions": number},
    }
    headers = naming(secret, number)
    if there.code == 404:
        return await api.call("POST", LEASES, lease, user="n1", headers=headers)
    lease["metadata"]["resourceVersion"] = there.body["metadata"]["resourceVersion"]
    return await api.call("PUT", f"{LEASES}/n1", lease, user="n1", headers=headers)


async def place(api: Api) -> dict[str, Any]:
    """A VPS `dev` on n1, of which nothing was reported yet."""
    await api.create(kinds.NODE, {"metadata": {"name": "n1"}, "spec": {}})
    node = kinds.NODE.path(name="n1", subresource="status")
    await api.call("PATCH", node, {"status": a_node("n1")["status"]}, headers=MERGE)
    made = await api.create(kinds.VPS, {"metadata": {"name": "dev", "namespace": "default"}, "spec": {}})
    order = {"uid": made["metadata"]["uid"], "node": "n1"}
    bound = await api.call("POST", f"{DEV}/bind", order, user="controller")
    assert bound.code in (200, 201), bound.body
    return made


async def report(api: Api, made: dict[str, Any], headers: dict[str, str], **observed: Any) -> Reply:
    said = {"epoch": 1, "state": "running", **observed}
    body = {"metadata": {"uid": made["metadata"]["uid"]}, "status": {"observed": said}}
    return await api.call("PATCH", f"{DEV}/status", body, user="n1", headers=MERGE | headers)


@contextlib.asynccontextmanager
async def dialled(api: Api, headers: dict[str, str]) -> AsyncIterator[Stream]:
    control = Stream(masks=True)
    line = Dialer(Connection(server=api.url, token=token_of("n1")), program="test")
    transport, first = await line.transport(STREAMS, headers=headers.items())
    control.framed.adopt(transport, first)
    try:
        yield control
    finally:
        control.framed.abort()


async def events(api: Api) -> list[dict[str, Any]]:
    reply = await api.get(kinds.EVENT.path(namespace="default"))
    return [one for one in reply.body["items"] if one["reason"] == "NodeCredentialTwice"]


THIEVES = pytest.mark.parametrize(
    "headers",
    [
        {},
        naming(THEIRS),
        naming(THEIRS, 1),
        naming(THEIRS, 9),
        naming(hashlib.sha256(OURS.encode()).hexdigest(), 1),
    ],
    ids=["names nothing", "another secret", "the number too", "a higher number", "what anybody reads"],
)


@THIEVES
async def test_a_copied_token_hears_nothing_while_the_agent_renews(headers: dict[str, str]) -> None:
    async with running_api() as api:
        await place(api)
        assert (await renew(api)).code == 201
        async with dialled(api, naming(OURS, 1)) as ours:
            with pytest.raises(errors.Conflict, match=r"another agent \(m1/real/boot\)"):
                async with dialled(api, headers):
                    raise AssertionError("the thief is let in")
            await report(api, await _dev(api), naming(OURS, 1))
            alice = Dialer(Connection(server=api.url, token=token_of("alice")), program="test")
            opening = asyncio.create_task(alice.stream(f"{DEV}/exec"))
            wanted = await ours.receive()
            assert isinstance(wanted, dict) and wanted["open"]["user"] == "alice"
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)


async def _dev(api: Api) -> dict[str, Any]:
    return dict((await api.get(DEV)).body)


@THIEVES
async def test_a_copied_token_reports_nothing_and_no_host_key(headers: dict[str, str]) -> None:
    async with running_api() as api:
        made = await place(api)
        await renew(api)
        key = {"ssh": {"state": "ready", "hostKey": "ssh-ed25519 AAAAthief"}}
        refused = await report(api, made, headers, **key)
        assert (refused.code, refused.body["reason"]) == (409, "Conflict")
        assert "kohakuriver node revoke n1" in refused.body["details"]["hint"]
        node = await api.call(
            "PATCH",
            kinds.NODE.path(name="n1", subresource="status"),
            {"status": {"unknown": []}},
            user="n1",
            headers=MERGE | headers,
        )
        finished = await api.call(
            "POST", f"{DEV}/finish", {"uid": made["metadata"]["uid"], "epoch": 1}, user="n1", headers=headers
        )
        assert (node.code, finished.code) == (409, 409)
        assert "observed" not in (await _dev(api))["status"]
        assert (await report(api, made, naming(OURS, 1), **key)).code == 200


@THIEVES
@pytest.mark.parametrize("holder", ["m1/real/boot", "m2/thief/boot"])
async def test_the_lease_is_nobody_elses_while_it_is_renewed(headers: dict[str, str], holder: str) -> None:
    async with running_api() as api:
        await renew(api)
        secret = headers[HEADER].partition(",")[2] if headers else None
        taken = await renew(api, secret, holder=holder, number=2)
        assert taken.code == 409 and "another agent (m1/real/boot) is node n1" in taken.body["message"]
        assert (await renew(api)).code == 200


async def test_what_a_writer_puts_into_its_lease_itself_does_not_count() -> None:
    async with running_api() as api:
        forged = {"kohakuriver.io/session": hashlib.sha256(THEIRS.encode()).hexdigest(), "mine": "kept"}
        made = await renew(api, annotations=forged)
        notes = made.body["metadata"]["annotations"]
        assert notes["kohakuriver.io/session"] == hashlib.sha256(OURS.encode()).hexdigest()
        assert notes["mine"] == "kept" and notes["kohakuriver.io/session-from"] == "127.0.0.1"
        assert OURS not in str(made.body)


async def test_an_earlier_process_of_the_same_agent_is_told_that_a_later_one_is_there() -> None:
    async with running_api() as api:
        made = await place(api)
        await renew(api)
        async with dialled(api, naming(OURS, 1)) as earlier:
            assert (await renew(api, number=2)).code == 200
            with pytest.raises(errors.Unreachable):
                await earlier.receive()
            stale = await report(api, made, naming(OURS, 1))
            assert (
                stale.code == 409
                and "a later agent process of node n1 has opened session 2" in stale.body["message"]
            )
            assert (await report(api, made, naming(OURS, 2))).code == 200
        assert not await events(api)


async def test_a_session_that_is_not_open_yet_is_to_be_tried_again() -> None:
    async with running_api() as api:
        made = await place(api)
        await renew(api)
        early = await report(api, made, naming(OURS))
        assert early.code == 503 and early.headers["Retry-After"] == "1"


async def test_a_server_that_has_not_heard_of_the_new_session_looks_it_up() -> None:
    store = MemoryStore()
    async with running_api(store) as api, running_api(store) as other:
        made = await place(api)
        for number in range(1, 6):
            await renew(api, number=number)
            assert (await report(other, made, naming(OURS, number))).code == 200


async def test_who_is_cut_off_and_comes_back_after_another_took_the_lease_is_refused_and_people_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_api() as api:
        made = await place(api)
        await renew(api)
        async with dialled(api, naming(OURS, 1)) as ours:
            await asyncio.sleep(11)
            assert (await renew(api, THEIRS, number=1)).code == 409
            assert (await renew(api, THEIRS, number=2)).code == 200
            with pytest.raises(errors.Unreachable):
                await ours.receive()
        assert (await report(api, made, naming(OURS, 1))).code == 409
        with caplog.at_level(logging.WARNING):
            for _ in range(4):
                await asyncio.sleep(3)
                assert (await renew(api, THEIRS, number=2)).code == 200
        (event,) = await events(api)
        assert event["involvedObject"]["name"] == "n1" and event["involvedObject"]["kind"] == "Node"
        assert event["message"].count("127.0.0.1") == 2
        assert "kohakuriver node revoke n1" in event["message"]
        assert "the credential of a node is used in two places" in [one.message for one in caplog.records]


async def test_a_thief_that_tries_is_told_of_once_the_agent_renews_and_not_again_for_ten_minutes() -> None:
    async with running_api() as api:
        await place(api)
        await renew(api)
        for _ in range(10):
            with contextlib.suppress(errors.Conflict):
                async with dialled(api, naming(THEIRS)):
                    pass
            await asyncio.sleep(3)
            await renew(api)
        assert len(await events(api)) == 1


async def test_a_machine_that_was_started_anew_waits_for_its_old_lease_and_nobody_is_alarmed() -> None:
    async with running_api() as api:
        await renew(api)
        for _ in range(3):
            assert (await renew(api, THEIRS, holder="m1/real/next", number=2)).code == 409
            await asyncio.sleep(4)
        for _ in range(4):
            assert (await renew(api, THEIRS, holder="m1/real/next", number=2)).code == 200
            await asyncio.sleep(3)
        assert not await events(api)


async def changed(api: Api, secret: str, *, holder: str, **spec: Any) -> Reply:
    """The Lease of n1 as it stands, written with these fields."""
    lease = (await api.get(f"{LEASES}/n1", user="n1")).body
    lease["spec"] |= {"holderIdentity": holder, **spec}
    headers = naming(secret, spec["leaseTransitions"])
    return await api.call("PUT", f"{LEASES}/n1", lease, user="n1", headers=headers)


async def test_a_node_s_lease_is_good_for_no_longer_than_the_controller_waits() -> None:
    async with running_api() as api:
        await renew(api)
        long = await changed(
            api, OURS, holder="m1/real/boot", leaseTransitions=1, leaseDurationSeconds=2**31 - 2
        )
        assert (long.code, long.body["spec"]["leaseDurationSeconds"]) == (200, 300)


async def test_a_lease_of_before_that_says_more_is_over_after_five_minutes_all_the_same() -> None:
    async with running_api() as api:
        await renew(api)
        lease = (await api.get(f"{LEASES}/n1")).body
        lease["spec"]["leaseDurationSeconds"] = 2**31 - 2
        assert (await api.call("PUT", f"{LEASES}/n1", lease)).code == 200
        await asyncio.sleep(299)
        assert (await renew(api, THEIRS, number=2)).code == 409
        await asyncio.sleep(2)
        assert (await renew(api, THEIRS, number=2)).code == 200


@pytest.mark.parametrize("number", [3, 2**31 - 2])
async def test_who_takes_a_lease_over_skips_no_session(number: int) -> None:
    async with running_api() as api:
        await renew(api)
        await asyncio.sleep(11)
        refused = await renew(api, THEIRS, holder="m2/thief/boot", number=number)
        assert refused.code == 409
        assert "the next session after 1 is 2, and this is" in refused.body["message"]
        assert (await renew(api, THEIRS, holder="m2/thief/boot", number=2)).code == 200


async def test_the_holder_skips_as_many_sessions_as_a_store_put_back_may_lack_and_no_more() -> None:
    async with running_api() as api:
        await renew(api)
        assert (await renew(api, number=1002)).code == 409
        assert (await renew(api, number=1001)).code == 200


async def test_a_lease_that_is_made_leaves_sessions_for_others() -> None:
    async with running_api() as api:
        assert (await renew(api, number=2**30 + 1)).code == 422
        assert (await renew(api, number=2**30)).code == 201


async def test_a_lease_with_the_agent_s_name_and_number_and_another_s_secret_tells_it_to_open_a_session() -> (
    None
):
    async with running_api() as api:
        await renew(api, THEIRS)
        await asyncio.sleep(11)
        refused = await renew(api, OURS)
        assert refused.code == 409
        assert refused.body["details"]["causes"][0]["reason"] == "NodeSessionTaken"
        assert (await renew(api, OURS, number=2)).code == 200


async def test_an_agent_of_before_names_nothing_and_is_served_until_a_newer_one_has_the_lease(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running_api() as api:
        made = await place(api)
        with caplog.at_level(logging.WARNING):
            await renew(api, None)
            await renew(api, None)
            await api.server.cache.fresh()
        assert len([one for one in caplog.records if "has no session of its own" in one.message]) == 1
        assert (await report(api, made, {})).code == 200
        async with dialled(api, {}):
            assert (await renew(api, number=2)).code == 200
        assert (await report(api, made, {})).code == 409
        assert (await report(api, made, naming(OURS, 2))).code == 200


async def test_an_agent_of_before_that_is_put_back_waits_until_the_lease_is_over() -> None:
    async with running_api() as api:
        made = await place(api)
        await renew(api)
        assert (await renew(api, None, number=2)).code == 409
        await asyncio.sleep(11)
        back = await renew(api, None, number=2)
        assert back.code == 200 and "kohakuriver.io/session" not in str(back.body["metadata"])
        assert (await report(api, made, {})).code == 200


async def test_a_header_that_makes_no_sense_is_refused() -> None:
    async with running_api() as api:
        assert (await api.get(DEV, user="n1", headers={HEADER: "nonsense"})).code == 400


@pytest.mark.parametrize("what", ["a report", "a finish", "a confirmation"])
async def test_what_hung_in_a_frozen_server_is_refused_once_another_session_is_open(what: str) -> None:
    world = await a_world(a_node())
    await world.bound()
    await world.put(kinds.LEASE, _lease(1))
    keys = [
        codec.key(kinds.VPS, "default", "dev"),
        codec.key(kinds.NODE_ALLOCATION, None, "n1"),
        codec.key(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE, "n1"),
    ]
    remembered = {key: await world.store.get(key) for key in keys}
    if what == "a finish":
        await world.delete()
    await world.put(kinds.LEASE, _lease(2))  # while this server stood still
    frozen = dataclasses.replace(world, recalled=remembered)
    earlier = dataclasses.replace(N1, claim=Claim.parse(f"1,{OURS}", address="10.0.0.1"))
    with pytest.raises(errors.Conflict, match="has opened session 2"):
        match what:
            case "a report":
                await frozen.report(user=earlier, state="stopped")
            case "a finish":
                await frozen.act("finish", user=earlier)
            case _:
                order = {"uid": (await world.vps())["metadata"]["uid"], "epoch": 1}
                call = Call(earlier, kinds.NODE_ALLOCATION, None, "n1", "confirm")
                await confirming.confirm(frozen, call, order)
    assert "observed" not in (await world.vps())["status"]


def _lease(number: int) -> dict[str, Any]:
    notes = {"kohakuriver.io/session": hashlib.sha256(OURS.encode()).hexdigest()}
    return {
        "apiVersion": kinds.LEASE.api_version,
        "kind": "Lease",
        "metadata": {"name": "n1", "namespace": kinds.NODE_LEASE_NAMESPACE, "annotations": notes},
        "spec": {"holderIdentity": "m1/real/boot", "leaseDurationSeconds": 10, "leaseTransitions": number},
    }
