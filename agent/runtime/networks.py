"""The cluster's bridge network on the engine, and containers that outlived one."""

import contextlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import docker
import docker.errors

from kohakuriver.agent.runtime import translate
from kohakuriver.agent.runtime.base import CLUSTER_LABEL
from kohakuriver.agent.runtime.errors import EngineRefused

_NO_NETWORK: Final = re.compile(r"network \S+ not found", re.IGNORECASE)


def ensure(client: docker.APIClient, name: str, cluster: str) -> str:
    """Make it unless it is there; its bridge. Raises EngineRefused where the name is another's.

    Engines before 25 let two agents that ask at once both make one, and then start nothing in either, as the
    name is ambiguous. The older of them stays.
    """
    if not (found := _named(client, name, cluster)):
        _make(client, name, cluster)
        found = _named(client, name, cluster)
    if not found:
        raise EngineRefused(f"the engine has made no network {name}")
    for doubled in found[1:]:
        with contextlib.suppress(docker.errors.APIError):  # somebody runs in it, or has removed it
            client.remove_network(doubled["Id"])
    return translate.bridge(found[0])


def _make(client: docker.APIClient, name: str, cluster: str) -> None:
    try:
        client.create_network(
            name,
            driver="bridge",
            options={"com.docker.network.bridge.enable_icc": "false"},
            labels={CLUSTER_LABEL: cluster},
            check_duplicate=True,
        )
    except docker.errors.APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:  # another agent was quicker
            raise


def _named(client: docker.APIClient, name: str, cluster: str) -> list[Mapping[str, Any]]:
    """The oldest first. The engine's filter matches parts of names too."""
    found = [network for network in client.networks(names=[name]) if network["Name"] == name]
    for network in found:
        if (network.get("Labels") or {}).get(CLUSTER_LABEL) != cluster:
            raise EngineRefused(
                f"the engine has a network {name} that is not this cluster's",
                hint=f"remove it: docker network rm {name}",
            )
    return sorted(found, key=lambda network: (network["Created"], network["Id"]))


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
