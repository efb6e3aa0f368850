"""`nodes/NAME/revoke`: a stolen credential opens nothing any more, though its thief keeps the node Ready."""

import asyncio

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import BARE, Dialer
from kohakuriver.streams.stream import Stream
from tests.apiserver.api import Api, Reply, running_api, token_of
from tests.apiserver.test_sessions import DEV, OURS, STREAMS, dialled, naming, place, renew, report
from tests.apiserver.test_tokens import a_token
from tests.fakes.store import MemoryStore

pytestmark = [pytest.mark.looptime, pytest.mark.fault(9)]

NODE = kinds.NODE.path(name="n1")
LEASE = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE, name="n1")


async def revoke(api: Api, **options: str) -> Reply:
    return await api.call("POST", f"{NODE}/revoke", {}, **options)


async def test_the_credential_of_a_ready_node_is_ended_on_every_server_and_its_vpses_stay() -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(store) as other:
        made = await place(one)
        await renew(one)
        await report(one, made, naming(OURS, 1))
        before = (await one.get(DEV)).body
        assert (await revoke(one)).code == 200
        await other.server.cache.fresh()
        for api in (one, other):
            refused = await api.get(kinds.VPS.path(), user="n1")
            assert refused.code == 403
            assert "was revoked by admin" in refused.body["message"]
            assert "node revoke n1" in refused.body["message"] and "given up" not in refused.body["message"]
            assert "kohakuriver node join n1" in refused.body["details"]["hint"]
        assert (await one.get(DEV)).body == before
        assert (await one.get(NODE)).code == 200
        assert (await one.get(kinds.NODE_ALLOCATION.path(name="n1"))).body["bookings"]


async def test_nonsense_in_place_of_the_node_keeps_nobody_from_revoking_its_credential() -> None:
    async with running_api() as api:
        await place(api)
        key = codec.key(kinds.NODE, None, "n1")
        await api.store.commit(expect={}, writes=[Put(key, b"nonsense")])
        reply = await revoke(api)
        assert (reply.code, reply.body["metadata"]) == (200, {"name": "n1"})
        await api.server.cache.fresh()
        assert (await api.get(kinds.VPS.path(), user="n1")).code == 403


async def test_its_streams_end_on_the_other_server_too() -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(store) as other:
        made = await place(one)
        await renew(one)
        await report(one, made, naming(OURS, 1))
        await other.server.cache.fresh()
        alice = Dialer(Connection(server=other.url, token=token_of("alice")), program="test")
        agent = Dialer(Connection(server=other.url, token=token_of("n1")), program="test")
        async with dialled(other, naming(OURS, 1)) as control:
            opening = asyncio.create_task(alice.stream(f"{DEV}/forward", [("port", "80")]))
            wanted = await control.receive()
            assert isinstance(wanted, dict)
            transport, first = await agent.transport(
                f"{STREAMS}/{wanted['open']['id']}", upgrade=BARE, headers=naming(OURS, 1).items()
            )
            far = Stream(masks=False)
            far.framed.adopt(transport, first)
            near = await opening
            await near.send(b"x")
            assert await far.receive() == b"x"
            assert (await revoke(one)).code == 200
            for stream in (control, far, near):
                with pytest.raises(errors.Unreachable):
                    async with asyncio.timeout(5):
                        await stream.receive()


async def test_a_credential_that_is_an_object_is_ended_and_so_do_tokens_that_could_get_it_another() -> None:
    async with running_api() as api:
        await place(api)
        await api.create(kinds.TOKEN, a_token("node-n1", secret="secret", role="node", node="n1"))
        await api.create(kinds.TOKEN, a_token(secret="joiner", role="join", node="n1", ttl="1h"))
        assert (await revoke(api)).code == 200
        for secret in ("secret", "joiner"):
            headers = {"Authorization": f"Bearer {secret}"}
            join = await api.call("POST", f"{NODE}/join", {"sha256": "c" * 64}, headers=headers)
            assert join.code == 403, join.body


async def test_the_machine_gets_in_again_with_a_token_made_for_it() -> None:
    async with running_api() as api:
        made = await place(api)
        await renew(api)
        assert (await revoke(api)).code == 200
        await api.create(kinds.TOKEN, a_token(secret="again", role="join", node="n1", ttl="1h"))
        headers = {"Authorization": "Bearer again"}
        joined = await api.call("POST", f"{NODE}/join", {"sha256": fingerprint("new")}, headers=headers)
        assert joined.code == 201
        renewed = {"Authorization": "Bearer new", **naming(OURS, 1)}
        body = {
            "metadata": {"uid": made["metadata"]["uid"]},
            "status": {"observed": {"epoch": 1, "state": "running"}},
        }
        reply = await api.call(
            "PATCH",
            f"{DEV}/status",
            body,
            headers={"Content-Type": "application/merge-patch+json", **renewed},
        )
        assert reply.code == 200, reply.body
        assert (await revoke(api)).code == 200
        assert (await api.get(kinds.VPS.path(), headers=renewed)).code == 403


async def renewed_by(api: Api, who: dict[str, str], *, holder: str, number: int, seconds: int = 10) -> Reply:
    """The Lease as it stands, renewed with this credential and secret."""
    lease = (await api.get(LEASE)).body
    lease["spec"] |= {"holderIdentity": holder, "leaseDurationSeconds": seconds, "leaseTransitions": number}
    return await api.call("PUT", LEASE, lease, headers=who)


async def let_in_again(api: Api, secret: str) -> dict[str, str]:
    """The headers of the machine once it has joined with a new credential."""
    await api.create(kinds.TOKEN, a_token(secret="again", role="join", node="n1", ttl="1h"))
    headers = {"Authorization": "Bearer again"}
    joined = await api.call("POST", f"{NODE}/join", {"sha256": fingerprint("new")}, headers=headers)
    assert joined.code == 201, joined.body
    return {"Authorization": "Bearer new", **naming(secret)}


NO_END = 2**31 - 2


@pytest.mark.parametrize(("seconds", "number"), [(NO_END, 2), (10, 2), (10, NO_END)])
async def test_the_machine_has_its_lease_at_once_whatever_a_thief_wrote_there(
    seconds: int, number: int
) -> None:
    async with running_api() as api:
        await place(api)
        await renew(api)
        lease = (await api.get(LEASE)).body
        lease["spec"] |= {
            "holderIdentity": "thief",
            "leaseDurationSeconds": seconds,
            "leaseTransitions": number,
        }
        lease["metadata"]["annotations"]["kohakuriver.io/session"] = "b" * 64
        assert (await api.call("PUT", LEASE, lease)).code == 200  # as a server of before let it in
        assert (await revoke(api)).code == 200
        freed = (await api.get(LEASE)).body
        assert freed["spec"] == ({"leaseTransitions": 2} if number == 2 else {})
        assert "annotations" not in freed["metadata"]
        again = await let_in_again(api, OURS)
        next_ = number + 1 if number == 2 else 1
        taken = await renewed_by(api, again, holder="m1/real/boot", number=next_)
        assert taken.code == 200, taken.body


async def test_a_lease_that_cannot_be_read_keeps_no_machine_out() -> None:
    store = MemoryStore()
    async with running_api(store) as api:
        await place(api)
        key = codec.key(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE, "n1")
        await store.commit(expect={}, writes=[Put(key, b"[]")])
        assert (await revoke(api)).code == 200
        assert await store.get(key) is None


async def test_it_is_repeated_and_refused_for_what_is_no_node() -> None:
    async with running_api() as api:
        await place(api)
        assert [(await revoke(api)).code for _ in range(2)] == [200, 200]
        assert (await api.call("POST", kinds.NODE.path(name="n9", subresource="revoke"), {})).code == 404


@pytest.mark.parametrize("user", ["n1", "alice", "viewer", "controller"])
async def test_only_an_administrator_may(user: str) -> None:
    async with running_api() as api:
        await place(api)
        assert (await revoke(api, user=user)).code == 403
