"""`agent --install-service`: what the unit says, whose it is, and what happens when joining fails."""

import shlex
import sys
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.agent import options, program
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.service import NAME, AgentService, words
from kohakuriver.agent.settings import Settings
from kohakuriver.client import config

JOIN = ["--join", "https://c1:6443", "--ca-hash", "sha256:" + "0" * 64]


def run(*arguments: str) -> Settings:
    found = options.parse(arguments)
    assert isinstance(found, Settings)
    return found


class Machine:
    """Where units go, and what systemctl was told."""

    def __init__(self, folder: Path) -> None:
        self.done: list[tuple[str, ...]] = []
        self.unit = folder / "system" / NAME
        self.data_dir = folder / "data"

    def service(self, data_dir: Path | None = None, *, booted: bool = True) -> AgentService:
        def systemctl(*told: str) -> None:
            self.done.append(told)

        return AgentService(
            data_dir or self.data_dir, folder=self.unit.parent, systemctl=systemctl if booted else None
        )

    def install(self, *arguments: str, booted: bool = True, joins: BaseException | None = None) -> list[str]:
        def join() -> None:
            self.done.append(("join",))
            if joins is not None:
                raise joins

        typed = ["--data-dir", str(self.data_dir), "--install-service", *arguments]
        service = self.service(booted=booted)
        return service.install(typed, run(*typed), join=join, is_root=True)

    @property
    def command(self) -> list[str]:
        """The words of the unit's ExecStart, where nothing in it needs systemd's quotes."""
        [line] = [line for line in self.unit.read_text().splitlines() if line.startswith("ExecStart=")]
        return shlex.split(line.removeprefix("ExecStart="))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("token", [["--token", "s3cret"], ["--token=s3cret"]])
def test_the_unit_has_the_options_and_neither_token_nor_what_joins(
    machine: Machine, token: list[str]
) -> None:
    machine.install(*JOIN, *token, "--node", "n2", "--ssh-address", "10.0.0.2", "--image-gc-high=90%", "-v")
    assert "s3cret" not in machine.unit.read_text()
    assert machine.command == [
        sys.executable,
        *("-P", "-m", "kohakuriver.cli", "agent"),
        *("--ssh-address", "10.0.0.2", "--image-gc-high=90%%", "-v"),
        *("--node", "n2", "--data-dir", str(machine.data_dir)),
    ]


def test_the_token_of_the_environment_is_in_no_unit(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.JOIN_TOKEN, "s3cret")
    machine.install(*JOIN)
    assert "s3cret" not in machine.unit.read_text() and "Environment" not in machine.unit.read_text()


def test_paths_and_the_name_are_written_out_and_the_agent_takes_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = ["--config", "n1.config", "--data-dir", "state", "--environments", "shared", "--install-service"]
    found = words(typed, run(*typed))
    again = run(*found)
    assert (again.config, again.data_dir) == (tmp_path / "n1.config", tmp_path / "state")
    assert again.environments == tmp_path / "shared" and not again.install_service
    assert again.node == run().node and "--node" in found


def test_it_joins_before_the_unit_is_there_and_starts_it_then(machine: Machine) -> None:
    told = machine.install(*JOIN, "--token", "t")
    assert machine.done == [("join",), ("daemon-reload",), ("enable", "--now", NAME)]
    assert told == [
        f"wrote {machine.unit}",
        "enabled and started it",
        f"journalctl -u {NAME} -f shows what it does",
    ]


def test_where_joining_fails_there_is_no_unit(machine: Machine) -> None:
    with pytest.raises(errors.Unauthorized):
        machine.install(*JOIN, "--token", "t", joins=errors.Unauthorized("no"))
    assert machine.done == [("join",)] and not machine.unit.exists()


def test_run_again_the_agent_is_stopped_meanwhile_and_runs_on_where_joining_fails(machine: Machine) -> None:
    machine.install(*JOIN, "--token", "t")
    machine.done.clear()
    machine.install(*JOIN, "--token", "t", "--cores", "2")
    assert machine.done == [("stop", NAME), ("join",), ("daemon-reload",), ("enable", "--now", NAME)]
    before = machine.unit.read_text()
    machine.done.clear()
    with pytest.raises(errors.Unauthorized):
        machine.install(*JOIN, "--token", "t", "--cores", "3", joins=errors.Unauthorized("no"))
    assert machine.done == [("stop", NAME), ("join",), ("start", NAME)]
    assert machine.unit.read_text() == before


def test_without_systemd_the_unit_is_written_and_the_rest_is_told(machine: Machine) -> None:
    told = machine.install(*JOIN, "--token", "t", booted=False)
    assert machine.unit.exists() and f"systemctl enable --now {NAME}" in told[-1]


def test_the_unit_of_another_data_directory_is_refused_before_anything_is_done(machine: Machine) -> None:
    machine.install(*JOIN, "--token", "t")
    machine.done.clear()
    machine.data_dir = machine.data_dir.with_name("data2")
    with pytest.raises(errors.ConfigError, match="is of another cluster or data directory"):
        machine.install(*JOIN, "--token", "t")
    with pytest.raises(errors.ConfigError, match="is of another cluster or data directory"):
        machine.service().remove(is_root=True)
    assert machine.done == []


def test_it_needs_root(machine: Machine) -> None:
    typed = ["--install-service", *JOIN, "--token", "t"]
    with pytest.raises(errors.ConfigError, match="--install-service needs root"):
        machine.service().install(typed, run(*typed), join=lambda: None, is_root=False)
    with pytest.raises(errors.ConfigError, match="--remove-service needs root"):
        machine.service().remove(is_root=False)


def test_removing_stops_the_agent_and_says_what_stays(machine: Machine) -> None:
    assert machine.service().remove(is_root=True) == [f"there is no {machine.unit}"]
    machine.install(*JOIN, "--token", "t")
    machine.done.clear()
    told = machine.service().remove(is_root=True)
    assert machine.done == [("disable", "--now", NAME), ("daemon-reload",)]
    assert not machine.unit.exists() and "runs on" in told[1]


def test_without_a_credential_there_is_nothing_to_install(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.ConfigError, match="needs this node's credential"):
        program.join(run("--install-service", "--data-dir", str(tmp_path / "empty")))


@pytest.mark.parametrize(
    "arguments",
    [["--remove-service", "--install-service"], ["--remove-service", "--config", "x"]],
)
def test_options_that_exclude_each_other(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments)
    assert ended.value.code == 2


def test_removing_is_asked_for_by_the_data_directory(tmp_path: Path) -> None:
    asked = options.parse(["--remove-service", "--data-dir", str(tmp_path)])
    assert asked == options.RemoveService(tmp_path)


def test_an_engine_is_accepted_once_and_not_at_each_start(machine: Machine) -> None:
    machine.install(*JOIN, "--token", "t", "--accept-engine")
    assert not run(*machine.command[5:]).accept_engine
    assert Journal(machine.data_dir).engine_is_accepted()
