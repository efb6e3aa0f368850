"""Which files a container or an image has, and what was changed in a container. Blocking; for docker.py.

Told in portions, in the thread that reads them: whoever hears them holds the engine up as long as it takes
its time, and ends the reading by raising. However many files there are, few are in memory.
"""

import contextlib
import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import docker
import docker.errors

from kohakuriver.agent.runtime.base import LABEL_PREFIX, Change, ChangeKind, Entry
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.runtime.snapshot import Reader
from kohakuriver.trees.members import Refused, members

PORTION: Final = 500  # files told at a time
_HOLDS: Final = f"{LABEL_PREFIX}looked-into"  # the label of a container that is only there to be read
_LONGEST: Final = 1 << 20  # bytes of one change in the engine's answer
_KINDS: Final = (ChangeKind.CHANGED, ChangeKind.ADDED, ChangeKind.DELETED)  # by the engine's numbers


def changes(client: docker.APIClient, container_id: str, told: Callable[[Sequence[Change]], None]) -> None:
    """What differs from the image that it was made from."""
    url = client._url("/containers/{0}/changes", container_id)  # type: ignore[attr-defined]
    with client._get(url, stream=True) as answer:  # type: ignore[attr-defined]
        client._raise_for_status(answer)  # type: ignore[attr-defined]
        for portion in _portions(_changes(answer.iter_content(1 << 16))):
            told(portion)


def files(client: docker.APIClient, container_id: str, told: Callable[[Sequence[Entry]], None]) -> None:
    """Everything in it but what is mounted."""
    try:
        for portion in _portions(_entries(client.export(container_id))):
            told(portion)
    except (Refused, tarfile.TarError) as error:
        raise EngineRefused(f"the engine's archive of the container cannot be read: {error}") from error


def files_of_image(client: docker.APIClient, reference: str, told: Callable[[Sequence[Entry]], None]) -> None:
    """Everything in it, as a container made from it would begin."""
    body = {"Image": reference, "Cmd": ["/"], "Labels": {_HOLDS: ""}}
    held = client.create_container_from_config(body)  # type: ignore[no-untyped-call]
    try:
        files(client, held["Id"], told)
    finally:
        client.remove_container(held["Id"], v=True, force=True)


def let_go(client: docker.APIClient, reference: str) -> None:
    """An agent that died while it looked into this image has left a container of it, which would keep it."""
    for row in client.containers(all=True, filters={"label": _HOLDS, "ancestor": reference}):
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_container(row["Id"], v=True, force=True)


def mark(
    kind: str,
    *,
    mode: int,
    owner: tuple[int, int],
    size: int = 0,
    modified: int = 0,
    leads_to: str = "",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """Two files with the same mark are taken for the same. Of a folder neither size nor time counts: what is
    in it has its own, and engines give some folders new times with each container. Pure."""
    if kind == "folder":
        size = modified = 0
    seen = (kind, mode & 0o7777, owner, size, modified, leads_to, device)
    return hashlib.blake2b(repr(seen).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _changes(chunks: Iterable[bytes]) -> Iterator[Change]:
    """The objects of a JSON array, as they come."""
    decoder, text, pending = json.JSONDecoder(), "", b""
    for chunk in chunks:
        data = pending + chunk
        cut = _whole(data)
        text, pending = text + data[:cut].decode(errors="replace"), data[cut:]
        at = 0
        while (begin := text.find("{", at)) >= 0:
            try:
                found, at = decoder.raw_decode(text, begin)
            except ValueError:
                break
            yield _change(found)
        text = text[begin:] if begin >= 0 else ""
        if len(text) > _LONGEST:
            raise EngineRefused("the engine's list of changes cannot be read")
    if "{" in text:
        raise EngineRefused("the engine's list of changes broke off")


def _whole(data: bytes) -> int:
    """How much of it is whole characters of UTF-8."""
    for back in range(1, min(4, len(data)) + 1):
        first = data[-back]
        if first & 0xC0 != 0x80:
            return len(data) - back if first >= 0xC0 and back < _length(first) else len(data)
    return len(data)


def _length(first: int) -> int:
    return 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2


def _change(found: Any) -> Change:
    try:
        return Change(str(found["Path"]), _KINDS[found["Kind"]])
    except (KeyError, IndexError, TypeError) as error:
        raise EngineRefused("the engine's list of changes cannot be read") from error


def _entries(chunks: Iterable[bytes]) -> Iterator[Entry]:
    for member, _ in members(Reader(chunks)):
        path = path_of(member.name)
        if path != "/":
            yield entry(path, member, modified=int(member.mtime))


def path_of(name: str) -> str:
    """The path of a member of an archive, from the root."""
    return "/" + ("" if name in (".", "./") else name.removeprefix("./").strip("/"))


def entry(path: str, member: tarfile.TarInfo, *, modified: int) -> Entry:
    """A member of an archive; of one that is another name of a file, which."""
    if member.islnk():
        return Entry(path, b"", link=path_of(member.linkname))
    owner, device = (member.uid, member.gid), (member.devmajor, member.devminor)
    kind = _kind(member)
    return Entry(
        path,
        mark(
            kind,
            mode=0 if kind == "link" else member.mode,
            owner=owner,
            size=member.size if member.isreg() else 0,
            modified=modified,
            leads_to=member.linkname if kind == "link" else "",
            device=device if kind in ("block device", "character device") else (0, 0),
        ),
    )


def _kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "folder"
    if member.issym():
        return "link"
    if member.isblk():
        return "block device"
    if member.ischr():
        return "character device"
    return "pipe" if member.isfifo() else "file"


def _portions(found: Iterable[Any]) -> Iterator[list[Any]]:
    portion: list[Any] = []
    for one in found:
        portion.append(one)
        if len(portion) >= PORTION:
            yield portion
            portion = []
    if portion:
        yield portion
