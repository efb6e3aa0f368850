"""Which port of the cluster's bridge a container hangs on, by the kernel's own word.

A port is one end of a veth pair. The kernel has a number for the network namespace of the other end, and
tells the number of the namespace that a descriptor leads to (rtnetlink: IFLA_LINK_NETNSID, RTM_GETNSID).
Where the two are one the port is that container's: nothing in the container can make it look otherwise,
neither its address, nor its MAC address, nor its interfaces' names and numbers. Needs root.
"""

import asyncio
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Protocol

from kohakuriver import errors
from kohakuriver.agent.machine.inside import opened
from kohakuriver.agent.runtime.base import Container

_ANSWER: Final = 1 << 20  # bytes taken at once
_WITHIN: Final = 5.0  # seconds that the kernel has
_HEADER, _LINK, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BxHiII"), struct.Struct("=HH")
_DONE, _ERROR = 3, 2
_NEW_LINK, _GET_LINK, _NEW_NSID, _GET_NSID = 16, 18, 88, 90
_REQUEST, _DUMP = 1, 0x300
_IFNAME, _MASTER, _LINK_NETNSID = 3, 10, 37
_NSID, _FD = 1, 3


class Ports(Protocol):
    """Where containers hang on the bridge."""

    async def find(self, bridge: str, containers: Iterable[Container]) -> Mapping[str, str]:
        """The bridge's port of each container, by the container's id; without those that have none, or of
        which it cannot be told."""
        ...


class KernelPorts:
    """Of this machine. What was found stays so for as long as the container runs."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], str] = {}

    async def find(self, bridge: str, containers: Iterable[Container]) -> Mapping[str, str]:
        running = {(bridge, one.id, one.started_at or ""): one for one in containers if one.is_up and one.pid}
        missing = {key: one for key, one in running.items() if key not in self._known}
        found = await asyncio.to_thread(_find, bridge, list(missing.values())) if missing else {}
        self._known = {key: port for key, port in self._known.items() if key in running}
        self._known |= {key: found[one.id] for key, one in missing.items() if one.id in found}
        return {id_: port for (_, id_, _), port in self._known.items()}


def _find(bridge: str, containers: Iterable[Container]) -> dict[str, str]:
    try:
        index = socket.if_nametoindex(bridge)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as kernel:
            kernel.settimeout(_WITHIN)
            return dict(_matching(kernel, index, containers))
    except OSError:
        return {}


def _matching(
    kernel: socket.socket, bridge: int, containers: Iterable[Container]
) -> Iterator[tuple[str, str]]:
    numbered: dict[int, str] = {}
    for one in containers:
        try:
            with opened(one, "ns/net") as namespace:
                if (number := _number(kernel, namespace)) >= 0:
                    numbered[number] = one.id
        except errors.KohakuRiverError:
            continue  # it has just ended
    for number, port in _ports(kernel, bridge) if numbered else ():
        if number in numbered:
            yield numbered[number], port


def _number(kernel: socket.socket, namespace: int) -> int:
    """This namespace's number for that one; -1 where it has none, as it has no link into it."""
    body = struct.pack("=B3x", socket.AF_UNSPEC) + _ATTRIBUTE.pack(8, _FD) + struct.pack("=i", namespace)
    kernel.send(_HEADER.pack(_HEADER.size + len(body), _GET_NSID, _REQUEST, 0, 0) + body)
    for kind, answer in _messages(kernel.recv(_ANSWER)):
        if kind == _NEW_NSID and _NSID in (found := _attributes(answer, 4)):
            return int(struct.unpack("=i", found[_NSID])[0])
    return -1


def _ports(kernel: socket.socket, bridge: int) -> Iterator[tuple[int, str]]:
    """The namespace's number and the name of each port of the bridge that leads into another namespace."""
    body = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    kernel.send(_HEADER.pack(_HEADER.size + len(body), _GET_LINK, _REQUEST | _DUMP, 0, 0) + body)
    while True:
        for kind, answer in _messages(kernel.recv(_ANSWER)):
            if kind in (_DONE, _ERROR):
                return
            if kind != _NEW_LINK:
                continue
            found = _attributes(answer, _LINK.size)
            if _LINK_NETNSID in found and found.get(_MASTER) == struct.pack("=I", bridge):
                name = found[_IFNAME].rstrip(b"\0").decode()
                yield struct.unpack("=i", found[_LINK_NETNSID])[0], name


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _HEADER.size:
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _attributes(data: bytes, start: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    data = data[start:]
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
    return found
