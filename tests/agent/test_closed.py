"""Where VPSes may not go: the cluster's own servers as addresses and ports, and a cloud's answers."""

import asyncio
import threading

import pytest

from kohakuriver.agent.machine.closed import ETCD, Servers, addresses, is_metadata
from kohakuriver.agent.machine.isolation import Isolation, chains, wanted
from tests.fakes.firewall import FakeFirewall

CLUSTER = "c1u2s3t4e5r6"


def at(*urls: str, **names: tuple[str, ...]) -> Servers:
    return Servers(lambda: urls, resolve=lambda name: names.get(name, ()))


async def test_each_server_is_closed_at_its_port_and_where_etcd_is_beside_it() -> None:
    found = await at("https://10.0.0.2:6443", "https://10.0.0.1", "http://10.0.0.1:8080").places()
    assert found == (
        ("10.0.0.1", ETCD),
        ("10.0.0.1", "443"),
        ("10.0.0.1", "8080"),
        ("10.0.0.2", ETCD),
        ("10.0.0.2", "6443"),
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:6443",
        "https://localhost:6443",
        "https://[fd00::1]:6443",
        "https://0.0.0.0:6443",
        "https://[nonsense",
        "https://:6443",
        "https://nobody.knows:6443",
        "",
    ],
)
async def test_what_no_vps_could_reach_needs_no_rule(url: str) -> None:
    assert await at(url).places() == ()


async def test_a_name_counts_for_all_its_addresses_and_for_its_last_ones_while_nobody_tells() -> None:
    told: dict[str, tuple[str, ...]] = {"river": ("10.0.0.2", "10.0.0.1", "127.0.0.1")}
    servers = Servers(lambda: ["https://river:6443"], resolve=lambda name: told.get(name, ()))
    both = {("10.0.0.1", "6443"), ("10.0.0.2", "6443"), ("10.0.0.1", ETCD), ("10.0.0.2", ETCD)}
    assert set(await servers.places()) == both
    told.clear()
    assert set(await servers.places()) == both
    told["river"] = ("10.0.0.9",)
    assert set(await servers.places()) == {("10.0.0.9", "6443"), ("10.0.0.9", ETCD)}


@pytest.mark.looptime
async def test_a_nameserver_that_is_silent_holds_up_no_rule_and_is_asked_once() -> None:
    answered, asked = threading.Event(), []

    def resolve(name: str) -> tuple[str, ...]:
        asked.append(name)
        answered.wait()
        return ("10.0.0.1",)

    servers = Servers(lambda: ["https://river:6443", "https://10.0.0.2:6443"], resolve=resolve)
    known = (("10.0.0.2", ETCD), ("10.0.0.2", "6443"))
    try:
        assert [await servers.places() for _ in range(3)] == [known] * 3
        assert asked == ["river"]
    finally:
        answered.set()


async def test_a_server_that_registers_later_is_closed_with_the_next_look() -> None:
    firewall, urls = FakeFirewall(), ["https://10.0.0.1:6443"]
    isolation = Isolation(firewall, cluster=CLUSTER, servers=Servers(lambda: urls))
    await isolation.step("br-1")
    await isolation.step("br-1")
    assert firewall.changes == 1
    urls.append("https://10.0.0.2:6443")
    await isolation.step("br-1")
    rule = "-d 10.0.0.2/32 -i br-1 -p tcp -m tcp --dport 6443 -j DROP"
    assert rule in firewall.chains[chains(CLUSTER)[0]]


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"])
def test_what_answers_for_the_machine_in_a_cloud_is_closed(address: str) -> None:
    assert is_metadata(address)
    forwarded, _ = wanted(CLUSTER, "br-1")
    network = "169.254.0.0/16" if address.startswith("169") else f"{address}/32"
    assert f"-d {network} -i br-1 -j DROP" in forwarded.rules


def test_questions_to_a_clouds_nameserver_go_out_and_others_need_no_rule() -> None:
    forwarded, _ = wanted(CLUSTER, "br-1", nameservers=["168.63.129.16", "9.9.9.9"])
    question = "-d 168.63.129.16/32 -i br-1 -p udp -m udp --dport 53 -j RETURN"
    assert forwarded.rules.index(question) < forwarded.rules.index("-d 168.63.129.16/32 -i br-1 -j DROP")
    assert not any("9.9.9.9" in rule for rule in forwarded.rules)
    assert not is_metadata("9.9.9.9") and not is_metadata("nonsense")


async def test_an_address_is_what_the_machine_says() -> None:
    assert await asyncio.to_thread(addresses, "127.0.0.1") == ["127.0.0.1"]
    assert await asyncio.to_thread(addresses, "a" * 64 + ".invalid") == ()
