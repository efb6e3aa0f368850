"""The cluster's bridge network on the engine, and containers that outlived one."""

import re
from typing import Final

import docker
import docker.errors

from agent.runtime import translate
from agent.runtime.base import CLUSTER_LABEL
from agent.runtime.errors import EngineRefused

_NO_NETWORK: Final = re.compile(r"network \S+ not found", re.IGNORECASE)


def ensure(client: docker.APIClient, name: str, cluster: str) -> str:
    """Make it unless it is there; its bridge. Raises EngineRefused where the name is another's."""
    for network in client.networks(names=[name]):  # the filter matches parts of names too
        if network["Name"] == name:
            if (network.get("Labels") or {}).get(CLUSTER_LABEL) == cluster:
                return translate.bridge(network)
            raise EngineRefused(
                f"the engine has a network {name} that is not this cluster's",
                hint=f"remove it: docker network rm {name}",
            )
    made = client.create_network(
        name,
        driver="bridge",
        options={"com.docker.network.bridge.enable_icc": "false"},
        labels={CLUSTER_LABEL: cluster},
        check_duplicate=True,
    )
    return translate.bridge(client.inspect_network(made["Id"]))


def start(client: docker.APIClient, container_id: str) -> None:
    """Start a container. One that stood still while its network was pruned and made anew is moved over to
    the new one: to the engine it hangs on an id, which is no more."""
    try:
        client.start(container_id)
    except docker.errors.NotFound as error:
        if not _NO_NETWORK.search(error.explanation or ""):
            raise
        for name in client.inspect_container(container_id)["NetworkSettings"]["Networks"]:
            client.disconnect_container_from_network(container_id, name, force=True)
            client.connect_container_to_network(container_id, name)
        client.start(container_id)
