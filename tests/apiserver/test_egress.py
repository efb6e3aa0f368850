"""What a node is told of Policies that close networks: those of its own namespaces, and nobody's labels."""

import ipaddress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.read import egress
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from tests.agent.agent_kit import a_manifest
from tests.apiserver.api import Api, running_api

PATH = kinds.NODE.path(name="n1", subresource="egress")
N1 = User("n1", Role.NODE, node="n1")


def a_policy(name: str = "p", **spec: Any) -> bytes:
    return orjson.dumps({"metadata": {"name": name}, "spec": spec})


def closing(*networks: str, **more: Any) -> dict[str, Any]:
    return {"egress": {"deny": list(networks)}, **more}


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        (None, ["a", "b"]),
        ({}, ["a", "b"]),
        ({"matchLabels": {"team": "red"}}, ["a"]),
        ({"matchLabels": {"team": "green"}}, []),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["red", "green"]}]}, ["a"]),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["red"]}]}, ["b"]),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, ["a"]),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, ["b"]),
        (
            {
                "matchLabels": {"team": "red"},
                "matchExpressions": [{"key": "team", "operator": "DoesNotExist"}],
            },
            [],
        ),
    ],
)
def test_a_selector_chooses_as_in_kubernetes(selector: Any, chosen: list[str]) -> None:
    raw = a_policy(**closing("10.0.0.0/8"), namespaceSelector=selector)
    told = egress.answer([raw], {"a": {"team": "red"}, "b": {}})
    assert [name for name, held in told["namespaces"].items() if held == ["p"]] == chosen
    assert told["unreadable"] == []


def test_a_policy_without_networks_is_left_out() -> None:
    told = egress.answer([a_policy(highestPriority=3)], {"a": {}})
    assert told == {"policies": {}, "namespaces": {"a": []}, "unreadable": []}


def test_a_selector_that_cannot_be_read_closes_to_all_and_opens_to_nobody() -> None:
    raw = a_policy(
        egress={"deny": ["10.0.0.0/8"], "allow": ["169.254.169.254/32"]},
        namespaceSelector={"matchExpressions": [{"key": "a", "operator": "Near"}]},
    )
    told = egress.answer([raw], {"a": {}})
    assert told["policies"] == {"p": {"deny": ["10.0.0.0/8"], "allow": []}}
    assert told["namespaces"] == {"a": ["p"]}
    assert told["unreadable"] == [
        "Policy p: spec.namespaceSelector cannot be read, so it chooses every namespace"
    ]


def test_of_what_is_no_network_the_rest_of_the_list_holds() -> None:
    raw = a_policy(egress={"deny": ["10.0.0.0/8", 7, "10.0.0.1/8"], "allow": "fd00::/8"})
    told = egress.answer([raw], {})
    assert told["policies"] == {"p": {"deny": ["10.0.0.0/8"], "allow": []}}
    assert told["unreadable"] == [
        'Policy p: spec.egress.deny: invalid network "7"',
        'Policy p: spec.egress.deny: invalid network "10.0.0.1/8"',
        "Policy p: spec.egress.allow is not a list",
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["egress", "deny", "allow", "namespaceSelector", "matchLabels", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_stored_every_network_told_is_one(spec: Any) -> None:
    told = egress.answer([orjson.dumps({"metadata": {"name": "p"}, "spec": spec})], {"a": {}})
    for one in told["policies"].values():
        for network in (*one["deny"], *one["allow"]):
            assert str(ipaddress.ip_network(network)) == network


async def bind(api: Api, namespace: str, node: str) -> None:
    """A VPS of the namespace that is bound to the node."""
    vps = a_manifest("dev")
    vps["metadata"]["namespace"] = namespace
    await api.create(kinds.VPS, vps)
    key = codec.key(kinds.VPS, namespace, "dev")
    record = await api.store.get(key)
    assert record is not None
    stored = codec.decode(record)
    stored["status"] |= {"assignment": {"node": node, "epoch": 1}, "epoch": 1}
    await api.store.commit(expect={key: record.revision}, writes=[Put(key, codec.encode(stored))])


@pytest.mark.looptime
async def test_a_node_is_told_of_the_namespaces_of_its_own_vpses_alone() -> None:
    async with running_api(users=(N1,)) as api:
        for name, labels in (("a", {"team": "red"}), ("b", {"team": "red"}), ("c", {})):
            await api.create(kinds.NAMESPACE, {"metadata": {"name": name, "labels": labels}})
        await bind(api, "a", "n1")
        await bind(api, "b", "n2")
        await bind(api, "c", "n1")
        red = {"namespaceSelector": {"matchLabels": {"team": "red"}}, **closing("fd00::/8", "10.0.0.0/8")}
        named = {"namespaceSelector": {"matchLabels": {kinds.NAME_LABEL: "c"}}}
        await api.create(kinds.POLICY, {"metadata": {"name": "red"}, "spec": red})
        allow = {"egress": {"allow": ["10.0.0.1/32"]}, **named}
        await api.create(kinds.POLICY, {"metadata": {"name": "named"}, "spec": allow})
        reply = await api.get(PATH, user="n1")
        assert reply.code == 200
        assert reply.body == {
            "policies": {
                "named": {"deny": [], "allow": ["10.0.0.1/32"]},
                "red": {"deny": ["10.0.0.0/8", "fd00::/8"], "allow": []},
            },
            "namespaces": {"a": ["red"], "c": ["named"]},
            "unreadable": [],
        }


@pytest.mark.looptime
async def test_a_change_of_labels_is_told_with_the_next_question() -> None:
    async with running_api(users=(N1,)) as api:
        await api.create(kinds.NAMESPACE, {"metadata": {"name": "a"}})
        await bind(api, "a", "n1")
        red = {"namespaceSelector": {"matchLabels": {"team": "red"}}, **closing("10.0.0.0/8")}
        await api.create(kinds.POLICY, {"metadata": {"name": "red"}, "spec": red})
        assert (await api.get(PATH, user="n1")).body["namespaces"] == {"a": []}
        change = {"metadata": {"labels": {"team": "red"}}}
        headers = {"Content-Type": "application/merge-patch+json"}
        path = kinds.NAMESPACE.path(name="a")
        assert (await api.call("PATCH", path, change, headers=headers)).code == 200
        assert (await api.get(PATH, user="n1")).body["namespaces"] == {"a": ["red"]}
