"""Removes everything of one cluster from a Docker engine: for `down --purge`. Blocking.

Only what carries the cluster's label is looked at, so another cluster's containers on the same engine, and a
person's own, are never touched. Safe to repeat.
"""

import contextlib
import dataclasses
import time
from typing import Final

import docker
import docker.errors

from kohakuriver.agent.runtime import failures, volumes
from kohakuriver.agent.runtime.base import CLUSTER_LABEL, COMMIT_CLUSTER_LABEL

ATTEMPTS: Final = 10
PAUSE: Final = 0.5  # seconds between them


@dataclasses.dataclass(frozen=True, slots=True)
class Purged:
    """How much was removed, and the networks that the engine did not let go of."""

    containers: int
    networks: int
    volumes: int
    left: tuple[str, ...] = ()


def purge(*, cluster: str, socket: str) -> Purged:
    """Remove the cluster's containers, then its volumes and networks. Raises EngineError."""
    path = socket.removeprefix("unix://")
    with failures.mapped():
        client = docker.APIClient(base_url=f"unix://{path}", version="auto", timeout=120)
        try:
            done = _purge(client, {"label": f"{CLUSTER_LABEL}={cluster}"})
            _remove_images(client, cluster)
            return done
        finally:
            client.close()


def _purge(client: docker.APIClient, filters: dict[str, str]) -> Purged:
    """Again and again: a start that was under way brings an endpoint, or a container, behind our back.

    Docker 20.10 sometimes miscounts a network's endpoints and keeps it, empty, until it is restarted.
    """
    containers = networks = kept = 0
    left: tuple[str, ...] = ()
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        containers += _remove_containers(client, filters)
        kept += _remove_volumes(client, filters)
        removed, left = _remove_networks(client, filters)
        networks += removed
        if not left:
            break
    return Purged(containers, networks, kept, left)


def _remove_containers(client: docker.APIClient, filters: dict[str, str]) -> int:
    rows = client.containers(all=True, filters=filters)
    for row in rows:
        with contextlib.suppress(docker.errors.NotFound):
            volumes.remove_container(client, row["Id"], force=True)
    return len(rows)


def _remove_images(client: docker.APIClient, cluster: str) -> None:
    """Those that re-creations of the cluster's containers have left: children before their parents."""
    for row in client.images(filters={"label": f"{COMMIT_CLUSTER_LABEL}={cluster}"}):
        for tag in row.get("RepoTags") or ():
            with contextlib.suppress(docker.errors.APIError):  # a parent goes with its last child
                client.remove_image(tag)


def _remove_networks(client: docker.APIClient, filters: dict[str, str]) -> tuple[int, tuple[str, ...]]:
    removed, left = 0, []
    for row in client.networks(filters=filters):
        try:
            _detach(client, row["Id"])
            client.remove_network(row["Id"])
            removed += 1
        except docker.errors.NotFound:
            continue
        except docker.errors.APIError:
            left.append(row["Name"])
    return removed, tuple(left)


def _detach(client: docker.APIClient, network: str) -> None:
    """A container that was removed in the middle of a start can leave its endpoint behind."""
    attached = client.inspect_network(network).get("Containers") or {}
    for container, endpoint in attached.items():
        name = endpoint["Name"] if container.startswith("ep-") else container
        with contextlib.suppress(docker.errors.APIError):
            client.disconnect_container_from_network(name, network, force=True)


def _remove_volumes(client: docker.APIClient, filters: dict[str, str]) -> int:
    rows = client.volumes(filters=filters).get("Volumes") or []
    for row in rows:
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_volume(row["Name"])
    return len(rows)
