"""The rules around an engine of their own that is restarted, and whose rules others throw away."""

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
from agent.machine.isolation import Isolation
from agent.runtime.iptables import Iptables
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


def test_a_network_with_ipv6_has_no_way_to_its_vpses_by_it(machine: Machine) -> None:
    subnet = docker.types.IPAMPool(subnet="fd00:198:18::/64")
    client = machine.client()
    client.create_network(
        "kr",
        driver="bridge",
        options={"com.docker.network.bridge.name": BRIDGE},
        enable_ipv6=True,
        ipam=docker.types.IPAMConfig(pool_configs=[subnet]),
    )
    client.close()

    def way() -> str:
        command = [*machine.inside, "ip", "-6", "route", "get", "fd00:198:18::2"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert BRIDGE in way()
    look(machine, uuid.uuid4().hex)
    assert BRIDGE not in way()
