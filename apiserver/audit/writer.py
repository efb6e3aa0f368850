"""Between the event loop and the file of the audit log: a thread that writes, and a bounded queue before it.

    visit.py ──► Behind.emit ──► queue ──► thread ──► file.py

A disk or a network file system that hangs holds up that thread alone. What does not fit into the queue then
is lost, as it is on a full disk, and for the same reason: it is said once, loudly, and again with the number
of lines once lines are written. A line that somebody wants to see in the file first, as that of a stream,
has a `Receipt`.
"""

import asyncio
import contextlib
import logging
import queue
import threading
from typing import Final

from kohakuriver.apiserver.audit.file import AuditFile, JsonLine

LOG = logging.getLogger(__name__)

WAITING: Final = 10_000  # lines, 5 MB of them
WRITTEN_WITHIN: Final = 1.0  # seconds that something waits for its line; then it goes on without
ENDS_WITHIN: Final = 2.0  # seconds for what is left at the end


class Receipt:
    """Whether one line has been written; so it has where there is no file."""

    def __init__(self) -> None:
        self._writer: Behind | None = None
        self._written: asyncio.Future[None] | None = None

    def expect(self, writer: "Behind") -> "asyncio.Future[None]":
        self._writer, self._written = writer, asyncio.get_running_loop().create_future()
        return self._written

    async def wait(self) -> None:
        """For a second at most, and once: while the disk hangs nobody else waits for it."""
        if self._writer is None or self._written is None:
            return
        try:
            async with asyncio.timeout(WRITTEN_WITHIN):
                await self._written
        except TimeoutError:
            self._writer.hangs()


class Behind(logging.Handler):
    """Lines on their way to a file. `emit` never waits."""

    def __init__(self, file: AuditFile, *, waiting: int = WAITING) -> None:
        super().__init__()
        self.addFilter(lambda record: hasattr(record, "_audit"))
        self.setFormatter(JsonLine())
        self._file = file
        self._queue = queue.Queue[tuple[str, asyncio.Future[None] | None] | None](waiting)
        self._lost = 0
        self._is_hanging = False
        self._thread = threading.Thread(target=self._run, name="audit log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        receipt = getattr(record, "_receipt", None)
        written = receipt.expect(self) if receipt is not None and not self._is_hanging else None
        if self._lost and self._queue.qsize() < self._queue.maxsize // 2:
            lost, self._lost = self._lost, 0
            LOG.warning(
                "the audit log is written again", extra={"file": self._file.baseFilename, "lost": lost}
            )
            self._put(self.format(logging.makeLogRecord({"_audit": {"event": "lost"}, "lines": lost})), None)
        self._put(self.format(record), written)

    def hangs(self) -> None:
        """A line was waited for in vain."""
        if not self._is_hanging:
            self._is_hanging = True
            LOG.error(
                "the audit log is not written in time; the server goes on, and lines wait for the disk",
                extra={"file": self._file.baseFilename, "at_most": self._queue.maxsize},
            )

    def close(self) -> None:
        """What cannot be written in two seconds is lost."""
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=ENDS_WITHIN)
        self._thread.join(ENDS_WITHIN)
        if self._thread.is_alive():
            LOG.error(
                "the audit log was not written to its end",
                extra={"file": self._file.baseFilename, "lost": self._lost + self._queue.qsize()},
            )
        else:
            self._file.close()
        super().close()

    def _put(self, line: str, written: "asyncio.Future[None] | None") -> None:
        if not self._lost:  # else what comes now waits behind what is lost, so that one line tells of all
            try:
                self._queue.put_nowait((line, written))
                return
            except queue.Full:
                LOG.error(
                    "the audit log cannot be written; the server goes on, and what happens now is not in it",
                    extra={"file": self._file.baseFilename, "error": f"{self._queue.maxsize} lines wait"},
                )
        self._lost += 1
        if written is not None:  # who waits for it goes on, as without a file
            _done(written)

    def _run(self) -> None:
        while (taken := self._queue.get()) is not None:
            line, written = taken
            self._file.emit(logging.makeLogRecord({"_line": line}))
            self._is_hanging = False
            if written is not None:
                with contextlib.suppress(RuntimeError):  # the loop is over
                    written.get_loop().call_soon_threadsafe(_done, written)


def _done(written: "asyncio.Future[None]") -> None:
    if not written.done():
        written.set_result(None)
