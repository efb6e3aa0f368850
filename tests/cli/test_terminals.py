"""What others wrote is shown, and moves nothing: on a terminal, and in tables also behind a pipe."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pexpect
import pytest

from kohakuriver.resources import kinds
from tests.cli.shell import Shell
from tests.cli.starting import Starter
from tests.cli.vps.objects import CREATED, a_node, a_vps

EVIL = "\x1b]0;title\x07\x1b]52;c;cHdu\x07\x1b[2J\x1b[8m\x9b1A\rover\u202e\x08"


@pytest.fixture
async def furnished(shell: Shell) -> Shell:
    vps = a_vps("dev", "pending", node="", why=EVIL)
    vps["metadata"]["annotations"] = {"note": EVIL}
    vps["spec"]["env"] = {"WORD": EVIL}
    node = a_node("n1")
    node["status"]["conditions"][0] |= {"message": EVIL, "status": "False"}
    event: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "dev.1", "namespace": "default", "uid": "e1", "creationTimestamp": CREATED},
        "involvedObject": {"kind": "VPS", "name": "dev", "namespace": "default", "uid": "uid-of-dev"},
        "type": "Normal",
        "reason": EVIL,
        "message": EVIL,
        "lastTimestamp": CREATED,
        "source": {"component": EVIL},
    }
    await shell.put(kinds.VPS, vps)
    await shell.put(kinds.NODE, node)
    await shell.put(kinds.EVENT, event)
    return shell


LINES = (
    "get vps,nodes,events -o wide",
    "vps list --all",
    "vps status dev",
    "node status n1",
    "describe vps dev",
    "describe node n1",
    "events",
    "get vps dev -o custom-columns=A:.spec.env.WORD,B:.metadata.annotations.note",
)
DATA = (
    "get vps dev -o yaml",
    "get vps dev -o json",
    "get vps dev -o jsonpath={.spec.env.WORD}",
)


@pytest.mark.parametrize("line", LINES)
async def test_what_is_made_for_people_is_plain_behind_a_pipe_too(furnished: Shell, line: str) -> None:
    code, out, err = await furnished(line)
    assert code == 0 and "cHdu" in out
    assert (out + err).replace("\n", "").isprintable()


async def test_data_for_a_script_is_what_it_is(furnished: Shell) -> None:
    assert (await furnished("get vps dev -o jsonpath={.spec.env.WORD}"))[1] == EVIL


def _on_a_terminal(start: Starter, words: list[str], environment: dict[str, str]) -> str:
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "NO_COLOR": "1", **environment}
    command = start(words, env=environment, dimensions=(60, 160), timeout=60)
    command.expect(pexpect.EOF)
    return str(command.before)


@pytest.mark.parametrize("line", DATA + LINES[:3])
async def test_a_terminal_obeys_nothing_of_it(furnished: Shell, start: Starter, line: str) -> None:
    places = {
        "HOME": str(furnished.folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "KOHAKURIVER_CONFIG": str(furnished.config()),
    }
    seen = await asyncio.to_thread(_on_a_terminal, start, line.split(), places)
    assert "cHdu" in seen and seen.replace("\r\n", "").isprintable()


async def test_the_words_of_a_refusal_move_nothing_either(shell: Shell) -> None:
    code, _, err = await shell("get vps -- '\x1b]0;title\x07'")
    assert code == 1 and "title" in err and err.replace("\n", "").isprintable()
