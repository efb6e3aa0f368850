"""Blocking calls to the engine, made in threads, so that a hung engine never holds up the event loop.

At most `width` calls begin side by side. One that has no answer for `hold` seconds lets another begin beside
it, so that some that hang never stop the others; what is asked of one thing (`alone`) waits for the earlier
call about it, so that however often it is asked again, one call is out. A call that has no answer in time is
given up: its thread is written off and ends by itself when its socket times out. Only when very many are out
at once are new calls refused, which is the truth about such an engine.
"""

import asyncio
import concurrent.futures
import contextlib
import math
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import docker

from kohakuriver.agent.runtime import failures
from kohakuriver.agent.runtime.errors import RuntimeTimeout, RuntimeUnavailable

T = TypeVar("T")

_MARGIN = 2.0  # seconds by which the socket's own time-out comes before ours
HOLD = 1.0  # seconds
_MOST = 256  # calls without an answer


class EngineThreads:
    """A bounded number of threads, each with a client of its own, because a client is not thread-safe."""

    def __init__(
        self,
        connect: Callable[[], docker.APIClient],
        *,
        knock: Callable[[], None],
        width: int,
        name: str,
        hold: float = HOLD,
        margin: float = _MARGIN,
        most: int = _MOST,
    ) -> None:
        self._connect = connect
        self._knock = knock
        self._name = name
        self._hold = hold
        self._margin = margin
        self._slots = asyncio.Semaphore(width)
        self._most = most
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._running: set[asyncio.Task[Any]] = set()
        self._alone: dict[str, asyncio.Task[Any]] = {}

    async def call(
        self,
        work: Callable[[docker.APIClient], T],
        *,
        timeout: float,
        alone: str = "",
        patience: float | None = None,
    ) -> T:
        """The result of `work`. A caller that is cancelled, or has waited for the answer as long as its
        patience lasts, leaves the call to end by itself."""
        loop = asyncio.get_running_loop()
        patience = timeout if patience is None else patience
        until = loop.time() + patience
        while alone and (earlier := self._alone.get(alone)) is not None:
            # Its answer may be older than this question, so it is waited for and not shared.
            await asyncio.wait([earlier], timeout=until - loop.time())
            if not earlier.done():
                raise RuntimeTimeout("the container engine has not answered an earlier call")
        begun: asyncio.Future[None] = loop.create_future()
        call = self._keep(self._call(work, timeout, begun))
        if alone:
            self._alone[alone] = call
            call.add_done_callback(lambda done: self._alone.pop(alone))
        if patience < timeout:
            either: list[asyncio.Future[Any]] = [call, begun]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([call], timeout=patience)
            if not call.done():
                raise RuntimeTimeout(f"the container engine did not answer within {patience:g} s")
        return await asyncio.shield(call)

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

    async def _call(
        self, work: Callable[[docker.APIClient], T], timeout: float, begun: "asyncio.Future[None]"
    ) -> T:
        try:
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError:
            raise RuntimeUnavailable("the container engine is busy: no call could be made in time") from None
        slot = contextlib.ExitStack()
        slot.callback(self._slots.release)
        with slot:
            worker = self._worker()
            answer = asyncio.wrap_future(worker.do(work, timeout))
            begun.set_result(None)
            overdue = asyncio.get_running_loop().call_later(self._hold, slot.close)
            try:
                await asyncio.wait([answer], timeout=timeout + self._margin)
            finally:
                overdue.cancel()
                self._put_back(worker, is_free=answer.done())
            if not answer.done():
                answer.cancel()
                raise RuntimeTimeout(f"the container engine did not answer within {timeout:g} s")
            return answer.result()

    def _worker(self) -> "_Worker":
        self._busy = {worker for worker in self._busy if worker.is_alive}
        if len(self._busy) >= self._most:
            raise RuntimeUnavailable(
                f"the container engine hangs: {len(self._busy)} calls are without an answer"
            )
        worker = self._idle.pop() if self._idle else _Worker(self._connect, self._knock, self._name)
        self._busy.add(worker)
        return worker

    def _put_back(self, worker: "_Worker", *, is_free: bool) -> None:
        if is_free:
            self._busy.discard(worker)
            self._idle.append(worker)
        else:
            worker.end()  # written off


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
