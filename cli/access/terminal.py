"""This machine's terminal: raw while a shell has it, and always put back. Knows no network."""

import asyncio
import concurrent.futures
import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from typing import Final

_READ: Final = 1 << 16  # bytes
_AT_ONCE: Final = 256  # bytes that a terminal which can be written to takes without waiting
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def terminal_size() -> tuple[int, int]:
    """Rows and columns of the terminal that is standard output, whatever LINES and COLUMNS say."""
    found = os.get_terminal_size(sys.stdout.fileno())
    return found.lines or 24, found.columns or 80


class Terminal:
    """Standard input and output of this process, which are a terminal."""

    def __init__(self) -> None:
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self._writer = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="screen")

    @staticmethod
    def is_there() -> bool:
        return sys.stdin.isatty() and sys.stdout.isatty()

    def size(self) -> tuple[int, int]:
        """The rows and columns of the terminal."""
        return terminal_size()

    @contextlib.contextmanager
    def raw(
        self, *, typed: Callable[[bytes], None], resized: Callable[[], None], ended: Callable[[int], None]
    ) -> Iterator[None]:
        """Every key goes to `typed`, b"" once the terminal is gone; `ended` gets a signal that ends us."""
        loop = asyncio.get_running_loop()
        before = termios.tcgetattr(self._in)
        self._typed = typed
        try:
            for number in _ENDING:
                loop.add_signal_handler(number, ended, number)
            loop.add_signal_handler(signal.SIGWINCH, resized)
            tty.setraw(self._in, termios.TCSADRAIN)
            self.listen(True)
            yield
        finally:
            self.listen(False)
            for number in (*_ENDING, signal.SIGWINCH):
                loop.remove_signal_handler(number)
            self._writer.shutdown(wait=False, cancel_futures=True)
            with contextlib.suppress(termios.error):  # it is gone
                termios.tcsetattr(self._in, termios.TCSANOW if self.is_stuck() else termios.TCSADRAIN, before)

    def listen(self, yes: bool) -> None:
        """Whether keys are read; else they wait in the kernel."""
        loop = asyncio.get_running_loop()
        if yes:
            loop.add_reader(self._in, self._read)
        else:
            loop.remove_reader(self._in)

    def is_stuck(self) -> bool:
        """Whether nobody takes what is written: waiting for that might never end."""
        return not select.select((), (self._out,), (), 0)[1]

    async def write(self, data: bytes) -> None:
        """Returns when the terminal has taken it. A slow one holds up nobody else."""
        if len(data) <= _AT_ONCE and not self.is_stuck():
            self._write(data)
        else:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._write, data)

    def say(self, data: bytes) -> None:
        """Something short of our own."""
        self._write(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        with contextlib.suppress(OSError):  # it is gone, and `typed` is told
            while view:
                view = view[os.write(self._out, view) :]

    def _read(self) -> None:
        try:
            data = os.read(self._in, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._typed(data)
