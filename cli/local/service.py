"""`up --install-service`: a systemd unit, so that the cluster and its VPSes come back after a boot."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from kohakuriver import errors
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.foreground import UNIT_VARIABLE

NAME = "kohakuriver.service"
FOLDER = Path("/etc/systemd/system")
Systemctl = Callable[..., None]
RUNNING = Path("/run/systemd/system")  # there where systemd is in charge (sd_booted(3))
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

    def __init__(self, files: ClusterFiles, *, folder: Path, systemctl: Systemctl | None) -> None:
        self._files = files
        self._systemctl = systemctl
        self.unit = folder / NAME

    @classmethod
    def here(cls, files: ClusterFiles) -> "Service":
        """On this machine."""
        booted = RUNNING.is_dir() and shutil.which("systemctl") is not None
        return cls(files, folder=FOLDER, systemctl=_systemctl if booted else None)

    def install(self, *, running: bool = False) -> list[str]:
        """Write and enable the unit; what was done and what is left to do. Raises ConfigError."""
        wanted = text(self._files)
        if self.unit.exists() and not self._is_mine():
            raise errors.ConfigError(
                f"{self.unit} is of another cluster",
                hint=f"remove it first: systemctl disable --now {NAME}; rm {self.unit}",
            )
        try:
            self.unit.parent.mkdir(parents=True, exist_ok=True)
            self.unit.write_text(wanted)
        except OSError as error:
            raise errors.ConfigError(
                f"{self.unit} cannot be written: {error.strerror}", hint="installing a service needs root"
            ) from None
        return [f"wrote {self.unit}", *self._enable(running)]

    def remove(self) -> bool:
        """Remove the unit if it is this cluster's; whether it was."""
        if not self.unit.exists() or not self._is_mine():
            return False
        if self._systemctl is not None:
            self._systemctl("disable", NAME)
        self.unit.unlink()
        return True

    def _enable(self, running: bool) -> list[str]:
        if self._systemctl is None:
            enable = f"systemctl daemon-reload && systemctl enable --now {NAME}"
            return [f"systemd does not run here; where it does: {enable}"]
        self._systemctl("daemon-reload")
        if running:
            self._systemctl("enable", NAME)
            return ["enabled it", f"to hand over now: kohakuriver down && systemctl start {NAME}"]
        self._systemctl("enable", "--now", NAME)
        return ["enabled and started it", f"journalctl -u {NAME} -f shows what it does"]

    def _is_mine(self) -> bool:
        return f"--data-dir {self._files.root}\n" in self.unit.read_text()


def stop(unit: str) -> None:
    """Stop a cluster that systemd would otherwise start again. Raises ConfigError."""
    _systemctl("stop", unit)


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True)
    if done.returncode != 0:
        why = done.stderr.strip().splitlines()[-1:] or [f"code {done.returncode}"]
        raise errors.ConfigError(f"`systemctl {' '.join(words)}` failed: {why[0]}")
