"""Blocking calls to the engine, made in threads, so that a hung engine never holds up the event loop.

At most `width` calls run at a time. A call that has no answer in time is given up: its thread is
written off and ends by itself when its socket times out, and another takes its place. Only when very many
are written off at once are new calls refused, which is the truth about such an engine.
"""

import asyncio
import concurrent.futures
import math
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import docker

from agent.runtime import failures
from agent.runtime.errors import RuntimeTimeout, RuntimeUnavailable

T = TypeVar("T")

_MARGIN = 2.0  # seconds by which the socket's own time-out comes before ours
_WRITTEN_OFF_PER_SLOT = 4


class EngineThreads:
    """A bounded number of threads, each with a client of its own, because a client is not thread-safe."""

    def __init__(
        self,
        connect: Callable[[], docker.APIClient],
        *,
        knock: Callable[[], None],
        width: int,
        name: str,
        margin: float = _MARGIN,
    ) -> None:
        self._connect = connect
        self._knock = knock
        self._name = name
        self._margin = margin
        self._slots = asyncio.Semaphore(width)
        self._most_written_off = width * _WRITTEN_OFF_PER_SLOT
        self._idle: list[_Worker] = []
        self._written_off: set[_Worker] = set()
        self._running: set[asyncio.Task[Any]] = set()

    async def call(self, work: Callable[[docker.APIClient], T], *, timeout: float) -> T:
        """The result of `work`. A caller that is cancelled leaves the call to end by itself."""
        return await asyncio.shield(self._keep(self._call(work, timeout)))

    def close(self) -> None:
        """Let the idle threads end, with their clients; the next call makes new ones."""
        while self._idle:
            self._idle.pop().end()

    def _keep(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(call, name=self._name)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # a cancelled caller does not ask for it

    async def _call(self, work: Callable[[docker.APIClient], T], timeout: float) -> T:
        try:
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise RuntimeUnavailable("the container engine is busy: no call could be made in time") from None
        try:
            worker = self._worker()
            answer = asyncio.wrap_future(worker.do(work, timeout))
            try:
                await asyncio.wait([answer], timeout=timeout + self._margin)
            finally:
                self._put_back(worker, is_free=answer.done())
            if not answer.done():
                answer.cancel()
                raise RuntimeTimeout(f"the container engine did not answer within {timeout:g} s")
            return answer.result()
        finally:
            self._slots.release()

    def _worker(self) -> "_Worker":
        if self._idle:
            return self._idle.pop()
        self._written_off = {worker for worker in self._written_off if worker.is_alive}
        if len(self._written_off) >= self._most_written_off:
            raise RuntimeUnavailable(
                f"the container engine hangs: {len(self._written_off)} calls are without an answer"
            )
        return _Worker(self._connect, self._knock, self._name)

    def _put_back(self, worker: "_Worker", *, is_free: bool) -> None:
        if is_free:
            self._idle.append(worker)
        else:
            worker.end()
            self._written_off.add(worker)


class _Worker:
    """One thread and its client. A daemon: the program can end while the engine hangs."""

    def __init__(self, connect: Callable[[], docker.APIClient], knock: Callable[[], None], name: str) -> None:
        self._connect = connect
        self._knock = knock
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._client: docker.APIClient | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def do(self, work: Callable[[docker.APIClient], T], timeout: float) -> "concurrent.futures.Future[T]":
        """Start `work`; its failure is mapped to ours. Every wait on its socket ends after `timeout`."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(self._work(work, timeout))
            except BaseException as failure:
                future.set_exception(failure)

        self._jobs.put(job)
        return future

    def end(self) -> None:
        """End the thread after what it is doing now."""
        self._jobs.put(None)

    def _work(self, work: Callable[[docker.APIClient], T], timeout: float) -> T:
        with failures.mapped():
            self._knock()
            if self._client is None:
                self._client = self._connect()
            self._client.timeout = math.ceil(timeout)
            return work(self._client)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        if self._client is not None:
            self._client.close()
