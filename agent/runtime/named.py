"""An image of a Docker engine by its name, and by nothing that the engine takes for one. Blocking.

What is no name of an image the engine takes for the beginning of an image's id, and there is always somebody
else's image that begins so. So it is asked with the whole name, and its answer counts if it lists that name.
What is made of the image is made of the id that it has then: the name may mean another a moment later.
"""

from collections.abc import Mapping
from typing import Any

import docker
import docker.errors

from kohakuriver import clock, image_name
from kohakuriver.agent.runtime.base import Image
from kohakuriver.agent.runtime.errors import ImageMissing


def find(client: docker.APIClient, reference: str) -> Image | None:
    """The image of this name, or None."""
    name = image_name.full(reference)
    try:
        body = client.inspect_image(name)  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound:
        return None
    known = [*(body.get("RepoTags") or ()), *(body.get("RepoDigests") or ())]
    return _image(body) if name in map(image_name.full, known) else None


def get(client: docker.APIClient, reference: str) -> Image:
    """The image of this name. Raises ImageMissing."""
    found = find(client, reference)
    if found is None:
        raise ImageMissing(reference)
    return found


def _image(body: Mapping[str, Any]) -> Image:
    config = body.get("Config") or {}
    return Image(
        id=body["Id"],
        size=body["Size"],
        labels=config.get("Labels") or {},
        built=_moment(str(body.get("Created") or "")),
        env=tuple(entry.partition("=")[0] for entry in config.get("Env") or ()),
    )


def _moment(text: str) -> str:
    """In whole seconds; empty for what is not a moment."""
    try:
        return clock.timestamp(clock.parse_timestamp(text))
    except ValueError:
        return ""
