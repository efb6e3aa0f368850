"""How long somebody waits for a command: `kohakuriver` beside stock kubectl, on one API server, with TLS.

Commands are taken in turn, so that what else the machine does hits all of them alike; processor time says
what is left of a figure on a busy machine. Each is a process of its own, as in a shell. Then it is said where
the time of `get vps` goes: the interpreter, imports by module (`python -X importtime`), and the rest. The
last part has `exec` beside `docker exec`, in one container of a whole cluster.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import _cluster, _figures, _programs
from kohakuriver.cli import launch
from kohakuriver.client import config

BIN = Path(sys.executable).parent
IMAGE = "kohakuriver/busybox"
KOHAKURIVER = str(BIN / "kohakuriver")
PAIRS = (  # what is typed here, what of kubectl's comes nearest, and how many times its time it may take
    ("--help", "--help", 1.0),
    ("get vps", "get vps", 1.3),
    ("vps list", "get vps", 1.3),
    ("get vps -o json", "get vps -o json", None),
    ("vps status vps-0000", "describe vps vps-0000", None),
    ("describe vps vps-0000", "describe vps vps-0000", None),
    ("node list", "get nodes.kohakuriver.io", None),
    ("version", "version", None),
    ("__complete bash -- get vps vps-0", "__complete get vps vps-0", 1.0),
    ("__complete bash -- get vps --wa", "__complete get vps --wa", 1.0),
)
LONGEST = 300  # milliseconds that a list of all VPSes may take


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--vpses", type=int, default=1000)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder,
        _programs.running(Path(folder)) as programs,
    ):
        file = Path(folder) / "config"
        config.write(file, programs.connection("admin"), cluster="benchmark", user="admin")
        environment = {**os.environ, "KOHAKURIVER_CONFIG": str(file), "KUBECONFIG": str(file), "HOME": folder}
        rows = [("what", "VPSes", "kohakuriver", "CPU", "reach", "kubectl", "CPU", "ratio")]
        _fill(Path(folder), environment, 0, 1)
        rows += _compare(1, options.rounds, environment)
        _fill(Path(folder), environment, 1, options.vpses)
        rows += _compare(options.vpses, options.rounds, environment)
        _figures.table(f"Commands, medians of {options.rounds} in turn (ranges)", rows)
        _where_it_goes(environment)
    _figures.table(
        f"One command in a VPS, medians of {options.rounds} in turn (ranges)", _exec(options.rounds)
    )


def _exec(rounds: int) -> list[tuple[str, ...]]:
    """`true` in one container, by both ways."""
    with _cluster.running_in() as file:
        environment = {**os.environ, "KOHAKURIVER_CONFIG": str(file)}
        create = [
            "vps",
            "create",
            "--name",
            "bench",
            "--image",
            IMAGE,
            "--no-ssh-key",
            "--cores",
            "0.5",
            "--wait",
        ]
        subprocess.run([KOHAKURIVER, *create], check=True, env=environment, stdout=sys.stderr)
        answer = subprocess.run(
            [KOHAKURIVER, "get", "vps", "bench", "-o", "jsonpath={.status.observed.container.id}"],
            check=True, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        ways = {
            "docker exec": ["docker", "exec", answer.stdout.strip(), "true"],
            "kohakuriver exec": [KOHAKURIVER, "exec", "bench", "--", "true"],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, command in ways.items():
                taken[name].append(_timed(command, environment))
    floor = statistics.median(wall for wall, _ in taken["docker exec"])
    rows = [("what", "takes", "CPU", "over docker exec", "reach")]
    for name, figures in taken.items():
        wall, cpu = _columns(figures)
        over = statistics.median(wall) - floor
        rows.append((f"`{name}`", _shown(wall), _cpu(cpu), f"{over * 1000:.0f} ms", "100 ms" if over else ""))
    return rows


def _fill(folder: Path, environment: dict[str, str], first: int, end: int) -> None:
    """Manifests of so many VPSes, applied."""
    spec = {"resources": {"cores": 1, "memory": "1Gi"}, "ssh": {"disabled": True}}
    items = [
        {
            "apiVersion": "kohakuriver.io/v1alpha1",
            "kind": "VPS",
            "metadata": {"name": f"vps-{number:04}"},
            "spec": spec,
        }
        for number in range(first, end)
    ]
    file = folder / "vpses.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    subprocess.run(
        [KOHAKURIVER, "apply", "-f", str(file)], check=True, env=environment, stdout=subprocess.DEVNULL
    )


def _compare(count: int, rounds: int, environment: dict[str, str]) -> list[tuple[str, ...]]:
    kubectl = shutil.which("kubectl", path=f"{BIN}:{os.environ['PATH']}")
    ours: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in PAIRS}
    theirs: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in PAIRS}
    for _ in range(rounds):
        for name, words, _ in PAIRS:
            ours[name].append(_timed([KOHAKURIVER, *name.split()], environment))
            if kubectl:
                theirs[name].append(_timed([kubectl, *words.split()], environment))
    rows = []
    for name, _, times in PAIRS:
        (mine, my_cpu), (other, other_cpu) = _columns(ours[name]), _columns(theirs[name])
        ratio = f"{statistics.median(mine) / statistics.median(other):.2f}" if other else ""
        reach = f"{times:g} ×" if times else ""
        if count > 1 and name in ("get vps", "vps list"):
            reach = f"{LONGEST} ms"
        rows.append(
            (
                f"`{name}`",
                f"{count:,}",
                _shown(mine),
                _cpu(my_cpu),
                reach,
                _shown(other),
                _cpu(other_cpu),
                ratio,
            )
        )
    return rows


def _columns(taken: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [wall for wall, _ in taken], [cpu for _, cpu in taken]


def _shown(seconds: list[float]) -> str:
    return _figures.milliseconds(seconds) if seconds else ""


def _cpu(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms" if seconds else ""


def _timed(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def _where_it_goes(environment: dict[str, str]) -> None:
    bare = statistics.median(_timed([sys.executable, "-PS", "-c", "pass"], environment)[1] for _ in range(9))
    whole = statistics.median(_timed([KOHAKURIVER, "get", "vps"], environment)[1] for _ in range(9))
    started = [sys.executable, "-X", "importtime", "-PS", launch.__file__, KOHAKURIVER]
    command = [*started, "get", "vps"]
    told = subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stderr
    own: dict[str, int] = {}
    for microseconds, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)", told):
        top = name.partition(".")[0]
        own[top] = own.get(top, 0) + int(microseconds)
    imports = sum(own.values()) / 1e6
    largest = sorted(own.items(), key=lambda one: -one[1])[:8]
    rows = [("where `get vps` spends its processor time", "ms")]
    rows += [("the interpreter by itself", f"{bare * 1000:.0f}"), ("all of it", f"{whole * 1000:.0f}")]
    rows += [("imports, with the clock running (it slows them)", f"{imports * 1000:.0f}")]
    rows += [(f"- of which {name}", f"{microseconds / 1000:.0f}") for name, microseconds in largest]
    _figures.table("Where the time goes", rows)


if __name__ == "__main__":
    main()
