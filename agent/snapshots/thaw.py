"""Thaws one container when its agent has died: `python -I -S thaw.py SOCKET CONTAINER`.

A program of its own for the length of one freeze (guard.py starts it), by the standard library alone so that
it is up at once. It writes a line when it is ready, and waits for the end of its input: after the word "done"
it has nothing to do; without it, whoever froze the container has died. It asks the engine until that has
answered, for a minute at most: an agent that has begun again by then sees to the rest.
"""

import contextlib
import os
import signal
import socket
import sys
import time

PATIENCE = 60.0  # seconds
PAUSE = 0.2
DONE = b"done"


def main(engine: str, container: str) -> int:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.write(1, b"ready\n")
    said = b""
    while chunk := os.read(0, 64):
        said += chunk
    if said.strip() == DONE:
        return 0
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if _answered(engine, container):
                return 0
        time.sleep(PAUSE)
    return 1


def _answered(engine: str, container: str) -> bool:
    """Ask for it; an engine that says no has nothing to thaw."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE)
        asking.connect(engine)
        head = f"POST /containers/{container}/unpause HTTP/1.0\r\nHost: engine\r\nContent-Length: 0\r\n\r\n"
        asking.sendall(head.encode())
        return asking.recv(64).startswith(b"HTTP/1.")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
