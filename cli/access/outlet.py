"""What a command or a log in a VPS writes, to our standard output and standard error, byte by byte."""

import asyncio
import concurrent.futures
import contextlib
import os
import sys

from kohakuriver import errors
from kohakuriver.cli.session.ended import Ending, ending
from kohakuriver.streams.stream import Stream


async def pour(stream: Stream) -> Ending:
    """Until the stream says how it ended. A reader that is slow holds up nothing but what it reads.

    Raises ApiError, Unreachable where the stream broke, BrokenPipeError where nobody reads any more.
    """
    sys.stdout.flush()
    files = {"stdout": sys.stdout.fileno(), "stderr": sys.stderr.fileno()}
    file, loop = files["stdout"], asyncio.get_running_loop()
    writer = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="outlet")
    try:
        while (message := await stream.receive()) is not None:
            if isinstance(message, bytes):
                await loop.run_in_executor(writer, _write, file, message)
            elif "channel" in message:
                file = files.get(str(message["channel"]), file)
            elif (ended := ending(message)) is not None:
                stream.close()
                return ended
        raise errors.Unreachable("the connection was closed")
    finally:
        writer.shutdown(wait=False, cancel_futures=True)
        stream.framed.abort()


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        with contextlib.suppress(InterruptedError):
            view = view[os.write(file, view) :]
