"""Into the network namespace of a running container, without trusting a process id (CORRECTNESS 23).

A pidfd is taken first, the namespace opened next, and only then it is checked that the process still lives
and is in this container's cgroup: what was opened is this container's, or nothing is used. The node's own
namespace is refused. Sockets stay in the namespace where they were made, so only the making is done there.
"""

import asyncio
import contextlib
import ctypes
import dataclasses
import os
import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.machine import facts
from kohakuriver.agent.runtime.base import Container
from kohakuriver.agent.runtime.belonging import PROC, is_of

_CLONE_NEWNET: Final = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclasses.dataclass(frozen=True, slots=True)
class _Start:
    """One run of a container's main process."""

    container_id: str
    started_at: str


def check_permitted() -> None:
    """Raises Unavailable where this agent may not enter namespaces."""
    if not facts.is_root():
        raise errors.Unavailable(
            "the agent of this node does not run as root, so it cannot reach inside containers",
            hint="ask the node's administrator to start the agent as root; terminals work without",
        )


@contextlib.contextmanager
def opened(container: Container, path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
    """A descriptor of `/proc/PID/PATH`, certainly this container's. Raises Conflict when it has ended."""
    pidfd = lifeline(container)
    try:
        try:
            found = os.open(PROC / str(container.pid) / path, flags | os.O_CLOEXEC)
        except OSError as error:
            raise _gone(container) from error
        try:
            _check_lives(container, pidfd)
            yield found
        finally:
            os.close(found)
    finally:
        os.close(pidfd)


def lifeline(container: Container) -> int:
    """A descriptor that can be read from once this run of the container has ended; the caller closes it.
    Raises Conflict when it has ended already."""
    if not container.pid:
        raise _gone(container)
    try:
        pidfd = os.pidfd_open(container.pid)
    except OSError as error:
        raise _gone(container) from error
    try:
        _check_lives(container, pidfd)
    except BaseException:
        os.close(pidfd)
        raise
    return pidfd


def _check_lives(container: Container, pidfd: int) -> None:
    """Raises Conflict unless the process still is this container's, so that what was opened is, too."""
    if not is_of(container.pid or 0, container.id, PROC) or _has_ended(pidfd):
        raise _gone(container)


def _has_ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _gone(container: Container) -> errors.Conflict:
    return errors.Conflict(
        f"container {container.name} has just ended",
        hint="try again in a moment, or look at its status",
        retry_after=1,
    )


class Namespaces:
    """Makes sockets inside containers. Descriptors are kept per start of a container, never process ids."""

    def __init__(self) -> None:
        self._kept: dict[_Start, int] = {}
        self._lock = threading.Lock()
        # The one thread that ever is in another namespace; it goes back before it takes the next order.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="namespaces")
        self._own = os.open(PROC / "self/ns/net", os.O_RDONLY | os.O_CLOEXEC) if facts.is_root() else -1

    async def make(self, container: Container, family: int, kind: int) -> socket.socket:
        """A non-blocking socket of the container's. Raises Conflict when the container has ended."""
        check_permitted()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._make, container, family, kind)

    def keep_only(self, containers: Iterator[Container]) -> None:
        """Let go of what is kept of all others."""
        wanted = {_start(container) for container in containers}
        with self._lock:
            for start in [start for start in self._kept if start not in wanted]:
                os.close(self._kept.pop(start))

    def close(self) -> None:
        """Let go of everything."""
        self._thread.shutdown(wait=True)
        self.keep_only(iter(()))
        if self._own >= 0:
            os.close(self._own)
            self._own = -1

    def _make(self, container: Container, family: int, kind: int) -> socket.socket:
        with self._lock:
            descriptor = os.dup(self._namespace(container))
        try:
            _enter(descriptor)
            try:
                made = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            finally:
                _enter(self._own)
        finally:
            os.close(descriptor)
        return made

    def _namespace(self, container: Container) -> int:
        start = _start(container)
        found = self._kept.get(start)
        if found is None:
            with opened(container, "ns/net") as descriptor:
                if os.fstat(descriptor).st_ino == os.fstat(self._own).st_ino:
                    raise errors.Forbidden(f"container {container.name} has the node's own network")
                found = self._kept[start] = os.dup(descriptor)
        return found


def _start(container: Container) -> _Start:
    return _Start(container.id, container.started_at or "")


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
