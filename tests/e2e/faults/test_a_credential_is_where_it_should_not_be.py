"""A node's credential that somebody has copied; a user before a container that has more rights than his."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator

import pytest

from kohakuriver import errors
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from kohakuriver.streams.stream import Stream
from tests.e2e.api import NODES, TOKENS, VPSES, Refused
from tests.e2e.conftest import eventually
from tests.e2e.nodes import QUICK_AGENT, Bed

BED = {"agent": (*QUICK_AGENT, "--allow-mount=/usr/share:ro")}
STREAMS = kinds.NODE.path(name="n1", subresource="streams")
EXEC = f"{VPSES}/{{name}}/exec"
TWICE = "NodeCredentialTwice"


def dialer(bed: Bed, token: str = "", *, of: str = "admin") -> Dialer:
    """With a token, or with that of a config file, from this machine: none of the nodes runs on it."""
    known = config.load(bed.config(of))
    return Dialer(Connection(server=known.server, token=token or known.token, ca=known.ca), program="test")


def a_user(bed: Bed, name: str) -> str:
    """Makes one of role user for the namespace of the VPSes here; the token."""
    token = f"the-token-of-{name}"
    spec = {"sha256": hashlib.sha256(token.encode()).hexdigest(), "user": name, "role": "user"}
    body = {"apiVersion": kinds.API_VERSION, "kind": "Token", "metadata": {"name": name}}
    bed.api.call("POST", TOKENS, {**body, "spec": {**spec, "namespaces": ["default"]}})
    return token


@contextlib.asynccontextmanager
async def stream_to(dialer: Dialer, name: str, *command: str, **more: str) -> AsyncIterator[Stream]:
    """A command in a VPS. Raises what the stream is refused with."""
    query = [("command", word) for word in command]
    stream = await dialer.stream(EXEC.format(name=name), query + list(more.items()))
    try:
        yield stream
    finally:
        stream.framed.abort()
        await stream.wait_closed()


async def printed(dialer: Dialer, name: str, *command: str) -> bytes:
    """What it prints."""
    found = b""
    async with stream_to(dialer, name, *command) as stream:
        while (message := await stream.receive()) is not None:
            found += message if isinstance(message, bytes) else b""
    return found


@pytest.mark.fault(72)
def test_nobody_enters_a_container_that_was_made_with_rights_he_has_not_whatever_its_spec_says(bed: Bed):
    bob = a_user(bed, "bob")
    try:
        bed.running("opened", mounts=[{"source": "/usr/share", "target": "/mnt", "readOnly": True}])
        bed.running("plain")

        async def enters(name: str, token: str = "") -> bytes:
            return await printed(dialer(bed, token), name, "echo", "inside")

        assert asyncio.run(enters("plain", bob)) == b"inside\n"
        assert asyncio.run(enters("opened")) == b"inside\n"
        with pytest.raises(errors.Forbidden, match=r"it has spec\.mounts"):
            asyncio.run(enters("opened", bob))

        bed.patch("opened", mounts=None)  # to the server it is like any other now
        assert not bed.get("opened")["spec"].get("mounts")
        assert "/mnt" in str(bed.nodes["n1"].container("opened")["Mounts"])
        with pytest.raises(errors.Forbidden, match=r"made with spec\.mounts"):
            asyncio.run(enters("opened", bob))
        assert asyncio.run(enters("opened")) == b"inside\n", "an administrator still does"
    finally:
        bed.api.call("DELETE", f"{TOKENS}/bob")


async def echoes(stream: Stream, words: bytes) -> bool:
    """Whether what is said to `cat` comes back: the stream is alive to its end."""
    await stream.send(words)
    found = b""
    async with asyncio.timeout(30):
        while len(found) < len(words):
            message = await stream.receive()
            assert message is not None, "the stream has ended"
            found += message if isinstance(message, bytes) else b""
    return found == words


@pytest.mark.fault(70)
def test_a_copied_credential_of_a_node_hears_and_says_nothing_and_is_ended_at_once(doomed_bed: Bed):
    bed, node = doomed_bed, doomed_bed.nodes["n1"]
    bed.running("calm")
    other = bed.running("neighbour", node="n2")
    state, since = node.container("calm")["State"], time.time()
    thief = bed.files.api(who="n1")

    async def session() -> None:
        async with stream_to(dialer(bed), "calm", "cat", stdin="1") as stream:
            await steal_beside(stream)

    async def steal_beside(stream: Stream) -> None:
        assert await echoes(stream, b"before\n")
        for _ in range(3):
            with pytest.raises(errors.Conflict, match="does not hold its Lease"):
                await dialer(bed, of="n1").stream(STREAMS)
            await said_in_vain()
        with pytest.raises(errors.Forbidden):
            await printed(dialer(bed, of="n1"), "calm", "id")
        assert await echoes(stream, b"meanwhile\n"), "the agent's own streams go on"
        await asyncio.to_thread(bed.told, "n1", TWICE)
        assert await echoes(stream, b"after\n")

        await asyncio.to_thread(bed.api.call, "POST", f"{NODES}/n1/revoke", {})
        async with asyncio.timeout(30):
            with pytest.raises((errors.KohakuRiverError, AssertionError)):
                while await echoes(stream, b"too late\n"):
                    pass
        with pytest.raises((errors.Unauthorized, errors.Forbidden)):
            await dialer(bed, of="n1").stream(STREAMS)

    async def said_in_vain() -> None:
        """A report about its own VPS, and one about another node's."""
        for name in ("calm", "neighbour"):
            change = {"status": {"observed": {"epoch": 1, "state": "stopped"}}}
            with pytest.raises(Refused) as refused:
                await asyncio.to_thread(thief.patch, f"{VPSES}/{name}/status", change)
            assert refused.value.code == 409, name

    asyncio.run(session())
    for path in (f"{VPSES}/calm", f"{NODES}/n1"):
        with pytest.raises(Refused) as refused:
            thief.get(path)
        assert refused.value.code in (401, 403)
    eventually(lambda: bed.condition("n1", "Ready")["status"] != "True")
    assert node.container("calm")["State"] == state
    assert [done for done in node.happenings("calm", since) if not done.startswith("exec_")] == []
    assert bed.get("neighbour")["status"]["phase"] == "running"
    assert bed.get("neighbour")["metadata"]["uid"] == other["metadata"]["uid"]
    assert len([why for why, _ in bed.events("n1") if why == TWICE]) == 1
