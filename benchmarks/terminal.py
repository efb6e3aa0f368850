"""Keystrokes and Ctrl-C: `kohakuriver connect` beside a raw Docker exec and `ssh -tt`; then floods.

    python -m benchmarks.terminal [--keys 500] [--rounds 3] [--interrupts 20] [--seconds 10]

Each key is sent when the one before has been echoed by the terminal in the container, where `cat` runs. A
round takes every path in turn. `connect` and `ssh` run under a PTY, as a person runs them; the raw exec is a
socket to the engine. `connect` has TLS twice: from here to the API server, and from there to the agent.

Ctrl-C is typed while `yes` floods the terminal, and is over when the prompt is there, behind what was on its
way. The floods run in ten terminals.
"""

import argparse
import contextlib
import json
import os
import pty
import select
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import docker

from benchmarks._cluster import COMMAND, running_in
from benchmarks._figures import percentile, table

IMAGE = "kohakuriver/debian-ssh"
TERMINALS = 10
PROMPT = b"back-again> "
FLOODED = 0.5  # seconds of output before a Ctrl-C


class Way:
    """A way to a terminal in the container: something to write keys to and to read their echo from."""

    def __init__(self, file: int) -> None:
        self._file = file

    def say(self, text: bytes, *, until: bytes) -> None:
        os.write(self._file, text)
        came, ends = b"", time.monotonic() + 30
        while until not in came:
            assert time.monotonic() < ends, came[-200:]
            if select.select((self._file,), (), (), 1)[0]:
                came = came[-len(until) :] + os.read(self._file, 1 << 18)

    def keys(self, count: int) -> list[float]:
        """Seconds from each key to its echo."""
        found = []
        for _ in range(count):
            began = time.perf_counter()
            os.write(self._file, b"x")
            os.read(self._file, 4096)
            found.append(time.perf_counter() - began)
        return found

    def interrupts(self, count: int) -> list[float]:
        """Seconds from each Ctrl-C to the prompt of a shell whose output floods us."""
        self.say(b"stty sane; PS1=back-''again'> '\n", until=PROMPT)
        found = []
        for _ in range(count):
            self.say(b"yes\n", until=b"y\r\ny\r\n")
            self.drink(FLOODED)
            began = time.perf_counter()
            self.say(b"\x03", until=PROMPT)
            found.append(time.perf_counter() - began)
        return found

    def drink(self, seconds: float) -> int:
        """Bytes that came in so long."""
        got, ends = 0, time.monotonic() + seconds
        while time.monotonic() < ends:
            if select.select((self._file,), (), (), 0.2)[0]:
                got += len(os.read(self._file, 1 << 18))
        return got


@contextlib.contextmanager
def under_a_pty(command: list[str], config: Path) -> Iterator[Way]:
    near, far = pty.openpty()
    tty.setraw(near)
    child = subprocess.Popen(
        command,
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
        env={**os.environ, "KOHAKURIVER_CONFIG": str(config), "TERM": "xterm"},
    )
    os.close(far)
    try:
        yield Way(near)
    finally:
        child.terminate()
        child.wait(10)
        os.close(near)


@contextlib.contextmanager
def raw_exec(container: str) -> Iterator[Way]:
    """A socket to the engine, and nothing between."""
    client = docker.APIClient(version="auto")
    made = client.exec_create(container, ["bash"], tty=True, stdin=True)
    wrapper = client.exec_start(made["Id"], tty=True, socket=True)
    raw: socket.socket = wrapper._sock
    raw.settimeout(None)
    try:
        yield Way(raw.fileno())
    finally:
        raw.close()
        client.close()


def status(config: Path, name: str) -> dict:
    shown = subprocess.run(
        [COMMAND, "--config", config, "get", "vps", name, "-o", "json"],
        check=True,
        capture_output=True,
    )
    return json.loads(shown.stdout)["status"]


def all_ways(config: Path) -> dict[str, Callable[[], AbstractContextManager[Way]]]:
    """The ways into the VPS, the shortest first."""
    found = status(config, "bench")
    port = str(found["assignment"]["grant"]["sshPort"])
    quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    return {
        "raw Docker exec": lambda: raw_exec(found["observed"]["container"]["id"]),
        "`ssh -tt`": lambda: under_a_pty(["ssh", "-tt", *quiet, "-p", port, "root@127.0.0.1"], config),
        "`kohakuriver connect`": lambda: under_a_pty([str(COMMAND), "connect", "bench"], config),
    }


def keystrokes(config: Path, *, keys: int, rounds: int) -> None:
    ways = all_ways(config)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            with way() as path:
                path.say(b"echo rea''dy; stty echo -icanon; exec cat > /dev/null\n", until=b"ready")
                path.drink(0.5)
                path.keys(20)
                times[name] += path.keys(keys)
    base = times["raw Docker exec"]
    rows = [["way", "p50", "p99", "over raw, p50", "over raw, p99"]]
    for name, taken in times.items():
        p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
        over = [
            f"{1000 * (p50 - percentile(base, 0.5)):+.2f} ms",
            f"{1000 * (p99 - percentile(base, 0.99)):+.2f} ms",
        ]
        rows.append([name, f"{1000 * p50:.2f} ms", f"{1000 * p99:.2f} ms", *over])
    table(f"Keystroke to echo, {rounds} rounds of {keys}", rows)


def interrupts(config: Path, *, count: int) -> None:
    rows = [["way", "median", "worst"]]
    for name, way in all_ways(config).items():
        with way() as path:
            taken = path.interrupts(count)
        rows.append([name, f"{1000 * percentile(taken, 0.5):.0f} ms", f"{1000 * max(taken):.0f} ms"])
    table(f"Ctrl-C to the prompt while `yes` floods the terminal, {count} times", rows)


def floods(config: Path, *, seconds: float) -> None:
    pids = {
        name: entry["pid"]
        for name, entry in json.loads((config.parent / "run.json").read_text())["programs"].items()
    }
    with contextlib.ExitStack() as stack:
        paths = [
            stack.enter_context(under_a_pty([str(COMMAND), "connect", "bench"], config))
            for _ in range(TERMINALS)
        ]
        for path in paths:
            path.say(b"echo rea''dy\n", until=b"ready")
        pids["session holder"] = _holder(config.parent)
        programs = ("apiserver", "agent", "session holder")
        before = {name: _resident(pids[name]) for name in programs}
        for path in paths:
            path.say(b"yes\n", until=b"y\r\ny\r\n")
        got = [0] * TERMINALS

        def drink(number: int) -> None:
            got[number] = paths[number].drink(seconds)

        readers = [threading.Thread(target=drink, args=(number,)) for number in range(TERMINALS)]
        for reader in readers:
            reader.start()
        most = dict(before)
        while any(reader.is_alive() for reader in readers):
            time.sleep(0.2)
            most = {name: max(most[name], _resident(pids[name])) for name in programs}
    rows = [["program", "before", "most while `yes` ran"]]
    rows += [[name, f"{before[name]:.0f} MB", f"{most[name]:.0f} MB"] for name in programs]
    table(
        f"`yes` in {TERMINALS} terminals for {seconds:.0f} s, {sum(got) / seconds / 1e6:.1f} MB/s together",
        rows,
    )


def _holder(data: Path) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"kohakuriver.agent.holder" in words and any(
                    word.startswith(bytes(data)) for word in words
                ):
                    return int(entry.name)
    raise AssertionError("there is no session holder")


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--interrupts", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    wanted = parser.parse_args()
    with running_in("--ssh-port-range", "31300-31349", ssh_address="127.0.0.1") as config:
        create = ["vps", "create", "--name", "bench", "-c", "1", "-m", "256M", "--no-ssh-key"]
        subprocess.run([COMMAND, "--config", config, *create], check=True, capture_output=True)
        keystrokes(config, keys=wanted.keys, rounds=wanted.rounds)
        interrupts(config, count=wanted.interrupts)
        floods(config, seconds=wanted.seconds)


if __name__ == "__main__":
    main()
