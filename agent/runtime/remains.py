"""Which containers of a node an engine holds, for an agent that is not let in any more. Only reads."""

import docker

from kohakuriver.agent.runtime import failures
from kohakuriver.agent.runtime.base import LABEL_PREFIX


def of_node(node: str, *, socket: str) -> list[str]:
    """The names of the node's containers, whatever state they are in. Raises EngineError."""
    with failures.mapped():
        client = docker.APIClient(
            base_url=f"unix://{socket.removeprefix('unix://')}", version="auto", timeout=10
        )
        try:
            found = client.containers(all=True, filters={"label": f"{LABEL_PREFIX}node={node}"})
            return sorted(container["Names"][0].removeprefix("/") for container in found)
        finally:
            client.close()
