"""Starts `kohakuriver` as `python -P -m kohakuriver.cli` does, without importing everything each time.

It runs as a process of its own: it imports every command once, and then forks a child for each request.
A child has its own session, terminal, folder, environment and arguments, runs `kohakuriver.cli` as a program,
and ends as an interpreter does, but for taking every module apart, which costs more than most commands.
One runs at a time.

A request is one packet on the socket whose number is the first argument: JSON, and the terminal with it. The
answer is the exit code, negative for a signal. The end of the socket is the end of the process.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
from typing import Any, TextIO

LONGEST = 1 << 17  # bytes of a request


def serve(channel: socket.socket) -> dict[str, Any] | None:
    """Answers requests. Returns in each child what it is to be, and in the parent None at the end."""
    while True:
        packet, terminals, _, _ = socket.recv_fds(channel, LONGEST, 1)
        if not packet:
            return None
        child = os.fork()
        if not child:
            channel.close()
            os.login_tty(terminals[0])
            return dict(json.loads(packet))
        os.close(terminals[0])
        _, status = os.waitpid(child, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(request: dict[str, Any]) -> None:
    """Makes this process the command, and ends with its exit code."""
    coerced = os.environ.get("LC_CTYPE")  # what Python does itself where no language is said
    os.environ.clear()
    os.environ.update(request["environment"], **({"LC_CTYPE": coerced} if coerced else {}))
    os.chdir(request["folder"])
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        before: TextIO = getattr(sys, name)
        made = open(number, mode, encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, made)
        setattr(sys, f"__{name}__", made)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = request["words"]
    try:
        runpy.run_module("kohakuriver.cli", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        threading._shutdown()  # as `multiprocessing` ends its forks
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))


def import_commands() -> None:
    """Imports the module of every command."""
    from kohakuriver.cli.framework import application, catalogue

    application.build()
    for entry in catalogue.ENTRIES:
        for one in (entry, *entry.commands):
            importlib.import_module(one.path)
    gc.collect()
    gc.freeze()


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    import_commands()
    request = serve(channel)
    if request is not None:
        become(request)


if __name__ == "__main__":
    main()
