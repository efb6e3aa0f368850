"""`kohakuriver forward` beside kubectl's, `ssh -L`, Docker's published port and none at all, in one run.

    python -m benchmarks.streams [--megabytes 512] [--rounds 3] [--trips 3000]

Each round takes every path in turn: a download, an upload whose length the far side confirms, and round trips
of 1 KB on one connection. Then 200 connections are held open at once through one forward, and commands run.
`forward` has TLS twice, as everywhere: from here to the API server, and from there to the agent. ssh runs as
it is installed.
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator

from benchmarks._cluster import COMMAND, free_port, running_in
from benchmarks._figures import milliseconds, table

IMAGE = "kohakuriver/debian-ssh"
KUBECTL = COMMAND.with_name("kubectl")
PORT = 9000
CHUNK = 1 << 18

# Runs inside the containers: d N sends N bytes, u counts what comes until its end, e echoes.
FAR_SIDE = f"""
import socket, threading
def serve(c):
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    mode = c.recv(1)
    if mode == b'd':
        left, block = int(c.recv(16)), bytes({CHUNK})
        while left > 0:
            c.sendall(block[:left]); left -= len(block)
    elif mode == b'u':
        got = 0
        while data := c.recv({CHUNK}): got += len(data)
        c.sendall(str(got).encode())
    else:
        while data := c.recv(65536): c.sendall(data)
    c.close()
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('0.0.0.0', {PORT})); s.listen(512)
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""

Address = tuple[str, int]


def connected(address: Address) -> socket.socket:
    made = socket.create_connection(address, timeout=120)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def download(address: Address, size: int) -> float:
    """Seconds for `size` bytes to here."""
    with connected(address) as far:
        started = time.perf_counter()
        far.sendall(b"d%16d" % size)
        left = size
        while left > 0 and (data := far.recv(CHUNK)):
            left -= len(data)
        assert left == 0, f"{left} bytes are missing"
        return time.perf_counter() - started


def upload(address: Address, size: int) -> float:
    """Seconds for `size` bytes from here, until the far side has said that it has them."""
    block = bytes(CHUNK)
    with connected(address) as far:
        started = time.perf_counter()
        far.sendall(b"u")
        for start in range(0, size, CHUNK):
            far.sendall(block[: size - start])
        far.shutdown(socket.SHUT_WR)
        assert int(far.recv(64)) == size, "the upload did not arrive whole"
        return time.perf_counter() - started


def round_trips(address: Address, count: int) -> list[float]:
    """Seconds of each."""
    block, taken = bytes(1024), []
    with connected(address) as far:
        far.sendall(b"e")
        for _ in range(count):
            started = time.perf_counter()
            far.sendall(block)
            left = len(block)
            while left > 0:
                left -= len(far.recv(65536))
            taken.append(time.perf_counter() - started)
    return taken


def many(address: Address, count: int) -> tuple[float, float]:
    """Seconds to open that many connections one after the other, and for one message through each of them."""
    with contextlib.ExitStack() as stack:
        started = time.perf_counter()
        ends = [stack.enter_context(connected(address)) for _ in range(count)]
        for end in ends:
            end.sendall(b"e" + bytes(1024))
        for end in ends:
            left = 1024
            while left > 0:
                left -= len(end.recv(65536))
        opened = time.perf_counter() - started
        started = time.perf_counter()
        for end in ends:
            end.sendall(bytes(1024))
        for end in ends:
            left = 1024
            while left > 0:
                left -= len(end.recv(65536))
        return opened, time.perf_counter() - started


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def published() -> Iterator[Address]:
    """A plain container of the same image with a published port."""
    port = free_port()
    command = ["python3", "-c", FAR_SIDE]
    id_ = docker(
        "run", "-d", "--rm", "-p", f"127.0.0.1:{port}:{PORT}", "--entrypoint", command[0], IMAGE, *command[1:]
    )
    try:
        yield "127.0.0.1", port
    finally:
        docker("rm", "-f", id_)


@contextlib.contextmanager
def program(*words: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A command that listens here until the end."""
    made = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield made
    finally:
        made.terminate()
        made.wait(timeout=10)


def wait_for(address: Address) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=1) as end:
            end.sendall(b"e!")
            if end.recv(1):
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers at {address}")


@contextlib.contextmanager
def paths(environment: dict[str, str]) -> Iterator[dict[str, Address]]:
    """Every way to the same service."""

    def kohakuriver(*words: str) -> str:
        done = subprocess.run(
            [COMMAND, *words], env=environment, check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout.strip()

    kohakuriver("vps", "create", "--name", "bench", "--no-ssh-key", "--cores", "2", "--memory", "512Mi")
    container = kohakuriver("get", "vps", "bench", "-o", "jsonpath={.status.observed.container.name}")
    ssh_port = kohakuriver("get", "vps", "bench", "-o", "jsonpath={.status.assignment.grant.sshPort}")
    docker("exec", "-d", container, "python3", "-c", FAR_SIDE)
    ip = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container)
    forwarded, tunnelled, by_kubectl = free_port(), free_port(), free_port()
    quiet = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    tunnel = f"127.0.0.1:{tunnelled}:127.0.0.1:{PORT}"
    ssh = ["ssh", "-N", *quiet, "-L", tunnel, "-p", ssh_port, "root@127.0.0.1"]
    forward = [str(COMMAND), "forward", "bench", f"{forwarded}:{PORT}"]
    kubectl = [str(KUBECTL), "port-forward", "pod/bench", f"{by_kubectl}:{PORT}"]
    with (
        published() as beside,
        program(*forward, environment=environment),
        program(*ssh, environment=environment),
        program(*kubectl, environment=environment | {"KUBECONFIG": environment["KOHAKURIVER_CONFIG"]}),
    ):
        found = {
            "direct": (ip, PORT),
            "published port": beside,
            "ssh -L": ("127.0.0.1", tunnelled),
            "forward": ("127.0.0.1", forwarded),
            "kubectl": ("127.0.0.1", by_kubectl),
        }
        for address in found.values():
            wait_for(address)
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trips", type=int, default=3000)
    given = parser.parse_args()
    size = given.megabytes << 20
    with running_in(ssh_address="127.0.0.1") as file:
        environment = {**os.environ, "KOHAKURIVER_CONFIG": str(file)}
        with paths(environment) as addresses:
            down: dict[str, list[float]] = {name: [] for name in addresses}
            up: dict[str, list[float]] = {name: [] for name in addresses}
            trips: dict[str, list[float]] = {name: [] for name in addresses}
            for _ in range(given.rounds):
                for name, address in addresses.items():
                    down[name].append(given.megabytes / download(address, size))
                    up[name].append(given.megabytes / upload(address, size))
                    trips[name] += round_trips(address, given.trips // given.rounds)
            opened, answered = many(addresses["forward"], 200)
            ran = commands(environment, given.megabytes, given.rounds)
    show(down, up, trips)
    table("Commands", [["by", "true", "out MB/s", "in MB/s"], *ran])
    print(f"\n200 connections through one forward: opened in {opened:.2f} s, ", end="")
    print(f"then all answered in {answered * 1000:.0f} ms")


def commands(environment: dict[str, str], megabytes: int, rounds: int) -> list[list[str]]:
    """A command that does nothing, one that writes, and one that reads: by kubectl and by our own."""
    environment = environment | {"KUBECONFIG": environment["KOHAKURIVER_CONFIG"]}
    size, rows = megabytes << 20, []
    for name, words in (
        ("kubectl exec", [str(KUBECTL), "exec", "-i", "bench", "--"]),
        ("kohakuriver exec", [str(COMMAND), "exec", "bench", "--"]),
    ):

        def took(*command: str, given: int = 0, words: list[str] = words) -> float:
            began = time.perf_counter()
            with subprocess.Popen(
                [*words, *command], env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            ) as process:
                assert process.stdin is not None
                for _ in range(given // CHUNK):
                    process.stdin.write(bytes(CHUNK))
                process.stdin.close()
            assert process.returncode == 0, (words, command)
            return time.perf_counter() - began

        nothing = [took("true") for _ in range(3 * rounds)]
        out = statistics.median(took("head", "-c", str(size), "/dev/zero") for _ in range(rounds))
        into = statistics.median(took("sh", "-c", "cat > /dev/null", given=size) for _ in range(rounds))
        rows.append([name, milliseconds(nothing), f"{megabytes / out:.0f}", f"{megabytes / into:.0f}"])
    return rows


def show(down: dict[str, list[float]], up: dict[str, list[float]], trips: dict[str, list[float]]) -> None:
    """Rates, and each against `ssh -L`."""
    rows = [["path", "down MB/s", "up MB/s", "1 KB round trips/s", "p99", "against ssh -L"]]
    rate = {name: 1 / statistics.mean(times) for name, times in trips.items()}
    for name in down:
        against = [
            statistics.median(a / b for a, b in zip(figures[name], figures["ssh -L"], strict=True))
            for figures in (down, up)
        ]
        ordered = sorted(trips[name])
        rows.append(
            [
                name,
                f"{statistics.median(down[name]):.0f}",
                f"{statistics.median(up[name]):.0f}",
                f"{rate[name]:.0f}",
                milliseconds([ordered[int(len(ordered) * 0.99)]]).split(" (")[0],
                f"{against[0]:.2f}, {against[1]:.2f}, {rate[name] / rate['ssh -L']:.2f} x",
            ]
        )
    table("Forwarding", rows)


if __name__ == "__main__":
    main()
