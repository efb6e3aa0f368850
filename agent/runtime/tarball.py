"""Makes a Docker image from a tarball, under one name and no other. Blocking.

Two kinds are known by what is in them: an image (`docker save`) has a manifest.json at its top, anything else
is a file system (`docker export`). An image's own names are taken out on the way to the engine, so that
loading a tarball never changes what another name stands for.
"""

import io
import json
import os
import tarfile
import threading
from pathlib import Path
from typing import IO, Any, Final

import docker
import docker.errors

from agent.runtime.errors import ImagePullFailed

_MANIFEST: Final = "manifest.json"
_NAMES: Final = "repositories"  # the old form of the names
_IMPORT_TAG: Final = "latest"


def load(client: docker.APIClient, file: Path, reference: str) -> None:
    """Make the image. Raises ImagePullFailed where the file is no tarball of either kind."""
    try:
        is_image = _has_manifest(file)
        answer = _load_image(client, file, reference) if is_image else _import(client, file, reference)
    except (tarfile.TarError, EOFError, KeyError, ValueError) as error:
        raise ImagePullFailed(f"the tarball of {reference} cannot be read: {error}") from error
    if answer:
        raise ImagePullFailed(f"the engine did not take the tarball of {reference}: {answer}")
    try:
        client.inspect_image(reference)  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound:
        raise ImagePullFailed(f"the tarball of {reference} made no image") from None


def _has_manifest(file: Path) -> bool:
    with tarfile.open(file) as tar:
        return any(member.name.removeprefix("./") == _MANIFEST for member in tar)


def _import(client: docker.APIClient, file: Path, reference: str) -> str:
    repository, _, tag = reference.partition(":")
    answer: str = client.import_image_from_file(str(file), repository=repository, tag=tag or _IMPORT_TAG)
    return _error(json.loads(line) for line in answer.splitlines() if line.strip())


def _load_image(client: docker.APIClient, file: Path, reference: str) -> str:
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with os.fdopen(writing, "wb") as sink:
                _rename(file, sink, reference)
        except BrokenPipeError:
            pass  # the engine has said why it reads no further
        except Exception as failure:
            failures.append(failure)

    writer = threading.Thread(target=write, name="tarball", daemon=True)
    writer.start()
    with os.fdopen(reading, "rb") as stream:
        answer = _error(client.load_image(stream))  # type: ignore[no-untyped-call]
    writer.join()
    if failures:
        raise ValueError(str(failures[0]))
    return answer


def _rename(file: Path, sink: IO[bytes], reference: str) -> None:
    """Copy the tarball with one image in it, under our name."""
    with tarfile.open(file) as source, tarfile.open(fileobj=sink, mode="w|") as target:
        for member in source:
            name = member.name.removeprefix("./")
            content = source.extractfile(member) if member.isreg() else None
            if name == _NAMES:
                continue
            if name == _MANIFEST and content is not None:
                data = _manifest(content.read(), reference)
                member.size, content = len(data), io.BytesIO(data)
            target.addfile(member, content)


def _manifest(data: bytes, reference: str) -> bytes:
    images = json.loads(data)
    if len(images) != 1:
        raise ValueError(f"it holds {len(images)} images, and an Environment is one")
    return json.dumps([{**images[0], "RepoTags": [reference]}]).encode()


def _error(lines: Any) -> str:
    """What the engine says went wrong; empty if nothing did."""
    said = ""
    for line in lines:
        said = line.get("error") or (line.get("errorDetail") or {}).get("message") or said
    return said
