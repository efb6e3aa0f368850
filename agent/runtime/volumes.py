"""The named volumes of one cluster on a Docker engine. Blocking; called by docker.py on its threads."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import docker
import docker.errors

from kohakuriver.agent.runtime.base import (
    CLUSTER_LABEL,
    EngineVolume,
    MountedVolume,
    MountedVolumes,
    Volumes,
)
from kohakuriver.agent.runtime.errors import EngineRefused

_MADE_UP: Final = re.compile("[0-9a-f]{64}")


def found(client: docker.APIClient, cluster: str) -> Volumes:
    """Every volume that carries the cluster's label."""
    answer = client.volumes(filters={"label": f"{CLUSTER_LABEL}={cluster}"})
    rows = answer.get("Volumes") or []
    return tuple(EngineVolume(row["Name"], dict(row.get("Labels") or {})) for row in rows)


def anonymous(mounts: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The volumes that nobody named, and where they are seen. Pure."""
    return tuple(
        sorted(
            (mount["Name"], mount["Destination"])
            for mount in mounts
            if mount.get("Type") == "volume" and _MADE_UP.fullmatch(mount.get("Name") or "")
        )
    )


def of(client: docker.APIClient, container_id: str) -> MountedVolumes:
    """Those of a container, with the folders of this machine where their files are."""
    mounts = client.inspect_container(container_id).get("Mounts") or ()
    found = {
        MountedVolume(mount["Name"], mount["Destination"], _seen(client.inspect_volume(mount["Name"])))
        for mount in mounts
        if mount.get("Type") == "volume"
    }
    return tuple(sorted(found, key=lambda one: one.target))


def folder(client: docker.APIClient, name: str) -> str | None:
    """Where the files of one are, or are to be; None where there is no such volume."""
    try:
        volume = client.inspect_volume(name)
    except docker.errors.NotFound:
        return None
    found = _folder(volume)
    if not found.parent.is_dir():
        raise _unseen(volume, found)
    return str(found)


def _seen(volume: Mapping[str, Any]) -> str:
    found = _folder(volume)
    if not found.is_dir():
        raise _unseen(volume, found)
    return str(found)


def _folder(volume: Mapping[str, Any]) -> Path:
    name, driver = volume["Name"], volume.get("Driver")
    if driver != "local" or volume.get("Options"):
        raise EngineRefused(
            f"the files of volume {name} are kept by the engine's driver {driver} with options of its own, "
            "and are neither taken from there nor put there"
        )
    return Path(volume.get("Mountpoint") or "")


def _unseen(volume: Mapping[str, Any], folder: Path) -> EngineRefused:
    return EngineRefused(
        f"the files of volume {volume['Name']} are not to be seen from here: there is no folder {folder}",
        hint="the agent has to run on the machine of the engine, among its mounts and as root",
    )


def remove_container(client: docker.APIClient, container_id: str, *, force: bool) -> None:
    """Remove it with its anonymous volumes; the engine keeps those that were attached again by name."""
    mounts = client.inspect_container(container_id).get("Mounts") or ()
    client.remove_container(container_id, v=True, force=force)
    for name, _ in anonymous(mounts):
        with contextlib.suppress(docker.errors.APIError):  # gone already, or another container has it
            client.remove_volume(name)


def remove(client: docker.APIClient, name: str, cluster: str) -> None:
    """Remove one; fine when it is gone. Raises EngineRefused for another's, and while one is in use."""
    try:
        body: dict[str, Any] = client.inspect_volume(name)
        if (body.get("Labels") or {}).get(CLUSTER_LABEL) != cluster:
            raise EngineRefused(f"the volume {name} is not this cluster's, so it is left alone")
        client.remove_volume(name)
    except docker.errors.NotFound:
        return
