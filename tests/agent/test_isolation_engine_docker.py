"""The rules around an engine of their own that is restarted, and whose rules others throw away."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.machines import Machine, free_network

pytestmark = pytest.mark.docker

BRIDGE = "br-kr-isolation"
LOOK = """
import asyncio, sys
from kohakuriver.agent.machine.isolation import Isolation
from kohakuriver.agent.runtime.iptables import Iptables
async def main():
    before = await Iptables().rules()
    isolation = Isolation(Iptables(), cluster=sys.argv[1])
    await isolation.step(sys.argv[2])
    assert isolation.verdict.ok, isolation.verdict
    print("whole" if await Iptables().rules() == before else "mended")
asyncio.run(main())
"""


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine("iso", network=free_network(), number=2)
    try:
        made.start()
        yield made
    finally:
        made.remove()


def make_network(machine: Machine) -> docker.APIClient:
    client = machine.client()
    options = {"com.docker.network.bridge.name": BRIDGE, "com.docker.network.bridge.enable_icc": "false"}
    client.create_network("kr", driver="bridge", options=options)
    return client


def look(machine: Machine, cluster: str) -> str:
    """What one look of an agent on that machine does."""
    command = [*machine.inside, sys.executable, "-c", LOOK, cluster, BRIDGE]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.fault(13)
def test_the_rules_outlast_a_restart_of_the_engine_and_are_mended_after_a_flush(machine: Machine) -> None:
    cluster = uuid.uuid4().hex
    make_network(machine).close()
    assert [look(machine, cluster), look(machine, cluster)] == ["mended", "whole"]
    machine.stop_engine()
    machine.engine.start()
    machine.client().close()
    first = look(machine, cluster)
    assert [first, look(machine, cluster)] in (["whole", "whole"], ["mended", "whole"])
    for words in ("-F INPUT", "-F FORWARD"):
        subprocess.run(
            [*machine.inside, "iptables", "-w", "-t", "mangle", *words.split()],
            check=True,
            capture_output=True,
        )
    assert [look(machine, cluster), look(machine, cluster)] == ["mended", "whole"]


def make_network_with_ipv6(machine: Machine) -> None:
    subnet = docker.types.IPAMPool(subnet="fd00:198:18::/64", gateway="fd00:198:18::1")
    client = machine.client()
    client.create_network(
        "kr",
        driver="bridge",
        options={"com.docker.network.bridge.name": BRIDGE},
        enable_ipv6=True,
        ipam=docker.types.IPAMConfig(pool_configs=[subnet]),
    )
    client.close()


def test_a_network_with_ipv6_has_no_way_to_its_vpses_by_it(machine: Machine) -> None:
    make_network_with_ipv6(machine)

    def way() -> str:
        command = [*machine.inside, "ip", "-6", "route", "get", "fd00:198:18::2"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert BRIDGE in way()
    look(machine, uuid.uuid4().hex)
    assert BRIDGE not in way()


GUEST = """
set -e
ip netns add {guest}
ip link add guest type veth peer name eth0 netns {guest}
ip link set guest master {bridge} up
ip -n {guest} addr add fd00:198:18::2/64 dev eth0 nodad
ip -n {guest} link set eth0 up
ip -n {guest} route add default via fd00:198:18::1
ip addr add fd00:198:19::1/64 dev lo nodad
"""
SERVE = """
import socket, time
server = socket.create_server(("::", 7), family=socket.AF_INET6)
print("listens")
time.sleep(600)
"""


def test_what_hangs_on_the_bridge_gets_out_by_ipv6_nowhere(machine: Machine) -> None:
    make_network_with_ipv6(machine)
    guest = f"krguest{os.getpid()}"

    def answers(address: str) -> bool:
        ask = f"import socket; socket.create_connection(({address!r}, 7), timeout=2)"
        command = ["ip", "netns", "exec", guest, sys.executable, "-c", ask]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    script = GUEST.format(guest=guest, bridge=BRIDGE)
    server = subprocess.Popen([*machine.inside, sys.executable, "-uc", SERVE], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None and server.stdout.readline()
        subprocess.run([*machine.inside, "sh", "-c", script], check=True, capture_output=True)
        ways = ("fd00:198:18::1", "fd00:198:19::1")
        assert all(any(answers(way) for _ in range(10)) for way in ways), "once the bridge is up"
        look(machine, uuid.uuid4().hex)
        assert not any(answers(way) for way in ways)
    finally:
        server.kill()
        server.communicate()
        subprocess.run(["ip", "netns", "del", guest], check=False, capture_output=True)
