"""Policies on their way to a node's rules: told, applied, held on to while the API server is away."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.agent.deciding.egress import Way
from kohakuriver.agent.egress import EVERY, Egress
from kohakuriver.agent.machine.isolation import Isolation, chains
from kohakuriver.agent.roster import Roster
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, Node, a_manifest, a_node
from tests.fakes.firewall import FakeFirewall
from tests.fakes.ports import FakePorts

pytestmark = pytest.mark.looptime

DENY = "-d 192.0.2.0/24 -j DROP"


def deny(*networks: str, **more: Any) -> Json:
    return {"egress": {"deny": list(networks)}, **more}


async def a_policy(node: Node, spec: Json, name: str = "closed") -> None:
    await node.api.create(kinds.POLICY, {"metadata": {"name": name}, "spec": spec})


def table(node: Node) -> dict[str, list[str]]:
    assert isinstance(node.firewall, FakeFirewall)
    return node.firewall.chains


def way_of(node: Node) -> list[str]:
    """The rules of the one VPS there is."""
    (rule,) = [rule for rule in table(node)[chains(node.cluster)[0]] if "--physdev-in" in rule]
    return table(node)[rule.split()[-1]]


def others(node: Node) -> list[str]:
    """The rules of whom nothing is known."""
    return table(node)[table(node)[chains(node.cluster)[0]][-1].split()[-1]]


async def enforced(node: Node) -> dict[str, str] | None:
    reply = await node.api.get(kinds.NODE.path(name=node.name))
    found = [one for one in reply.body["status"]["conditions"] if one["type"] == "EgressEnforced"]
    return dict(found[0]) if found else None


async def test_a_policy_reaches_running_vpses_within_a_step_and_goes_as_soon(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        before = {name: list(rules) for name, rules in table(node).items()}
        assert await enforced(node) is None
        await a_policy(node, deny("192.0.2.0/24"))
        await asyncio.sleep(EVERY + 1)
        assert DENY in way_of(node) and DENY in others(node)
        await asyncio.sleep(EVERY + 1)
        found = await enforced(node)
        assert found is not None
        assert (found["status"], found["message"]) == ("True", "default: closed")
        assert (await node.api.call("DELETE", kinds.POLICY.path(name="closed"))).code == 200
        await asyncio.sleep(2 * EVERY + 2)
        assert table(node) == before
        found = await enforced(node)
        assert found is not None and found["reason"] == "NoPolicies"


async def test_an_unchanged_world_writes_no_rules(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await a_policy(node, deny("192.0.2.0/24"))
        await node.place(a_manifest())
        await node.until(phase="running")
        await asyncio.sleep(EVERY + 1)
        assert isinstance(node.firewall, FakeFirewall)
        before = node.firewall.changes
        await asyncio.sleep(5 * EVERY)
        assert node.firewall.changes == before


async def test_what_starts_has_its_own_way_soon_and_that_of_a_stranger_until_then(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        elsewhere = {"namespaceSelector": {"matchLabels": {"team": "red"}}}
        await a_policy(node, deny("192.0.2.0/24", **elsewhere))
        await asyncio.sleep(EVERY + 1)
        assert DENY in others(node), "whatever it is that comes"
        await node.place(a_manifest())
        await node.until(phase="running")
        await asyncio.sleep(1)
        assert DENY not in way_of(node)
        assert DENY in others(node)


async def test_a_restarted_vps_keeps_its_way_at_its_new_port(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await a_policy(node, {"egress": {"allow": ["10.0.0.1/32"]}})
        await node.place(a_manifest())
        await node.until(phase="running")
        await asyncio.sleep(1)
        before = list(table(node)[chains(node.cluster)[0]])
        await node.change(restartRequest="r1")
        await asyncio.sleep(EVERY)
        assert table(node)[chains(node.cluster)[0]] != before
        assert "-d 10.0.0.1/32 -j RETURN" in way_of(node)


async def test_rules_of_an_earlier_agent_stand_until_its_successor_knows_better(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await a_policy(node, {"egress": {"deny": ["192.0.2.0/24"], "allow": ["10.0.0.1/32"]}})
        await node.place(a_manifest())
        await node.until(phase="running")
        await asyncio.sleep(EVERY + 1)
        assert isinstance(node.firewall, FakeFirewall)
        before, changes = {name: list(rules) for name, rules in table(node).items()}, node.firewall.changes
        assert way_of(node)[:2] == [DENY, "-d 10.0.0.1/32 -j RETURN"]
        await node.kill_agent()
        await node.start_agent()
        await asyncio.sleep(EVERY + 1)
        assert table(node) == before
        assert node.firewall.changes == changes, "nor in between"


async def test_a_container_whose_port_is_not_known_is_told(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await a_policy(node, deny("192.0.2.0/24"))
        await node.place(a_manifest())
        await node.until(phase="running")
        assert node.agent is not None and isinstance(node.ports, FakePorts)
        (container,) = node.agent.roster.containers()
        node.ports.hidden.add(container.name)
        await asyncio.sleep(3 * EVERY)
        found = await enforced(node)
        assert found is not None
        assert (found["status"], found["reason"]) == ("False", "PortUnknown")
        assert container.name in found["message"]


class Answers:
    """An API server that says what it is made to."""

    def __init__(self) -> None:
        self.answer: Any = None

    async def call(self, method: str, path: str, *, has_kind: bool) -> Any:
        assert not has_kind
        assert (method, path) == ("GET", kinds.NODE.path(name="n1", subresource="egress"))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


POLICIES = {
    "policies": {"p": {"deny": ["192.0.2.0/24"], "allow": []}},
    "namespaces": {"a": ["p"]},
    "unreadable": [],
}


def an_egress() -> tuple[Egress, Answers]:
    server = Answers()
    return Egress(server, Roster(), FakePorts(), node="n1"), server  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        errors.Unreachable("no way"),
        errors.Forbidden("no"),
        errors.NotFound("a server of before"),
        {"policies": 3},
        "nonsense",
    ],
)
async def test_what_was_told_last_holds_whatever_comes_of_the_next_question(answer: Any) -> None:
    egress, server = an_egress()
    server.answer = POLICIES
    await egress.step()
    server.answer = answer
    await egress.step()
    assert egress.told is not None
    assert egress.told.way("a") == Way(deny=("192.0.2.0/24",))


@pytest.mark.parametrize("answer", [errors.Unreachable("no way"), errors.Forbidden("no"), {"policies": 3}])
async def test_who_was_never_told_waits(answer: Any) -> None:
    egress, server = an_egress()
    server.answer = answer
    await egress.step()
    waits = asyncio.ensure_future(egress.wait_told())
    await asyncio.sleep(1)
    assert not waits.done()
    server.answer = POLICIES
    await egress.step()
    await waits


async def test_a_server_of_before_there_were_policies_closes_nothing() -> None:
    egress, server = an_egress()
    server.answer = errors.NotFound("no such path")
    await egress.step()
    await egress.wait_told()
    assert await egress.ways("br-1") is None


async def test_what_does_not_fit_or_cannot_be_read_is_told() -> None:
    egress, server = an_egress()
    isolation = Isolation(FakeFirewall(), cluster="c1u2s3t4e5r6", egress=egress)
    many = [f"{number >> 8}.{number & 255}.0.0/17" for number in range(256, 256 + 4100)]
    server.answer = {
        "policies": {"p": {"deny": many, "allow": []}},
        "namespaces": {"a": ["p"]},
        "unreadable": [],
    }
    await egress.step()
    await isolation.step("br-1")
    found = egress.verdict(isolation.verdict)
    assert (found.ok, found.reason) == (False, "TooManyRules") and "4100 rules" in found.message
    server.answer = {**POLICIES, "unreadable": ["Policy q: spec.egress is not an object"]}
    await egress.step()
    await isolation.step("br-1")
    found = egress.verdict(isolation.verdict)
    assert (found.ok, found.reason) == (False, "PolicyUnreadable") and "Policy q" in found.message
