"""The printed command, typed into a real shell whose curl is the test's: what is sent, and to whom."""

import base64
import dataclasses
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kohakuriver import certificates, wheel
from kohakuriver.apiserver.serving import installing
from kohakuriver.cli.token import joining
from kohakuriver.client import authority, config
from kohakuriver.client.config import Connection
from kohakuriver.clock import SystemClock

CA = certificates.new_authority("test", now=SystemClock().now()).certificate
TOKEN = "s3cret-s3cret"
CURL = """#!/bin/sh
printf '%s\\n' "$@" >"$RECORD/arguments"
cat >"$RECORD/stdin"
while [ $# -gt 0 ]; do
    [ "$1" != --cacert ] || cp "$2" "$RECORD/ca"
    [ "$1" != -o ] || dirname "$2" >"$RECORD/folder"
    [ "$1" != -o ] || [ ! -f "$RECORD/answer" ] || cp "$RECORD/answer" "$2"
    shift
done
[ -f "$RECORD/answer" ]
"""
INSTALL = """#!/bin/sh
printf '%s\\n' "$@" >"$RECORD/installed"
env >"$RECORD/environment"
ls "$(dirname "$0")" >"$RECORD/beside"
"""


@dataclasses.dataclass
class Machine:
    """Where the command is typed: its curl and install.sh write down what they were told."""

    folder: Path

    def type(self, line: str, *, curl: bool = True) -> subprocess.CompletedProcess[str]:
        commands = self.folder / "bin"
        commands.mkdir()
        if curl:
            (commands / "curl").write_text(CURL)
            (commands / "curl").chmod(0o755)
        for name in ("sh", "bash", "mktemp", "rm", "base64", "cat", "tar", "cp", "dirname", "env", "ls"):
            (commands / name).symlink_to(_where(name))
        environment = {"PATH": str(commands), "RECORD": str(self.folder), "TMPDIR": str(self.temporary)}
        self.temporary.mkdir()
        return subprocess.run(
            [_where("bash"), "-c", line], env=environment, capture_output=True, text=True, cwd=self.folder
        )

    @property
    def temporary(self) -> Path:
        return self.folder / "my files"

    def answers(self) -> None:
        shipped = self.folder / "shipped"
        shipped.mkdir()
        (shipped / "install.sh").write_text(INSTALL)
        (shipped / "join.sh").write_bytes(Path("manifests/install/join.sh").read_bytes())
        (shipped / "requirements.txt").write_text("none\n")
        made = installing.bundle(wheel.Wheel("9.9", b"zip"), shipped)
        (self.folder / "answer").write_bytes(made.content)

    def said(self, name: str) -> list[str]:
        return (self.folder / name).read_text().splitlines()


def _where(name: str) -> str:
    found = shutil.which(name, path=os.defpath)
    assert found is not None, name
    return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def line(node: str | None = "n2", server: str = "https://10.0.0.1:6443", ca: bytes | None = CA) -> str:
    return joining.command(Connection(server, ca=ca), TOKEN, node=node)


def test_it_fetches_installs_and_joins_and_leaves_nothing_behind(machine: Machine) -> None:
    machine.answers()
    done = machine.type(line())
    assert done.returncode == 0, done.stderr
    told = machine.said("installed")
    assert told[-6:] == [
        "--join",
        "https://10.0.0.1:6443",
        "--ca-hash",
        authority.hash_of(CA),
        "--node",
        "n2",
    ]
    assert told[:-6] == ["--sha256", hashlib.sha256(b"zip").hexdigest(), "--agent", "--"]
    beside = {"install.sh", "join.sh", "requirements.txt", "sha256", "kohakuriver-9.9-py3-none-any.whl"}
    assert beside <= set(machine.said("beside"))
    assert list(machine.temporary.iterdir()) == []


def test_the_token_is_in_no_argument_and_only_the_clusters_authority_is_trusted(machine: Machine) -> None:
    machine.answers()
    machine.type(line())
    arguments = machine.said("arguments")
    assert TOKEN not in "\n".join(arguments + machine.said("installed"))
    assert machine.said("stdin") == [f'header = "Authorization: Bearer {TOKEN}"']
    assert (machine.folder / "ca").read_bytes() == CA
    [folder] = machine.said("folder")
    assert arguments[arguments.index("--capath") + 1] == folder and "-k" not in arguments
    assert arguments[-1] == f"https://10.0.0.1:6443{wheel.HANDED_OUT}"
    environment = machine.said("environment")
    assert f"{config.JOIN_TOKEN}={TOKEN}" in environment, "what installs hands it on to the agent"


def test_without_an_authority_of_its_own_those_of_the_system_count(machine: Machine) -> None:
    machine.answers()
    assert machine.type(line(ca=None)).returncode == 0
    assert not {"--cacert", "--capath", "-k", "--ca-hash"} & {
        *machine.said("arguments"),
        *machine.said("installed"),
    }


def test_options_of_the_agent_may_follow(machine: Machine) -> None:
    machine.answers()
    assert machine.type(f"{line()} --ssh-address 10.0.0.2").returncode == 0
    assert machine.said("installed")[-2:] == ["--ssh-address", "10.0.0.2"]


@pytest.mark.parametrize(
    "evil", ["n2; touch owned", "$(touch owned)", "`touch owned`", "a'; touch owned; '", 'a"b']
)
def test_what_somebody_named_is_never_run(machine: Machine, evil: str) -> None:
    machine.answers()
    server = f"https://h{evil}"
    done = machine.type(line(node=evil, server=server))
    assert done.returncode == 0, done.stderr
    assert not (machine.folder / "owned").exists()
    told = machine.said("installed")
    assert told[-1] == evil and server in told


def test_a_refusal_ends_it_with_a_sentence(machine: Machine) -> None:
    done = machine.type(line())
    assert done.returncode == 1 and "another token: kohakuriver node join" in done.stderr
    assert not (machine.folder / "installed").exists() and list(machine.temporary.iterdir()) == []


def test_without_curl_it_says_what_to_install(machine: Machine) -> None:
    done = machine.type(line(), curl=False)
    assert done.returncode == 1 and "apt-get install curl" in done.stderr


def test_the_authority_is_that_of_the_config_file() -> None:
    assert f"; echo {base64.b64encode(CA).decode()} | base64 -d >" in line()


@pytest.mark.parametrize("before", ["", "sudo "])
def test_the_token_is_on_no_command_line(before: str, tmp_path: Path) -> None:
    """Each program that the shell starts notes its arguments and whether the token is in its environment."""
    notes = 'for word; do echo "word $word"; done >>"$NOTES"\n'
    notes += 'echo "token ${KOHAKURIVER_JOIN_TOKEN:-}" >>"$NOTES"\n'
    for name, rest in {"sudo": 'exec "$@"', "kohakuriver": "cat >/dev/null", "curl": "exit 22"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{notes}{rest}\n")
        (tmp_path / name).chmod(0o755)
    holder = Connection("https://10.0.0.1:6443")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "NOTES": str(tmp_path / "notes")}
    for line in (
        joining.command(holder, TOKEN, node=None),
        joining.installed_command(holder, TOKEN, node=None),
    ):
        (tmp_path / "notes").write_text("")
        subprocess.run(["bash", "-c", before + line], env=environment, capture_output=True, check=False)
        noted = (tmp_path / "notes").read_text().splitlines()
        assert len(noted) > 2
        assert [one for one in noted if one.startswith("word ") and TOKEN in one] == []
        assert (f"token {TOKEN}" in noted) is line.startswith("sh "), (
            "curl's, which has it by the environment"
        )
