"""A cluster of its own on the machine's Docker engine, and nothing of it left behind."""

import asyncio
import contextlib
import io
import socket
import tarfile
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import docker

from kohakuriver.agent.runtime.base import CLUSTER_LABEL, ContainerSpec
from kohakuriver.agent.runtime.docker import DEFAULT_SOCKET, DockerRuntime
from tests.agent.runtime_contract import a_spec


class DockerWorld:
    def __init__(self, socket_path: str = DEFAULT_SOCKET) -> None:
        self._socket = socket_path.removeprefix("unix://")
        self.cluster = uuid.uuid4().hex
        self.network = f"kohakuriver-test-{self.cluster[:8]}"
        self.client = docker.APIClient(f"unix://{self._socket}", version="auto")
        self.runtime = self.runtime_of(self.cluster)

    def runtime_of(self, cluster: str) -> DockerRuntime:
        return DockerRuntime(cluster=cluster, socket_path=self._socket)

    def that_exits(self, spec: ContainerSpec, *, code: int) -> ContainerSpec:
        return a_spec(self, name=spec.name, command=("/bin/sh", "-c", f"exit {code}"))

    async def listens(self, container_id: str) -> None:
        """What it starts last, the stopped shell that it waits for, or sshd, is there."""
        async with asyncio.timeout(60):
            while True:
                if len(self.processes(container_id)) >= 3:  # the init, the keep-alive, and that
                    return
                await asyncio.sleep(0.05)

    def processes(self, container_id: str) -> list[str]:
        """The command lines of those in a running container."""
        return [row[-1] for row in self.client.top(container_id)["Processes"]]

    def use_memory(self, container_id: str, amount: int) -> None:
        command = ["sh", "-c", f"head -c {amount} /dev/zero > /dev/shm/used"]
        self.client.exec_start(self.client.exec_create(container_id, command)["Id"])

    def unweigh(self, container_id: str) -> None:
        self.client.update_container(container_id, cpu_shares=1024)

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def raw(self, name_or_id: str) -> dict[str, Any]:
        return dict(self.client.inspect_container(name_or_id))

    def says(self, container_id: str, *command: str) -> str:
        """What a command in a running container writes."""
        made = self.client.exec_create(container_id, list(command))
        return bytes(self.client.exec_start(made["Id"])).decode()

    def clean_image(self, reference: str) -> None:
        with contextlib.suppress(docker.errors.ImageNotFound):
            self.client.remove_image(reference, force=True)

    def clean(self) -> None:
        label = {"label": f"{CLUSTER_LABEL}={self.cluster}"}
        for row in self.client.containers(all=True, filters=label):
            self.client.remove_container(row["Id"], force=True, v=True)
        for row in self.client.volumes(filters=label)["Volumes"] or ():
            self.client.remove_volume(row["Name"])
        with contextlib.suppress(docker.errors.APIError):  # an engine of 20.10 may miscount its endpoints
            self.client.remove_network(self.network)
        self.client.close()


@contextlib.contextmanager
def a_built_image(dockerfile: str) -> Iterator[str]:
    """An image that somebody has built, under a name of its own."""
    reference, content = f"kr-test-{uuid.uuid4().hex[:8]}:1", dockerfile.encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as context:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(content)
        context.addfile(entry, io.BytesIO(content))
    buffer.seek(0)
    with contextlib.closing(docker.APIClient(version="auto")) as client:
        for _ in client.build(fileobj=buffer, custom_context=True, tag=reference, rm=True):
            pass
        try:
            yield reference
        finally:
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.remove_image(reference, force=True)


@contextlib.asynccontextmanager
async def a_docker_world(socket_path: str = DEFAULT_SOCKET) -> AsyncIterator[DockerWorld]:
    """The world, with its network; whatever its cluster has on the engine goes at the end."""
    world = DockerWorld(socket_path)
    try:
        await world.runtime.ensure_network(world.network)
        yield world
        await world.runtime.aclose()
    finally:
        world.clean()
