"""Each example of each command's help is typed into a shell and must work; a command without one fails.

One cluster serves them all. Before each example it is put back to what it was at first.
"""

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pexpect
import pytest
import pytest_asyncio

from kohakuriver.cli import catalogue
from kohakuriver.client import config
from tests.cli import living
from tests.cli.living import LivingCluster

ELSEWHERE = ("local", "files", "access", "image", "vps.connect", "vps.adopt")
"""Commands whose examples need programs or faults of their own: tests/e2e tries them."""
ENDLESS = (" -w", " --watch", " --watch-only")
FULL_SCREEN = {"kohakuriver dashboard": "q"}
"""What fills the screen until somebody leaves it, and the key for that."""
ANSWERS = {"kohakuriver node forget n1 --destroyed": "n1"}
BEFORE = {
    "vps create --name dev": "vps delete dev",
    "vps start": "vps stop dev test",
    "vps create --container my-env": "env create my-env --from dev",
    "wait vps -l team=red --for=delete": "delete vps -l team=red --no-wait",
    "vps resume": "vps pause dev test",
    "node uncordon": "node drain n1 n2",
    "label vps dev team=red": "label vps dev team-",
    "token create --user alice": "!rm alice.config",
    "token revoke --user alice": "token create --user alice --role viewer",
    "delete vps --all": "vps create --name dev --no-ssh-key --no-wait",
}
"""What is to be so before an example makes sense."""
CODES = {"diff": (0, 1)}


def commands() -> list[tuple[str, catalogue.Entry]]:
    found = []
    for entry in catalogue.ENTRIES:
        if not entry.passthrough and not entry.module.startswith(ELSEWHERE):
            found.append((entry.name, entry))
            found += [
                (f"{entry.name} {one.name}", one)
                for one in entry.commands
                if not one.module.startswith(ELSEWHERE)
            ]
    return found


def examples(entry: catalogue.Entry) -> list[str]:
    text: str = importlib.import_module(entry.path).EXAMPLES
    return [line for line in text.strip().splitlines() if line]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LivingCluster]:
    async with living.living_cluster(tmp_path_factory.mktemp("pki")) as made:
        yield made


@pytest.mark.parametrize(("path", "entry"), commands(), ids=lambda one: one if isinstance(one, str) else "")
@pytest.mark.asyncio(loop_scope="module")
async def test_the_examples_of_a_command_work(path, entry, tmp_path, cluster):
    lines = examples(entry)
    assert any(f"kohakuriver {path}" in line for line in lines), (
        f"`{path} --help` shows no example of its own"
    )
    for number, line in enumerate(lines):
        await cluster.put_back()
        await _try(cluster, line, tmp_path / str(number))


async def _try(cluster: LivingCluster, line: str, folder: Path) -> None:
    person = Person(cluster, folder)
    if " forget " in line:
        await cluster.nodes["n1"].fall_silent()
    words = line.removeprefix("kohakuriver ")
    for start, first in BEFORE.items():
        if words.startswith(start):
            await person.type(first.removeprefix("!") if first[0] == "!" else f"kohakuriver {first}")
    code, shown = await person.type(line)
    if "has been modified" in shown:  # a node reported in between, as the words say: read it again
        code, shown = await person.type(line)
    allowed = next((codes for start, codes in CODES.items() if words.startswith(start)), (0,))
    assert code in allowed, f"$ {line}\n{shown}\nended with {code}"
    assert "Traceback" not in shown


class Person:
    """Somebody with a home folder, keys, manifests and a terminal."""

    def __init__(self, cluster: LivingCluster, folder: Path) -> None:
        self._folder, self._home = folder / "work", folder / "home"
        living.furnish_folder(self._folder, self._home)
        mine, alices = self._home / ".kohakuriver" / "config", self._folder / "alice.config"
        for file, user in ((mine, "admin"), (alices, "alice")):
            config.write(file, cluster.connection(user), cluster="kohakuriver", user=user)
        self._programs = folder / "bin"
        self._programs.mkdir()
        for editor in ("nano", "vi"):
            _script(self._programs / editor, 'sed -i "s/priority: .*/priority: 7/" "$1"')
        _script(self._programs / "kohakuriver", f'exec {sys.executable} -P -m kohakuriver.cli "$@"')

    async def type(self, line: str) -> tuple[int, str]:
        return await asyncio.to_thread(self._type, line)

    def _type(self, line: str) -> tuple[int, str]:
        endless = line.endswith(ENDLESS)
        shell = pexpect.spawn(
            "/bin/bash",
            ["-c", line],
            cwd=self._folder,
            env={
                "PATH": f"{self._programs}:{os.environ['PATH']}",
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "HOME": str(self._home),
                "TERM": "xterm",
                "NO_COLOR": "1",
            },
            encoding="utf-8",
            timeout=30,
            dimensions=(40, 200),
        )
        if endless:
            shell.expect("dev")
            shell.sendintr()
        for start, key in FULL_SCREEN.items():
            if line.startswith(start):
                shell.expect("dev")
                shell.send(key)
        if line in ANSWERS:
            shell.expect("to go on: ")
            shell.sendline(ANSWERS[line])
        shell.expect(pexpect.EOF)
        shell.wait()
        shell.ptyproc.delayafterclose = 0  # it has ended: there is nothing to wait for
        shell.close()
        code = shell.exitstatus if shell.exitstatus is not None else 128 + (shell.signalstatus or 0)
        return 0 if endless and code == 130 else code, str(shell.before)


def _script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)
