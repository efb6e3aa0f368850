"""A node on this machine's Docker engine, with a cluster of its own, in real time."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import docker

from kohakuriver.agent.machine.isolation import chains
from kohakuriver.agent.machine.ports import KernelPorts
from kohakuriver.agent.runtime.docker import DEFAULT_SOCKET, DockerRuntime
from kohakuriver.agent.runtime.iptables import Iptables, remove_chains
from kohakuriver.agent.runtime.purge import purge
from kohakuriver.clock import SystemClock
from tests.agent.agent_kit import Json, Node
from tests.apiserver.api import running_api
from tests.fakes.engine import FakeEngine

PORT = random.randrange(20000, 29000)  # noqa: S311 - other clusters here have theirs
SETTINGS: dict[str, Any] = {
    "relist": 2.0,
    "millicores": 16000,
    "ssh_address": "127.0.0.1",
    "ssh_port_range": (PORT, PORT + 9),
}
SMALL = {"cores": "0.1", "memory": "64Mi"}


class DockerNode(Node):
    """A node on this machine's engine, with a cluster of its own."""

    @property
    def docker(self) -> docker.APIClient:
        return docker.APIClient(version="auto")

    def ids(self) -> list[str]:
        with contextlib.closing(self.docker) as client:
            filters = {"label": f"kohakuriver.io/cluster={self.cluster}"}
            return [row["Id"] for row in client.containers(all=True, filters=filters)]

    async def until_container(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until it runs, in a container as wanted."""
        async with asyncio.timeout(60):
            while True:
                if wanted((await self.until(phase="running"))["status"]["observed"]["container"]):
                    return
                await asyncio.sleep(0.05)

    async def events(self, reason: str) -> list[Json]:
        """Those of that reason, once there is one: an engine tells what happened when it gets to it."""
        async with asyncio.timeout(60):
            while not (found := await super().events(reason)):
                pass
        return found

    def do(self, verb: str) -> None:
        """What a person does by hand."""
        (container,) = self.ids()
        options = {"force": True} if verb == "remove_container" else {}
        with contextlib.closing(self.docker) as client:
            getattr(client, verb)(container, **options)

    def commits(self) -> list[str]:
        """The images that re-creations have left."""
        with contextlib.closing(self.docker) as client:
            filters = {"label": f"kohakuriver.io/commit-cluster={self.cluster}"}
            return [tag for row in client.images(filters=filters) for tag in row["RepoTags"] or ()]

    def run(self, *command: str) -> str:
        """What a command says in its container on its standard output."""
        return self.says(*command)[0]

    def says(self, *command: str) -> tuple[str, str]:
        """The same, and on its standard error: the engine tells not which of the two came first."""
        (container,) = self.ids()
        with contextlib.closing(self.docker) as client:
            made = client.exec_create(container, list(command))
            out, err = client.exec_start(made["Id"], demux=True)
            return (out or b"").decode().strip(), (err or b"").decode().strip()

    def inspect(self) -> dict[str, Any]:
        (container,) = self.ids()
        with contextlib.closing(self.docker) as client:
            return dict(client.inspect_container(container))


@contextlib.asynccontextmanager
async def a_docker_node(folder: Path, **runtime_options: Any) -> AsyncIterator[DockerNode]:
    """The node with its agent, and the packet filter as on a real one; nothing is left behind."""
    cluster = uuid.uuid4().hex
    runtime = DockerRuntime(cluster=cluster, **runtime_options)
    async with running_api(clock=SystemClock()) as api:
        made = DockerNode(
            api,
            FakeEngine(),
            folder,
            cluster=cluster,
            clock=SystemClock(),
            runtime=runtime,
            firewall=Iptables(),
            ports=KernelPorts(),
        )
        await made.start_agent(**SETTINGS)
        try:
            await made.until_ready()
            yield made
        finally:
            await made.kill_agent()
            await runtime.aclose()
            await asyncio.to_thread(purge, cluster=cluster, socket=DEFAULT_SOCKET)
            await asyncio.to_thread(remove_chains, chains(cluster))
