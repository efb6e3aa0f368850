"""The way out of a VPS by the Policies of its namespace, and the rules that make it so."""

import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.agent.deciding.egress import CLOSED, NOTHING, Told, Way, Ways
from kohakuriver.agent.machine import closed
from kohakuriver.agent.machine.isolation import Chain, chains, wanted

CLUSTER, BRIDGE = "c1u2s3t4e5r6", "br-1"
SERVER = ("10.0.0.1", "6443")


def told(namespaces: Mapping[str, list[str]], **policies: tuple[list[str], list[str]]) -> Told:
    return Told.of(
        {
            "policies": {name: {"deny": deny, "allow": allow} for name, (deny, allow) in policies.items()},
            "namespaces": namespaces,
            "unreadable": [],
        }
    )


def test_several_policies_add_up_and_parts_of_others_go() -> None:
    found = told(
        {"a": ["p", "q"]},
        p=(["10.0.0.0/8", "fd00::/8"], ["192.0.2.1/32"]),
        q=(["10.1.0.0/16", "11.0.0.0/8"], []),
    )
    assert found.way("a") == Way(deny=("10.0.0.0/7",), allow=("192.0.2.1/32",))


def test_a_namespace_that_no_policy_chooses_is_as_if_there_were_none() -> None:
    assert told({"a": []}, p=(["10.0.0.0/8"], [])).way("a") == Way()


@pytest.mark.parametrize("namespaces", [{}, {"a": ["gone"]}])
def test_a_namespace_of_which_nothing_is_known_is_denied_what_any_policy_denies(namespaces: Any) -> None:
    found = told(namespaces, p=(["10.0.0.0/8"], ["192.0.2.1/32"]), q=(["12.0.0.0/8"], []))
    assert found.way("a") == found.strictest == Way(deny=("10.0.0.0/8", "12.0.0.0/8"))


def test_policies_and_namespaces_are_told_in_one_line() -> None:
    found = told({"b": ["p", "q"], "a": ["q"], "c": []}, p=([], []), q=([], []))
    assert found.words() == "a: q; b: p, q"
    many = told({f"n{number:02}": ["p"] for number in range(30)}, p=([], []))
    assert many.words().endswith("n19: p; 10 more namespaces")
    assert NOTHING.words() == ""


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"policies": {}, "namespaces": {}},
        {"policies": {"p": {"deny": ["x"], "allow": []}}, "namespaces": {}, "unreadable": []},
        {"policies": {"p": 1}, "namespaces": {}, "unreadable": []},
        {"policies": {}, "namespaces": {"a": 3}, "unreadable": []},
    ],
)
def test_an_answer_of_another_form_is_refused_whole(answer: Any) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Told.of(answer)


def test_more_rules_than_fit_close_the_longest_way_whole_and_leave_the_others() -> None:
    long = Way(deny=tuple(f"10.{number}.0.0/17" for number in range(50)))
    short = Way(deny=("192.0.2.0/24",))
    ways = Ways((("vethA", long), ("vethB", short)), short)
    assert ways.fitted(100) is ways
    fitted = ways.fitted(10)
    assert fitted == Ways((("vethA", CLOSED), ("vethB", short)), short)
    assert fitted.rules <= 10


NETWORKS = st.builds(
    lambda address, bits: str(ipaddress.ip_network((address, bits), strict=False)),
    st.sampled_from([0x0A000001, 0x0A000002, 0xA9FEA9FE, 0xC0000201, 0xFFFFFFFF]),
    st.integers(0, 32),
)
LISTS = st.lists(NETWORKS, max_size=3)
PLACES = st.sampled_from(
    [(str(SERVER[0]), 6443), (str(SERVER[0]), 80), ("169.254.169.254", 80), ("192.0.2.1", 80)]
)


def passes(rules: Mapping[str, Chain], port: str, address: str, to: int) -> bool:
    """Whether the first packet of a connection that a VPS on this port of the bridge opens goes on."""
    name = chains(CLUSTER)[0]
    while True:
        for rule in rules[name].rules:
            words = rule.split()
            if not _matches(words, port, ipaddress.ip_address(address), to):
                continue
            verb, target = words[-2:]
            if verb == "-g":
                name = target
                break
            return target == "RETURN"
        else:
            return True


def _matches(words: list[str], port: str, address: Any, to: int) -> bool:
    said = {words[at]: words[at + 1] for at in range(len(words) - 1) if words[at].startswith("-")}
    if "-o" in said or "--ctstate" in said or "--ctorigdst" in said:
        return False  # it goes out of the node, is new, and was not redirected
    if "-d" in said and address not in ipaddress.ip_network(said["-d"]):
        return False
    if "--dport" in said:
        first, _, last = said["--dport"].partition(":")
        if not int(first) <= to <= int(last or first):
            return False
    return said.get("--physdev-in", port) == port


@given(st.lists(st.tuples(LISTS, LISTS), max_size=3), st.sampled_from(["mine", "other", "unknown"]), PLACES)
def test_deny_comes_before_allow_and_allow_before_the_default(
    policies: list[tuple[list[str], list[str]]], port: str, place: tuple[str, int]
) -> None:
    named = {f"p{number}": one for number, one in enumerate(policies)}
    found = told({"mine": sorted(named), "other": []}, **named)
    ways = Ways((("mine", found.way("mine")), ("other", found.way("other"))), found.strictest)
    rules = {chain.name: chain for chain in wanted(CLUSTER, BRIDGE, servers=[SERVER], ways=ways)}
    address, to = place

    def lies_in(networks: list[str]) -> bool:
        return any(ipaddress.ip_address(address) in ipaddress.ip_network(one) for one in networks)

    denied = port != "other" and any(lies_in(deny) for deny, _ in policies)
    allowed = port == "mine" and any(lies_in(allow) for _, allow in policies)
    default = lies_in(list(closed.METADATA)) or (address, str(to)) == SERVER
    assert passes(rules, port, address, to) == (not denied and (allowed or not default))


def test_without_policies_the_rules_are_those_of_before() -> None:
    forwarded, _ = wanted(CLUSTER, BRIDGE, servers=[SERVER])
    assert not any("physdev" in rule or " -g " in rule for rule in forwarded.rules)


def test_a_deny_stands_before_what_lets_open_connections_go_on() -> None:
    """But for answers to those who came in: who denies a network still reaches VPSes from there."""
    ways = Ways((("vethA", Way(deny=("10.0.0.0/8",))),), Way())
    rules = {chain.name: chain.rules for chain in wanted(CLUSTER, BRIDGE, ways=ways)}
    states = [rule for rule in rules[chains(CLUSTER)[0]] if rule.startswith(f"-i {BRIDGE} -m conntrack")]
    assert states == [
        f"-i {BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j RETURN",
        f"-i {BRIDGE} -m conntrack --ctstate DNAT -j DROP",
    ]
    assert not any(
        "ctstate" in rule for name, some in rules.items() if name not in chains(CLUSTER) for rule in some
    )
