"""Files in and out of a container, by the engine's archive calls; they work whether it runs or not."""

import dataclasses
import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

import docker

from kohakuriver.agent.runtime import failures, translate
from kohakuriver.agent.runtime.base import File
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.runtime.keepalive import FOLDER
from kohakuriver.trees.members import members

_LARGEST_FILE: Final = 2**20
_AROUND: Final = 16 * 1024  # bytes that an archive has more than the file in it


def to_tar(files: Sequence[File]) -> bytes:
    """An archive to unpack at the container's root. Only our own folder is named, so no other changes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folders = sorted({FOLDER for file in files if PurePosixPath(file.path).is_relative_to(FOLDER)})
        for folder in folders:
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for file in files:
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.uid, entry.gid = len(file.content), file.mode, file.uid, file.gid
            archive.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def from_tar(path: str, data: bytes) -> File | None:
    """The one regular file in an archive, or None."""
    for entry, content in members(io.BytesIO(data)):
        if content is not None:
            return File(path, content.read(), mode=entry.mode & 0o7777, uid=entry.uid, gid=entry.gid)
    return None


def at_most(chunks: Iterable[bytes], limit: int, path: str) -> bytes:
    """All of an archive. Raises EngineRefused for one that is larger, and reads no further: whoever is root
    in the container may have put a folder with anything in it where a small file is looked for."""
    read = bytearray()
    for chunk in chunks:
        read += chunk
        if len(read) > limit:
            raise EngineRefused(f"{path} in the container is larger than {_LARGEST_FILE} bytes")
    return bytes(read)


def read(client: docker.APIClient, container_id: str, path: str) -> File | None:
    if not has(client, container_id, path):
        return None
    chunks, _ = client.get_archive(container_id, path)
    found = from_tar(path, at_most(chunks, _LARGEST_FILE + _AROUND, path))
    if found is None or (found.uid, found.gid) == (0, 0):
        return found
    return as_seen_inside(found, root=translate.root(client.info()))


def as_seen_inside(file: File, *, root: tuple[int, int]) -> File:
    """The file with the owner that the container sees. An engine that remaps users names the machine's in
    its archives, but takes the container's in those that it unpacks."""
    user, group = root
    return dataclasses.replace(
        file,
        uid=file.uid - user if file.uid >= user else file.uid,
        gid=file.gid - group if file.gid >= group else file.gid,
    )


def has(client: docker.APIClient, container_id: str, path: str) -> bool:
    answer = client.head(
        f"{client.base_url}/v{client.api_version}/containers/{container_id}/archive",
        params={"path": path},
        timeout=client.timeout,
    )
    if answer.status_code == 404:
        client.inspect_container(container_id)  # raises when it is the container that is missing
        return False
    if not answer.ok:
        raise failures.from_answer(answer.status_code, f"the container engine could not look for {path}")
    return True
