"""Whole screens, as a terminal of 80 and of 160 columns shows them, with and without colour.

They are compared with the files in screens/. After a change that is wanted, write them anew with
KOHAKURIVER_SCREENS=write, and look at the difference before you commit it.
"""

import asyncio
import datetime
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pexpect
import pytest

from kohakuriver.clock import SystemClock, timestamp
from kohakuriver.resources import kinds
from tests.cli.shell import Shell
from tests.cli.starting import Starter
from tests.cli.vps.objects import CREATED, a_node, a_vps, an_allocation

SCREENS = Path(__file__).parent / "screens"
WRITE = os.environ.get("KOHAKURIVER_SCREENS") == "write"
AGO = datetime.timedelta(hours=9, minutes=30)  # shown as 9h for the next half hour
WHY = "0 of 3 nodes fit: 2 short of memory (need 16Gi, most free 9.5Gi on n2), 1 cordoned"
LINES = {
    "list": "vps list --all",
    "status": "vps status dev",
    "describe": "describe vps big",
    "get": "get vps,nodes -o wide",
    "nodes": "node list",
    "node": "node status n1",
    "events": "events",
    "error-id": "vps stop deev",
    "error-kind": "get vpz",
    "error-command": "vps sttop dev",
    "error-option": "vps list --wide",
}


def condition(type_: str, status: str, message: str) -> dict[str, str]:
    return {
        "type": type_,
        "status": status,
        "reason": "Seen",
        "message": message,
        "lastTransitionTime": CREATED,
    }


def world() -> list[tuple[Any, dict[str, Any]]]:
    dev = a_vps("dev")
    dev["status"]["conditions"] = [
        condition("Scheduled", "True", "placed on n1"),
        condition(
            "RestartRequired", "True", "image and env are taken up at the next restart, and files stay"
        ),
    ]
    big = a_vps("big", "pending", node="", why=WHY, reason="NoRoom", memory="16Gi")
    big["status"]["conditions"] = [condition("Scheduled", "False", WHY)]
    vpses = [
        dev,
        big,
        a_vps("far", "lost", node="n3", why="node n3 has been silent since 11:58; it was running then"),
        a_vps("gone", deleting=True, why="waiting for node n1 to remove its container"),
        a_vps("old", "stopped", run_state="Stopped", why="its files are kept on n1"),
    ]
    said = "kohakuriver/debian-ssh was pulled, its container kohakuriver-default-dev-12345678 runs on n1"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "dev.1", "namespace": "default", "uid": "e1", "creationTimestamp": CREATED},
        "involvedObject": {"kind": "VPS", "name": "dev", "namespace": "default", "uid": "uid-of-dev"},
        "type": "Normal",
        "reason": "Started",
        "message": said,
        "lastTimestamp": CREATED,
        "source": {"component": "agent"},
    }
    return [
        *((kinds.VPS, vps) for vps in vpses),
        (kinds.NODE, a_node("n1")),
        (kinds.NODE, a_node("n3", ready="Unknown", unschedulable=True)),
        (kinds.NODE_ALLOCATION, an_allocation("n1", dev={"cores": "2", "memory": "4Gi", "sshPort": 30000})),
        (kinds.EVENT, event),
    ]


@pytest.fixture
async def furnished(shell: Shell) -> Shell:
    moment = timestamp(SystemClock().now() - AGO)
    for resource, obj in world():
        await shell.put(resource, _aged(obj, moment))
    return shell


def _aged(value: Any, moment: str) -> Any:
    """The same, with its one moment at a fixed age."""
    if isinstance(value, dict):
        return {key: _aged(inner, moment) for key, inner in value.items()}
    if isinstance(value, list):
        return [_aged(inner, moment) for inner in value]
    return moment if isinstance(value, str) and value.startswith("2026-01-01T") else value


def _seen(start: Starter, words: list[str], columns: int, *, colour: bool, places: dict[str, str]) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **places,
        "TERM": "xterm-256color",
        **({} if colour else {"NO_COLOR": "1"}),
    }
    command = start(words, env=environment, dimensions=(60, columns), timeout=60)
    command.expect(pexpect.EOF)
    text = str(command.before).replace("\r\n", "\n").replace("\x1b", "␛")
    return re.sub(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2026-01-01 02:30:00 UTC", text)


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "colour"])
@pytest.mark.parametrize("columns", [80, 160])
async def test_screens_are_as_they_were(furnished: Shell, start: Starter, columns: int, colour: bool) -> None:
    for name, line in LINES.items():
        places = {"HOME": str(furnished.folder), "KOHAKURIVER_CONFIG": str(furnished.config())}
        seen = await asyncio.to_thread(_seen, start, shlex.split(line), columns, colour=colour, places=places)
        file = SCREENS / f"{name}-{columns}-{'colour' if colour else 'plain'}.txt"
        if WRITE:
            file.write_text(seen)
        assert file.read_text() == seen, f"$ kohakuriver {line}   ({file.name})"
        plain = re.sub("␛\\[[0-9;]*m", "", seen)
        assert colour or "␛" not in seen
        if not name.startswith(("error", "get")):  # the terminal breaks sentences, and wide tables are wide
            longest = max(plain.splitlines(), key=len)
            assert len(longest) <= columns, f"{name} does not fit: {longest}"
