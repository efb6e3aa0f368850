"""A real agent, and somebody who has copied its token: who of the two is the node."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.agent.heartbeat import NodeNameTaken
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from tests.agent.agent_kit import Node, a_manifest, a_node

pytestmark = pytest.mark.looptime

MERGE = {"Content-Type": "application/merge-patch+json"}
STREAMS = kinds.NODE.path(name="n1", subresource="streams")


def thief(node: Node) -> Client:
    """Has the token, and reads all that it opens."""
    return Client(Connection(server=node.api.url, token=node.api.token("n1")), program="thief")


async def lease(client: Client) -> dict[str, Any]:
    return await client.get(kinds.LEASE, "n1", namespace=kinds.NODE_LEASE_NAMESPACE)


async def told_of(node: Node) -> list[str]:
    reply = await node.api.get(kinds.EVENT.path(namespace="default"))
    return [one["message"] for one in reply.body["items"] if one["reason"] == "NodeCredentialTwice"]


async def test_a_thief_gets_neither_the_lease_nor_a_word_in_and_people_are_told(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node, thief(node) as client:
        await node.place(a_manifest())
        vps = await node.until("dev", phase="running")
        before = await lease(client)
        for _ in range(3):
            taken = await lease(client)
            taken["spec"]["leaseTransitions"] += 1
            with pytest.raises(errors.Conflict):
                await client.update(kinds.LEASE, taken)
            with pytest.raises(errors.Conflict, match="does not hold its Lease"):
                await Dialer(Connection(server=node.api.url, token=node.api.token("n1")), program="t").stream(
                    STREAMS
                )
            said = {"epoch": 1, "state": "stopped"}
            body = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": {"observed": said}}
            with pytest.raises(errors.Conflict):
                await client.patch(kinds.VPS, "dev", body, namespace="default", subresource="status")
            await asyncio.sleep(4)
        after = await lease(client)
        assert after["spec"]["leaseTransitions"] == before["spec"]["leaseTransitions"]
        assert node.agent is not None and node.agent.heartbeat.failed == 0
        assert len(await told_of(node)) == 1


async def test_an_agent_started_again_goes_on_at_once_and_alarms_nobody(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node, thief(node) as client:
        await node.place(a_manifest())
        await node.until("dev", phase="running")
        first = await lease(client)
        await node.kill_agent()
        await node.start_agent()
        await asyncio.sleep(2)
        assert (await lease(client))["spec"]["leaseTransitions"] > first["spec"]["leaseTransitions"]
        await asyncio.sleep(15)
        assert node.agent is not None and node.agent.reporter.failed == 0
        assert not await told_of(node)


async def test_an_agent_whose_secret_is_lost_waits_for_its_own_lease_and_goes_on(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await asyncio.sleep(5)
        await node.kill_agent()
        facts = json.loads((tmp_path / "node.json").read_text())
        assert len(facts.pop("session_key")) == 64
        (tmp_path / "node.json").write_text(json.dumps(facts))
        await node.start_agent()
        await node.place(a_manifest())
        await node.until("dev", phase="running")
        assert not await told_of(node)


async def test_an_agent_whose_secret_is_lost_waits_as_long_as_its_lease_says(tmp_path: Path) -> None:
    """Its server wanted renewals once a minute then, and this process has not heard of it yet."""
    async with a_node(tmp_path) as node, thief(node) as client:
        await asyncio.sleep(5)
        await node.kill_agent()
        left = await lease(client)
        left["spec"]["leaseDurationSeconds"] = 200
        left["metadata"]["annotations"]["kohakuriver.io/session"] = "d" * 64
        path = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE, name="n1")
        assert (await node.api.call("PUT", path, left)).code == 200
        await node.start_agent()
        await asyncio.sleep(190)
        assert node.task is not None and not node.task.done()
        await asyncio.sleep(20)
        assert not node.task.done()
        assert (await lease(client))["spec"]["leaseTransitions"] == left["spec"]["leaseTransitions"] + 1


async def test_an_agent_goes_on_where_its_lease_has_its_number_and_the_proof_of_another_boot(
    tmp_path: Path,
) -> None:
    """As an API server of before leaves it, which keeps annotations and signs nothing."""
    async with a_node(tmp_path) as node, thief(node) as client:
        await asyncio.sleep(8)
        path = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE, name="n1")
        proof = {"metadata": {"annotations": {"kohakuriver.io/session": "d" * 64}}}
        assert (await node.api.call("PATCH", path, proof, headers=MERGE)).code == 200
        left = await lease(client)
        await asyncio.sleep(30)
        renewed = await lease(client)
        assert renewed["spec"]["renewTime"] > left["spec"]["renewTime"]
        assert renewed["spec"]["leaseTransitions"] == left["spec"]["leaseTransitions"] + 1
        assert renewed["metadata"]["annotations"]["kohakuriver.io/session"] != "d" * 64
        await node.place(a_manifest())
        await node.until("dev", phase="running")
        assert node.task is not None and not node.task.done()
        assert not await told_of(node)


async def steal(node: Node, client: Client) -> asyncio.Task[None]:
    """Take the Lease once it is over, under the name of its holder, and keep it."""
    assert node.agent is not None
    await asyncio.sleep(5)
    await node.kill_agent()
    await asyncio.sleep(11)
    taken = await lease(client)
    taken["spec"]["leaseTransitions"] += 1
    await client.update(kinds.LEASE, taken)

    async def renew() -> None:
        while True:
            await asyncio.sleep(3)
            with contextlib.suppress(errors.Conflict):
                await client.update(kinds.LEASE, await lease(client))

    return asyncio.create_task(renew())


async def test_an_agent_finds_out_that_somebody_who_bears_its_name_has_its_lease(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node, thief(node) as client:
        client.also = lambda: {"KohakuRiver-Session": "," + "b" * 64}
        renewing = await steal(node, client)
        await node.start_agent()
        assert node.task is not None
        with pytest.raises((NodeNameTaken, BaseExceptionGroup)) as caught:
            await asyncio.wait_for(node.task, 60)
        renewing.cancel()
        error = caught.value
        assert error.subgroup(NodeNameTaken) if isinstance(error, BaseExceptionGroup) else error
        assert len(await told_of(node)) == 1


async def test_from_a_thief_that_names_no_secret_the_agent_takes_its_lease_back(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node, thief(node) as client:
        renewing = await steal(node, client)
        await node.start_agent()
        await asyncio.sleep(15)
        renewing.cancel()
        assert "kohakuriver.io/session" in (await lease(client))["metadata"]["annotations"]
        assert node.task is not None and not node.task.done()
        assert len(await told_of(node)) == 1
