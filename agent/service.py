"""`agent --install-service`: a systemd unit of this machine's agent, which outlives logouts and boots.

    join, or read the credential ── write the unit ── systemctl enable --now

The unit starts the agent with the options that were given here. What joins is left out of it: the credential
lies in the data directory then, and no secret is in the unit, on a command line or in an environment.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kohakuriver import errors, options, private_file, systemd
from kohakuriver.agent.journal import ACCEPTANCE
from kohakuriver.agent.settings import Settings
from kohakuriver.agent_options import AgentOptions

NAME = "kohakuriver-agent.service"
_PATHS = tuple(one.flag for _, one in options.declared(AgentOptions) if one.read is Path)
TEXT = """\
# Written by `kohakuriver agent --install-service`; `kohakuriver agent --remove-service` removes it.
[Unit]
Description=KohakuRiver: agent
Wants=network-online.target
After=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
ExecStart={command}
Restart=always
RestartSec=5
KillMode=process
LimitNOFILE=65536
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""


def words(arguments: Sequence[str], wanted: Settings) -> list[str]:
    """The arguments of the agent that the unit starts, for what was typed here.

    Names and paths are written out, since a unit has another working directory, and a machine may be renamed.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--join", "--token", "--ca-hash", "--node", "--data-dir", *_PATHS):
        parser.add_argument(option)
    for option in ("--install-service", "--accept-engine"):
        parser.add_argument(option, action="store_true")
    found, others = parser.parse_known_args(arguments)
    given = vars(found)
    for option in _PATHS:
        if (path := given[option.removeprefix("--").replace("-", "_")]) is not None:
            others += [option, str(Path(path).absolute())]
    return [*others, "--node", wanted.node, "--data-dir", str(wanted.data_dir.absolute())]


class AgentService:
    """The unit of the agent that works on one data directory."""

    def __init__(self, data_dir: Path, *, folder: Path, systemctl: systemd.Systemctl | None) -> None:
        self._data_dir = data_dir.absolute()
        self._folder = folder
        self._systemctl = systemctl

    @classmethod
    def here(cls, data_dir: Path) -> "AgentService":
        """On this machine."""
        return cls(data_dir, folder=systemd.FOLDER, systemctl=systemd.here())

    def install(
        self, arguments: Sequence[str], wanted: Settings, *, join: Callable[[], None], is_root: bool
    ) -> list[str]:
        """Join, then write the unit and start it; what was done, and what is left to do. An agent that runs
        by this unit is stopped meanwhile, and started again where joining fails. Raises ConfigError, and
        what `join` raises."""
        _check_root(is_root, "--install-service")
        command = [sys.executable, "-P", "-m", "kohakuriver.cli", "agent", *words(arguments, wanted)]
        service = self._service(TEXT.format(command=systemd.line(command)))
        service.check()
        was_there = service.is_mine
        if was_there:
            service.stop()
        try:
            join()
            done = [service.write()]
            if wanted.accept_engine:  # the engine that there is now, and not whichever there is at each start
                private_file.write(self._data_dir / ACCEPTANCE, "")
        except BaseException:
            if was_there:
                service.start()
            raise
        service.enable(start=True)
        if not service.runs:
            enable = f"systemctl daemon-reload && systemctl enable --now {NAME}"
            return [*done, f"systemd does not run here; where it does: {enable}"]
        return [*done, "enabled and started it", f"journalctl -u {NAME} -f shows what it does"]

    def remove(self, *, is_root: bool) -> list[str]:
        """Stop the agent and remove its unit; what was done. Its credential stays. Raises ConfigError."""
        _check_root(is_root, "--remove-service")
        service = self._service("")
        service.check()
        if not service.remove(stop=True):
            return [f"there is no {service.file}"]
        return [
            f"stopped the agent and removed {service.file}",
            f"what runs in VPSes here runs on, and {self._data_dir} has the node's credential still; to give "
            "the node up: kohakuriver node drain, then kohakuriver delete node",
        ]

    def _service(self, text: str) -> systemd.Service:
        mark = systemd.line(["--data-dir", str(self._data_dir)])
        unit = systemd.Unit(NAME, text, mark=f" {mark}\n", owner="cluster or data directory")
        return systemd.Service(unit, folder=self._folder, systemctl=self._systemctl)


def _check_root(is_root: bool, option: str) -> None:
    if not is_root:
        raise errors.ConfigError(
            f"{option} needs root: the unit is {systemd.FOLDER / NAME}",
            hint="run the same command as root",
        )
