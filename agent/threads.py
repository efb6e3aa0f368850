"""Threads for blocking work, apart by what may hang: a look at a dead mount holds up no journal.

An agent without threads of its own uses those of the event loop for everything.
"""

import concurrent.futures
import dataclasses
import functools
import queue
import threading
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Pools:
    """One for each kind of work; None: the event loop's."""

    journal: concurrent.futures.Executor | None = None
    mounts: concurrent.futures.Executor | None = None
    looks: concurrent.futures.Executor | None = None  # at the machine: disks, GPUs


def own() -> Pools:
    """What an agent has that runs as a program."""
    return Pools(
        journal=Threads("journal", width=1),
        looks=Threads("looks", width=4),
        mounts=Threads("mounts", width=64),
    )


class Threads(concurrent.futures.Executor):
    """At most `width` threads. They are daemons: the program can end while one of them hangs."""

    def __init__(self, name: str, *, width: int) -> None:
        self._name = name
        self._width = width
        self._made = 0
        self._idle = threading.Semaphore(0)
        self._jobs: queue.SimpleQueue[tuple[concurrent.futures.Future[Any], Callable[[], Any]]]
        self._jobs = queue.SimpleQueue()

    def submit(self, fn: Any, /, *args: Any, **keywords: Any) -> "concurrent.futures.Future[Any]":
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._jobs.put((future, functools.partial(fn, *args, **keywords)))
        if not self._idle.acquire(blocking=False) and self._made < self._width:
            self._made += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            future, work = self._jobs.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
            del future, work  # not kept while there is nothing to do
            self._idle.release()
