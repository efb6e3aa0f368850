"""The rules between VPSes and their node, on a packet filter in memory."""

import asyncio
from pathlib import Path

import pytest

from agent.machine.isolation import Isolation, chains
from agent.runtime.fake_firewall import FakeFirewall
from agent.runtime.firewall import FirewallError
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Node, a_node
from tests.agent.firewall_contract import FirewallContract

CLUSTER = "c1u2s3t4e5r6"


class TestFakeFirewall(FirewallContract):
    @pytest.fixture
    def firewall(self) -> FakeFirewall:
        return FakeFirewall()


async def condition(node: Node) -> dict[str, str]:
    reply = await node.api.get(kinds.NODE.path(name="n1"))
    found = {one["type"]: one for one in reply.body["status"]["conditions"]}
    return dict(found["NetworkIsolated"])


async def test_a_second_look_writes_nothing() -> None:
    firewall = FakeFirewall()
    isolation = Isolation(firewall, cluster=CLUSTER)
    await isolation.step("br-1")
    await isolation.step("br-1")
    assert firewall.changes == 1
    assert isolation.verdict is not None and isolation.verdict.ok


async def test_a_network_made_again_gets_rules_for_its_new_bridge() -> None:
    firewall = FakeFirewall()
    isolation = Isolation(firewall, cluster=CLUSTER)
    await isolation.step("br-1")
    await isolation.step("br-2")
    forwarded, local = chains(CLUSTER)
    assert all("-i br-2 " in rule for rule in firewall.chains[forwarded] + firewall.chains[local])


@pytest.mark.looptime
async def test_the_rules_stand_before_the_node_is_ready_and_come_back_after_a_reload(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        firewall = node.firewall
        assert isinstance(firewall, FakeFirewall)
        before = dict(firewall.chains)
        assert chains(CLUSTER)[1] in before
        firewall.flush()
        await asyncio.sleep(11)
        assert firewall.chains == before
        assert (await condition(node))["status"] == "True"


@pytest.mark.looptime
async def test_where_the_rules_cannot_be_written_the_node_says_why_and_goes_on(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        assert isinstance(node.firewall, FakeFirewall)
        node.firewall.failure = FirewallError("NotRoot", "the agent is not root")
        await asyncio.sleep(12)
        found = await condition(node)
        assert (found["status"], found["reason"]) == ("False", "NotRoot")
        assert "the agent is not root" in found["message"]
        node.firewall.failure = None
        await asyncio.sleep(12)
        assert (await condition(node))["status"] == "True"
