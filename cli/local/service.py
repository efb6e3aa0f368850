"""`up --install-service`: a systemd unit, so that the cluster and its VPSes come back after a boot."""

import sys
from pathlib import Path

from kohakuriver import errors, systemd
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.foreground import UNIT_VARIABLE

NAME = "kohakuriver.service"
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
ExecStart={python} -P -m kohakuriver.cli up --data-dir {root}
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
            raise errors.ConfigError(f"{path!r} has characters that a systemd unit cannot name plainly")
    return TEXT.format(variable=UNIT_VARIABLE, name=NAME, python=sys.executable, root=files.root)


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

    def remove(self) -> bool:
        """Remove the unit if it is this cluster's; whether it was."""
        return self._service("").remove()

    def _service(self, wanted: str) -> systemd.Service:
        mark = f"--data-dir {self._files.root}\n"
        unit = systemd.Unit(NAME, wanted, mark=mark, owner="cluster")
        return systemd.Service(unit, folder=self._folder, systemctl=self._systemctl)


def stop(unit: str) -> None:
    """Stop a cluster that systemd would otherwise start again. Raises ConfigError."""
    systemd.systemctl("stop", unit)
