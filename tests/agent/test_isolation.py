"""The rules between VPSes and their node, on a packet filter in memory."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.agent.machine.isolation import Isolation, chains
from kohakuriver.agent.runtime.firewall import FirewallError
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Node, a_node
from tests.agent.firewall_contract import FirewallContract
from tests.fakes.firewall import FakeFirewall

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


ACCEPTS = "-i br-1 -j ACCEPT"


class Rival(FakeFirewall):
    """A packet filter in which somebody puts a rule of his own first as often as he is given a turn."""

    def put_first(self, chain: str) -> None:
        self.chains[chain] = [ACCEPTS, *(rule for rule in self.chains[chain] if rule != ACCEPTS)]


class Quick(Rival):
    async def change(self, text: str) -> None:
        await super().change(text)
        self.put_first("FORWARD")


async def test_where_others_rules_come_first_at_once_the_condition_is_false_and_says_so() -> None:
    isolation = Isolation(Quick(), cluster=CLUSTER)
    await isolation.step("br-1")
    assert isolation.verdict is not None and not isolation.verdict.ok
    assert isolation.verdict.reason == "RulesDoNotStand"
    assert "iptables -t mangle -S" in isolation.verdict.message


@pytest.mark.parametrize("chain", ["FORWARD", "INPUT"])
async def test_a_rule_that_comes_back_before_ours_is_put_behind_and_told_in_the_end(chain: str) -> None:
    firewall = Rival()
    isolation = Isolation(firewall, cluster=CLUSTER)
    await isolation.step("br-1")
    told = []
    for _ in range(4):
        firewall.put_first(chain)
        await isolation.step("br-1")
        assert firewall.chains[chain][0] != ACCEPTS
        assert isolation.verdict is not None
        told.append(isolation.verdict.reason)
    assert told == ["RulesStand", "RulesStand", "RulesContested", "RulesContested"]
    await isolation.step("br-1")
    assert isolation.verdict.ok, "the rival has gone"


async def test_rules_of_an_earlier_version_go_once_those_of_this_one_stand() -> None:
    firewall = FakeFirewall()
    before = {name: list(rules) for name, rules in firewall.tables["filter"].items()}
    forwarded, local = chains(CLUSTER)
    firewall.tables["filter"] |= {
        forwarded: ["-i br-1 -j DROP"],
        local: ["-i br-1 -j DROP"],
        "DOCKER-USER": [f"-j {forwarded}", "-j RETURN"],
        "INPUT": [f"-j {local}"],
    }
    isolation = Isolation(firewall, cluster=CLUSTER)
    await isolation.step("br-1")
    assert firewall.tables["filter"] == before
    assert firewall.chains["FORWARD"] == [f"-j {forwarded}"]
    changes = firewall.changes
    await isolation.step("br-1")
    assert firewall.changes == changes


async def test_the_engines_own_table_is_not_written() -> None:
    firewall = FakeFirewall()
    before = await firewall.rules("filter")
    await Isolation(firewall, cluster=CLUSTER).step("br-1")
    assert await firewall.rules("filter") == before


@pytest.mark.looptime
async def test_the_rules_stand_before_the_node_is_ready_and_come_back_after_a_reload(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        firewall = node.firewall
        assert isinstance(firewall, FakeFirewall)
        before = {name: list(rules) for name, rules in firewall.chains.items()}
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
