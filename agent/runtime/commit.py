"""An image of what is in a container, on a Docker engine. Blocking; called by docker.py on its threads.

The image has the configuration of the image that the container was made from: of the container's own env and
labels nothing is left in it. The engine merges what a container has into what it is told, so a variable is
taken away by its bare name, which also removes it from containers made later, and a label by an empty value.
"""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import docker
import docker.errors

from kohakuriver.agent.runtime.base import LABEL_PREFIX, REFERENCE_LABEL
from kohakuriver.agent.runtime.errors import EngineRefused

MOST_LAYERS: Final = 100  # the engine's own limit is 125 or so
_FLAT: Final = "-flat"


def commit(
    client: docker.APIClient, container_id: str, reference: str, labels: Mapping[str, str], *, most: int
) -> None:
    """Make the image; where its layers would be too many, from one layer that holds everything."""
    container = client.inspect_container(container_id)
    base = _base(client, container)
    config = clean(container["Config"], base["Config"] or {}, labels)
    if len(_layers(base)) < most:
        _commit(client, container_id, reference, config)
    else:
        _flatten(client, container_id, reference, config)


def written(client: docker.APIClient, container_id: str, *, most: int) -> int:
    """How many bytes the image takes on the disk beyond what is there."""
    container = client.inspect_container(container_id)
    base = _base(client, container)
    (row,) = client.containers(all=True, size=True, filters={"id": container["Id"]})
    return int(row.get("SizeRw" if len(_layers(base)) < most else "SizeRootFs") or 0)


def _base(client: docker.APIClient, container: Mapping[str, Any]) -> Mapping[str, Any]:
    """The image that it was made from. One can be removed by force from under a container that is stopped."""
    try:
        found: Mapping[str, Any] = client.inspect_image(container["Image"])  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound as error:
        config = container["Config"]
        name = (config.get("Labels") or {}).get(REFERENCE_LABEL) or config.get("Image") or container["Image"]
        raise EngineRefused(
            f"the image that its container was made from is gone from the node: {name}; without it no "
            "other container can be made on these files"
        ) from error
    return found


def clean(container: Mapping[str, Any], base: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """The base image's configuration, in the form that takes away what the container added. Pure."""
    inherited = list(base.get("Env") or ())
    known = {_name(entry) for entry in inherited}
    added = [_name(entry) for entry in container.get("Env") or () if _name(entry) not in known]
    ours = {name: "" for name in container.get("Labels") or {} if name.startswith(LABEL_PREFIX)}
    return {
        **base,
        "Env": inherited + added,
        "Labels": {**(base.get("Labels") or {}), **ours, **labels},
    }


def _name(entry: str) -> str:
    return entry.partition("=")[0]


def _layers(image: Mapping[str, Any]) -> list[str]:
    return list((image.get("RootFS") or {}).get("Layers") or ())


def _commit(client: docker.APIClient, container_id: str, reference: str, config: dict[str, Any]) -> None:
    repository, _, tag = reference.rpartition(":")
    # The engine thaws what it has paused itself, and its caller may need it frozen for longer, or not at all.
    client.commit(container_id, repository=repository, tag=tag, conf=config, pause=False)


def _flatten(client: docker.APIClient, container_id: str, reference: str, config: dict[str, Any]) -> None:
    """Out and in again as one layer."""
    flatten(client, client.export(container_id), reference, config)


def flatten(client: docker.APIClient, files: Iterable[bytes], reference: str, config: dict[str, Any]) -> None:
    """An image of one layer. An import takes no configuration as JSON, so a commit gives it one."""
    repository, _, tag = reference.rpartition(":")
    flat = f"{repository}:{tag}{_FLAT}"
    config = {**config, "Env": [entry for entry in config["Env"] if "=" in entry]}
    try:
        client.import_image(src=files, repository=repository, tag=f"{tag}{_FLAT}", stream_src=True)
        made = client.create_container_from_config({"Image": flat, "Cmd": ["/"]})  # type: ignore[no-untyped-call]
        try:
            _commit(client, made["Id"], reference, config)
        finally:
            client.remove_container(made["Id"], v=True, force=True)
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_image(flat)
