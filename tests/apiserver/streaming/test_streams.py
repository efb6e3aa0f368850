"""A stream through the real server: who may open one, how an agent is asked, what happens when somebody goes.

The agent here is the test itself, at its end of the contract of docs/design/005-streams.md.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, fingerprint
from kohakuriver.client import servers
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import BARE, Dialer
from kohakuriver.streams.stream import Stream
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.writing import a_node
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

FORWARD = kinds.VPS.path(namespace="default", name="dev", subresource="forward")
STREAMS = kinds.NODE.path(name="n1", subresource="streams")


def dialer(api: Api, user: str) -> Dialer:
    return Dialer(Connection(server=api.url, token=token_of(user)), program="test")


MERGE = {"Content-Type": "application/merge-patch+json"}


async def place(api: Api, state: str = "running") -> dict[str, Any]:
    """A VPS `dev` on n1, in that state as its agent has it."""
    await api.create(kinds.NODE, {"metadata": {"name": "n1"}, "spec": {}}, user="n1")
    status = {"status": a_node("n1")["status"]}
    node = kinds.NODE.path(name="n1", subresource="status")
    await api.call("PATCH", node, status, user="n1", headers=MERGE)
    made = await api.create(kinds.VPS, {"metadata": {"name": "dev", "namespace": "default"}, "spec": {}})
    path = kinds.VPS.path(namespace="default", name="dev")
    order = {"uid": made["metadata"]["uid"], "node": "n1"}
    bound = await api.call("POST", f"{path}/bind", order, user="controller")
    assert bound.code in (200, 201), bound.body
    declared = {"spec": {"runState": state.title()}}
    await api.call("PATCH", path, declared, headers=MERGE)
    observed = {"epoch": 1, "state": state}
    report = {"metadata": {"uid": made["metadata"]["uid"]}, "status": {"observed": observed}}
    reply = await api.call("PATCH", f"{path}/status", report, user="n1", headers=MERGE)
    assert reply.code == 200, reply.body
    return made


@contextlib.asynccontextmanager
async def an_agent(api: Api) -> AsyncIterator[Stream]:
    """Node n1's control connection, which the server knows of."""
    control = await dialer(api, "n1").stream(STREAMS)
    assert api.server.streams.is_connected("n1")
    try:
        yield control
    finally:
        control.framed.abort()


async def bring(api: Api, id_: str) -> Stream:
    """What was asked for, as the agent's end."""
    transport, first = await dialer(api, "n1").transport(f"{STREAMS}/{id_}", upgrade=BARE)
    stream = Stream(masks=False)
    stream.framed.adopt(transport, first)
    return stream


async def asked(control: Stream) -> dict[str, Any]:
    message = await control.receive()
    assert isinstance(message, dict)
    return dict(message["open"])


async def test_a_stream_reaches_the_node_that_the_vps_is_on_and_its_bytes_come_through():
    async with running_api() as api:
        made = await place(api)
        async with an_agent(api) as control:
            ports = [("port", "80"), ("port", "81")]
            opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD, ports))
            wanted = await asked(control)
            far = await bring(api, wanted.pop("id"))
            near = await opening
            assert wanted == {
                "kind": "forward",
                "namespace": "default",
                "name": "dev",
                "uid": made["metadata"]["uid"],
                "epoch": 1,
                "user": "alice",
                "rights": [],
                "params": {"port": ["80", "81"]},
            }
            await near.send(b"ping")
            assert await far.receive() == b"ping"
            await far.send(b"x" * 100_000)
            far.close()
            got = b""
            while (part := await near.receive()) is not None:
                got += part
            assert got == b"x" * 100_000


async def test_what_the_agent_refuses_reaches_the_client_in_its_words():
    async with running_api() as api:
        await place(api)
        async with an_agent(api) as control:
            opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD))
            wanted = await asked(control)
            refusal = errors.Conflict("nothing listens on port 80 in dev", hint="start it").to_status()
            await control.send_control({"refuse": {"id": wanted["id"], "status": refusal}})
            with pytest.raises(errors.Conflict, match="nothing listens") as caught:
                await opening
            assert caught.value.hint == "start it"


@pytest.mark.parametrize(
    ("state", "says"),
    [("stopped", "dev is stopped"), ("paused", "dev is paused")],
)
async def test_a_vps_that_cannot_be_entered_says_why_and_what_to_do(state, says):
    async with running_api() as api:
        await place(api, state)
        with pytest.raises(errors.Conflict, match=says) as caught:
            await dialer(api, "alice").stream(FORWARD.replace("forward", "terminal"))
        assert "kohakuriver vps" in caught.value.hint


AS_MESSAGE = ("refusal", "message")


async def refused(stream: Stream) -> dict[str, Any]:
    """The one message of a stream that was refused so, and its end."""
    message = await stream.receive()
    assert isinstance(message, dict) and set(message) == {"error"}, message
    assert await stream.receive() is None
    return dict(message["error"])


async def test_a_browser_is_told_by_a_message_what_the_server_and_the_node_refuse():
    async with running_api() as api:
        await place(api)
        status = await refused(await dialer(api, "alice").stream(FORWARD, [AS_MESSAGE]))
        assert (status["code"], status["message"]) == (503, "node n1 is not connected to the API server")
        assert status["details"]["retryAfterSeconds"] > 0
        async with an_agent(api) as control:
            opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD, [("port", "80"), AS_MESSAGE]))
            wanted = await asked(control)
            assert wanted["params"] == {"port": ["80"]}, "the node is asked for what is the server's"
            refusal = errors.Conflict("nothing listens on port 80 in dev", hint="start it").to_status()
            await control.send_control({"refuse": {"id": wanted["id"], "status": refusal}})
            assert await refused(await opening) == refusal


async def test_who_may_not_enter_is_refused_as_ever_before_a_stream_is_upgraded():
    async with running_api() as api:
        await place(api)
        with pytest.raises(errors.Unauthorized):
            await Dialer(Connection(server=api.url, token="wrong"), program="test").stream(
                FORWARD, [AS_MESSAGE]
            )
        with pytest.raises(errors.Forbidden):
            await dialer(api, "viewer").stream(FORWARD, [AS_MESSAGE])


async def test_without_its_agent_it_says_so_and_when_to_try_again():
    async with running_api() as api:
        await place(api)
        with pytest.raises(errors.Unavailable, match="node n1 is not connected"):
            await dialer(api, "alice").stream(FORWARD)


@contextlib.asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[Api, Api]]:
    """On one store; the first has a VPS `dev`, whose node's agent connects to it, and the second knows it."""
    store = MemoryStore()
    async with running_api(store) as api, running_api(store) as other:
        await place(api)
        lease = {
            "metadata": {
                "name": servers.lease_name("a"),
                "namespace": servers.NAMESPACE,
                "labels": {servers.COMPONENT: servers.APISERVER},
                "annotations": {servers.ADVERTISED: api.url},
            },
            "spec": {"holderIdentity": "a"},
        }
        await other.create(kinds.LEASE, lease)
        yield api, other


async def test_a_server_without_the_node_passes_the_stream_to_one_that_has_it():
    async with two_servers() as (api, other), an_agent(api) as control:
        with pytest.raises(errors.Forbidden):
            await dialer(other, "viewer").stream(FORWARD)
        opening = asyncio.create_task(dialer(other, "alice").stream(FORWARD, [("port", "80")]))
        wanted = await asked(control)
        assert (wanted["user"], wanted["params"]) == ("alice", {"port": ["80"]})
        far = await bring(api, wanted["id"])
        near = await opening
        await near.send(b"ping")
        assert await far.receive() == b"ping"
        far.close()
        assert await near.receive() is None


async def test_a_stream_is_passed_on_as_whom_it_is_asked_for_with_every_group():
    """`bo` has a token of each role; the second group, not the first, chooses the one who may get in."""
    async with two_servers() as (api, other), an_agent(api) as control:
        for role in (Role.VIEWER, Role.USER):
            spec = {"sha256": fingerprint(f"bo as {role}"), "user": "bo", "role": role.value}
            spec |= {"namespaces": ["default"]}
            await api.create(kinds.TOKEN, {"metadata": {"name": f"bo-{role}"}, "spec": spec})
        asks = dialer(other, "admin")
        told = [("Impersonate-User", "bo"), ("Impersonate-Group", "system:authenticated")]
        for role, says in ((Role.VIEWER, "of role viewer"), (None, "differ in what they may do")):
            groups = [("Impersonate-Group", f"kohakuriver:{role}")] if role else []
            with pytest.raises(errors.Forbidden, match=says):
                await asks.transport(FORWARD, headers=[*told, *groups])
        group = ("Impersonate-Group", "kohakuriver:user")
        opening = asyncio.create_task(asks.transport(FORWARD, headers=[*told, group]))
        async with asyncio.timeout(30):
            wanted = await asked(control)
        assert (wanted["user"], wanted["rights"]) == ("bo", [])
        far = await bring(api, wanted["id"])
        transport, _ = await opening
        transport.close()
        far.close()


async def test_an_agent_that_goes_while_it_is_asked_is_no_hang():
    async with running_api() as api:
        await place(api)
        async with an_agent(api) as control:
            opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD))
            await asked(control)
            control.framed.abort()
            with pytest.raises(errors.Unavailable, match="node n1 cannot be reached"):
                await opening


@pytest.mark.parametrize("user", ["viewer", "controller", "n1"])
async def test_who_may_not_get_in_is_told_so(user):
    async with running_api() as api:
        await place(api)
        with pytest.raises(errors.Forbidden):
            await dialer(api, user).stream(FORWARD)


@pytest.mark.parametrize("user", ["n2", "admin", "alice", "controller"])
async def test_nobody_else_takes_a_nodes_control_connection(user):
    async with running_api() as api:
        await place(api)
        with pytest.raises(errors.Forbidden):
            await dialer(api, user).stream(STREAMS)


async def test_an_id_counts_once_and_only_from_the_node_that_was_asked():
    async with running_api() as api:
        await place(api)
        async with an_agent(api) as control:
            opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD))
            id_ = (await asked(control))["id"]
            other = kinds.NODE.path(name="n2", subresource="streams")
            with pytest.raises(errors.NotFound):
                await dialer(api, "n2").transport(f"{other}/{id_}", upgrade=BARE)
            with pytest.raises(errors.Forbidden):
                await dialer(api, "n2").transport(f"{STREAMS}/{id_}", upgrade=BARE)
            far = await bring(api, id_)
            near = await opening
            with pytest.raises(errors.NotFound):
                await bring(api, id_)
            near.close()
            assert await far.receive() is None


async def test_a_stream_is_no_document():
    async with running_api() as api:
        await place(api)
        reply = await api.get(FORWARD, user="alice")
        assert reply.code == 400 and "WebSocket" in reply.body["details"]["hint"]


async def test_a_stream_ends_with_the_token_that_opened_it():
    async with running_api() as api:
        await place(api)
        secret = "of bob"

        await api.create(
            kinds.TOKEN,
            {
                "metadata": {"name": "bob"},
                "spec": {"sha256": fingerprint(secret), "user": "bob", "role": "admin"},
            },
        )
        async with an_agent(api) as control:
            bob = Dialer(Connection(server=api.url, token=secret), program="test")
            opening = asyncio.create_task(bob.stream(FORWARD))
            far = await bring(api, (await asked(control))["id"])
            near = await opening
            await api.call("DELETE", kinds.TOKEN.path(name="bob"))
            for end in (near, far):
                with contextlib.suppress(errors.Unreachable):
                    assert await end.receive() is None


async def test_streams_leave_nothing_behind_in_the_server():
    async with running_api() as api:
        await place(api)
        async with an_agent(api) as control:
            for _ in range(20):
                opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD))
                far = await bring(api, (await asked(control))["id"])
                near = await opening
                near.close()
                assert await far.receive() is None
                await near.wait_closed()
            for _ in range(100):
                await asyncio.sleep(0.01)
            assert len(api.connections()) <= 2, "more than the control connection's and that of `place`"
