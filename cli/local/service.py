"""`up --install-service`: a systemd unit, so that the cluster and its VPSes come back after a boot."""

import contextlib
import sys
from pathlib import Path

from kohakuriver import errors, systemd
from kohakuriver.cli import screen
from kohakuriver.cli.local.cluster_files import ClusterFiles

NAME = "kohakuriver.service"
UNIT_VARIABLE = "KOHAKURIVER_UNIT"  # set by the unit
MODULE = "kohakuriver.cli"
TEXT = """\
# Written by `kohakuriver up --install-service`; `kohakuriver down --purge` removes it.
[Unit]
Description=KohakuRiver: etcd, API server, controller and agent
Wants=network-online.target
After=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
Type=simple
Environment={variable}={name}
ExecStart={python} -P -m {module} up --data-dir {root}
Restart=always
RestartSec=5
KillMode=process
TimeoutStopSec=60
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""


def text(files: ClusterFiles) -> str:
    """The unit for this data directory. Raises ConfigError for a path that a unit cannot name."""
    for path in (sys.executable, str(files.root)):
        if any(character in path for character in " \t\n\"'\\%$"):
            raise errors.ConfigError(
                f'"{path}" has characters that a systemd unit cannot name plainly',
                hint="use one without blanks, quotes, \\, % and $",
            )
    words = {"variable": UNIT_VARIABLE, "name": NAME, "module": MODULE}
    return TEXT.format(python=sys.executable, root=files.root, **words)


class Service:
    """The unit of one cluster. `systemctl` is None where systemd is not in charge."""

    def __init__(self, files: ClusterFiles, *, folder: Path, systemctl: systemd.Systemctl | None) -> None:
        self._files = files
        self._folder = folder
        self._systemctl = systemctl
        self.unit = folder / NAME

    @classmethod
    def here(cls, files: ClusterFiles) -> "Service":
        """On this machine."""
        return cls(files, folder=systemd.FOLDER, systemctl=systemd.here())

    def install(self, *, running: bool = False) -> list[str]:
        """Write and enable the unit; what was done and what is left to do. Raises ConfigError."""
        service = self._service(text(self._files))
        wrote = service.write()
        service.enable(start=not running)
        if not service.runs:
            enable = f"systemctl daemon-reload && systemctl enable --now {NAME}"
            return [wrote, f"systemd does not run here; where it does: {enable}"]
        if running:
            return [wrote, "enabled it", f"to hand over now: kohakuriver down && systemctl start {NAME}"]
        return [wrote, "enabled and started it", f"journalctl -u {NAME} -f shows what it does"]

    def outdated(self) -> str:
        """What to do where an earlier version has written this cluster's unit; empty where it has not."""
        with contextlib.suppress(OSError):  # there is none, or it cannot be read here
            if self._service("").is_mine and f" -m {MODULE} " not in self.unit.read_text():
                return (
                    f"{self.unit} was written by an earlier version and starts that one, or nothing; "
                    "write it anew: kohakuriver up --install-service"
                )
        return ""

    def remove(self) -> bool:
        """Remove the unit if it is this cluster's; whether it was."""
        return self._service("").remove()

    def _service(self, wanted: str) -> systemd.Service:
        mark = f"--data-dir {self._files.root}\n"
        unit = systemd.Unit(NAME, wanted, mark=mark, owner="cluster")
        return systemd.Service(unit, folder=self._folder, systemctl=self._systemctl)


def tell_outdated(files: ClusterFiles) -> None:
    """Warn where this machine's unit of this cluster is of an earlier version."""
    told = Service.here(files).outdated()
    if told:
        screen.warn(told)


def stop(unit: str) -> None:
    """Stop a cluster that systemd would otherwise start again. Raises ConfigError."""
    systemd.systemctl("stop", unit)
