"""An image of what is in a container, for others to start from, and its tarball. Blocking.

The container may run: its files are taken as a machine's would be whose plug is pulled. One folder is left
out (the agent's own: keys lie in it), and so that no later layer merely hides it, the image has one layer.
It is configured as the image that the container came from.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import docker
import docker.errors

from kohakuriver.agent.runtime import commit
from kohakuriver.agent.runtime.base import WHOLE
from kohakuriver.trees.members import END, members, written


def take(
    client: docker.APIClient, container_id: str, reference: str, labels: Mapping[str, str], *, without: str
) -> None:
    """Make the image."""
    container = client.inspect_container(container_id)
    base = client.inspect_image(container["Image"])  # type: ignore[no-untyped-call]
    config = commit.clean(container["Config"], base["Config"] or {}, labels)
    repository, _, tag = reference.rpartition(":")
    whole = f"{repository}:{tag}{WHOLE}"
    try:
        client.commit(container_id, repository=repository, tag=f"{tag}{WHOLE}", pause=False)
        held = client.create_container_from_config({"Image": whole, "Cmd": ["/"]})  # type: ignore[no-untyped-call]
        try:
            commit.flatten(client, filtered(client.export(held["Id"]), without=without), reference, config)
        finally:
            client.remove_container(held["Id"], v=True, force=True)
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_image(whole)


def filtered(chunks: Iterable[bytes], *, without: str) -> Iterator[bytes]:
    """The tarball without a folder and what is in it."""
    folder = without.strip("/")
    for member, content in members(Reader(chunks)):
        name = member.name.removeprefix("./").strip("/")
        if name == folder or name.startswith(f"{folder}/"):
            continue
        yield from written(member, content)
    yield END


def save(client: docker.APIClient, reference: str, file: Path) -> str:
    """Write the image to a file, as `docker save` does; its digest."""
    digest = hashlib.sha256()
    with file.open("wb") as writing:
        for chunk in client.get_image(reference):
            digest.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return f"sha256:{digest.hexdigest()}"


class Reader:
    """Chunks as a file to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        parts, missing = [], size
        while missing > 0:
            if not self._rest:
                self._rest = next(self._chunks, b"")
                if not self._rest:
                    break
            part, self._rest = self._rest[:missing], self._rest[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
