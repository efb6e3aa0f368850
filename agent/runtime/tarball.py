"""Makes a Docker image from a tarball, under one name and no other. Blocking.

Two kinds are known by what is in them: an image (`docker save`) has a manifest.json at its top, anything else
is a file system (`docker export`). An image's own names are taken out on the way to the engine, so that
loading a tarball never changes what another name stands for.
"""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import re
import tarfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import docker
import docker.errors

from kohakuriver.agent.runtime.errors import ImagePullFailed
from kohakuriver.trees.members import END, Reader, Refused, members, written

_MANIFEST: Final = "manifest.json"
# Other forms of the names: the older one, and the OCI layout's, which containerd's store reads first.
_NAMES: Final = ("repositories", "index.json", "oci-layout")
_IMPORT_TAG: Final = "latest"
_LONGEST_MANIFEST: Final = 1 << 20  # bytes; it names an image's layers, of which there are 127 at most
_PACKED: Final[tuple[tuple[re.Pattern[bytes], Any], ...]] = (
    (re.compile(rb"\x1f\x8b\x08"), gzip.open),
    (re.compile(rb"BZh.1AY&SY", re.DOTALL), bz2.open),
    (re.compile(rb"\xfd7zXZ|\x5d\x00\x00\x80"), lzma.open),
)


def load(client: docker.APIClient, file: Path, reference: str) -> None:
    """Make the image. Raises ImagePullFailed where the file is no tarball of either kind."""
    try:
        is_image = _has_manifest(file)
        answer = _load_image(client, file, reference) if is_image else _import(client, file, reference)
    except (Refused, tarfile.TarError, EOFError, KeyError, ValueError) as error:
        raise ImagePullFailed(f"the tarball of {reference} cannot be read: {error}") from error
    if answer:
        raise ImagePullFailed(f"the engine did not take the tarball of {reference}: {answer}")
    try:
        client.inspect_image(reference)  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound:
        raise ImagePullFailed(f"the tarball of {reference} made no image") from None


def _has_manifest(file: Path) -> bool:
    with _opened(file) as tar:
        return any(member.name.removeprefix("./") == _MANIFEST for member, _ in members(tar))


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Reader]:
    """The tar in the file, decompressed a block at a time."""
    with file.open("rb") as packed:
        start = packed.read(10)
        packed.seek(0)
        opener = next((opener for kind, opener in _PACKED if kind.match(start)), None)
        try:
            with opener(packed) if opener else packed as tar:
                yield tar
        except (zlib.error, lzma.LZMAError) as error:
            raise ValueError(str(error)) from error
        except OSError as error:
            if error.errno is None:  # no fault of the disk: gzip's and bz2's word for what is broken
                raise ValueError(str(error)) from error
            raise


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
    with _opened(file) as source:
        for member, content in members(source):
            name = member.name.removeprefix("./")
            if name in _NAMES:
                continue
            if name == _MANIFEST and content is not None:
                if member.size > _LONGEST_MANIFEST:
                    raise ValueError(f"its {_MANIFEST} is larger than {_LONGEST_MANIFEST} bytes")
                data = _manifest(content.read(), reference)
                member.size, content = len(data), io.BytesIO(data)
            sink.writelines(written(member, content))
        sink.write(END)


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
