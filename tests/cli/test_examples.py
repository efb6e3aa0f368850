"""Each example of each command's help is typed into a shell and must work; a command without one fails.

One cluster serves them all. Before each example it is put back to what it was at first. The first example of
each command, and each that only a shell understands, is typed into a real one and starts a fresh interpreter;
the others are started by `tests/cli/starting.py`.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pexpect
import pytest
import pytest_asyncio

from kohakuriver.cli.framework import application, catalogue
from kohakuriver.client import config
from tests.cli import living
from tests.cli.living import LivingCluster
from tests.cli.starting import Command, Starter

ELSEWHERE = ("local", "files", "access", "image", "vps.connect", "vps.adopt", "snapshots.diff")
"""Commands whose examples need programs or faults of their own: tests/e2e tries them."""
ENDLESS = (" -w", " --watch", " --watch-only")
FULL_SCREEN = {"kohakuriver dashboard": "q"}
"""What fills the screen until somebody leaves it, and the key for that."""
ANSWERS = {
    "kohakuriver node forget n1 --destroyed": ("to go on: ", "n1"),
    "kohakuriver vps restore dev": ("[y/N] ", "y"),
}
"""What asks, how its question ends, and what is answered."""
BEFORE = {
    "vps create dev": "vps delete dev",
    "vps start": "vps stop dev test",
    "vps snapshots dev -w": "vps snapshot dev",
    "vps restore dev": "vps snapshot dev",
    "vps restore dev dev-": "vps snapshot dev --name dev-20261201-094500",
    "vps restore dev@": "vps snapshot dev --name before-upgrade",
    "vps restore dev --undo": "vps restart dev --replace-files",
    "vps fork dev --count 3 --from before-upgrade": "vps snapshot dev --name before-upgrade",
    "delete snapshot": "vps snapshot dev --name dev-20261201-094500",
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
CODES = {"diff": (0, 1), "login --issuer": (1,), "login": (2,), "logout": (2,)}
DIMENSIONS, TIMEOUT = (40, 200), 30  # rows and columns; seconds
FOR_A_SHELL = re.compile(r"^(?!kohakuriver )|[^\w\s./:=,@-]").search
"""Whether a line means more to a shell than its words: quotes, pipes, `~`, `#`, `$`."""


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
    return [line for line in application.examples(entry).strip().splitlines() if line]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LivingCluster]:
    async with living.living_cluster(tmp_path_factory.mktemp("pki")) as made:
        yield made


@pytest.mark.parametrize(("path", "entry"), commands(), ids=lambda one: one if isinstance(one, str) else "")
@pytest.mark.asyncio(loop_scope="module")
async def test_the_examples_of_a_command_work(path, entry, tmp_path, cluster, start):
    lines = examples(entry)
    assert any(f"kohakuriver {path}" in line for line in lines), (
        f"`{path} --help` shows no example of its own"
    )
    for number, line in enumerate(lines):
        await cluster.put_back()
        person = Person(cluster, tmp_path / str(number), start)
        await _try(cluster, person, line, in_a_shell=number == 0)


async def _try(cluster: LivingCluster, person: "Person", line: str, *, in_a_shell: bool) -> None:
    if " forget " in line:
        await cluster.nodes["n1"].fall_silent()
    words = line.removeprefix("kohakuriver ")
    for start, first in BEFORE.items():
        if words.startswith(start):
            await person.type(first.removeprefix("!") if first[0] == "!" else f"kohakuriver {first}")
    code, shown = await person.type(line, in_a_shell=in_a_shell)
    if "has been modified" in shown:  # a node reported in between, as the words say: read it again
        code, shown = await person.type(line, in_a_shell=in_a_shell)
    allowed = next((codes for start, codes in CODES.items() if words.startswith(start)), (0,))
    assert code in allowed, f"$ {line}\n{shown}\nended with {code}"
    assert "Traceback" not in shown


class Person:
    """Somebody with a home folder, keys, manifests and a terminal."""

    def __init__(self, cluster: LivingCluster, folder: Path, start: Starter) -> None:
        self._start = start
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

    async def type(self, line: str, *, in_a_shell: bool = False) -> tuple[int, str]:
        """The exit code, and what is shown. A shell is used for what needs one, too."""
        return await asyncio.to_thread(self._type, line, in_a_shell=in_a_shell or bool(FOR_A_SHELL(line)))

    def _type(self, line: str, *, in_a_shell: bool) -> tuple[int, str]:
        command = self._in_a_shell(line) if in_a_shell else self._by_itself(line)
        endless = line.endswith(ENDLESS)
        if endless:
            command.expect("dev")
            command.sendintr()
        for start, key in FULL_SCREEN.items():
            if line.startswith(start):
                command.expect("dev")
                command.send(key)
        if line in ANSWERS:
            question, answer = ANSWERS[line]
            command.expect_exact(question)
            command.sendline(answer)
        command.expect(pexpect.EOF)
        code = _end(command) if isinstance(command, pexpect.spawn) else command.wait()
        code = code if code >= 0 else 128 - code
        return 0 if endless and code == 130 else code, str(command.before)

    def _by_itself(self, line: str) -> Command:
        program, *words = line.split()
        assert program == "kohakuriver"
        return self._start(
            words, env=self._environment, cwd=self._folder, dimensions=DIMENSIONS, timeout=TIMEOUT
        )

    def _in_a_shell(self, line: str) -> pexpect.spawn:
        return pexpect.spawn(
            "/bin/bash",
            ["-c", line],
            cwd=self._folder,
            env=self._environment,
            encoding="utf-8",
            timeout=TIMEOUT,
            dimensions=DIMENSIONS,
        )

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(self._home),
            "TERM": "xterm",
            "NO_COLOR": "1",
            "BROWSER": "true %s",
        }


def _end(shell: pexpect.spawn) -> int:
    """The exit code of a shell that has ended, negative for a signal."""
    shell.wait()
    shell.ptyproc.delayafterclose = 0  # it has ended: there is nothing to wait for
    shell.close()
    return shell.exitstatus if shell.exitstatus is not None else -(shell.signalstatus or 0)


def _script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)
