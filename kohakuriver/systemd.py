"""Units of systemd that this program writes, one a kind: installed, found to be somebody else's, removed.

Who may write is the machine's administrator; where systemd is not in charge the unit is written, and what is
left to do is said.
"""

import contextlib
import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from kohakuriver import errors

FOLDER = Path("/etc/systemd/system")
RUNNING = Path("/run/systemd/system")  # there where systemd is in charge (sd_booted(3))
Systemctl = Callable[..., None]
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@+")


def line(words: Sequence[str]) -> str:
    """A command line for `ExecStart=`. Raises ConfigError for words that no unit can hold."""
    if any(character in words[0] for character in " \t\"'\\%$"):
        raise errors.ConfigError(
            f"{words[0]!r} has characters that a systemd unit cannot name plainly",
            hint="install KohakuRiver in a folder without them",
        )
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if not word.isprintable():
        raise errors.ConfigError(f"{word!r} has characters that a systemd unit cannot hold")
    if word and _PLAIN.issuperset(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """What is to be in a unit. `mark` is a part of the text that no unit of another owner has."""

    name: str
    text: str
    mark: str
    owner: str  # of what another unit of this name is: "cluster"


class Service:
    """One unit on a machine. `systemctl` is None where systemd is not in charge."""

    def __init__(self, unit: Unit, *, folder: Path = FOLDER, systemctl: Systemctl | None) -> None:
        self._unit = unit
        self._systemctl = systemctl
        self.file = folder / unit.name

    @property
    def runs(self) -> bool:
        """Whether systemd is in charge here."""
        return self._systemctl is not None

    def check(self) -> None:
        """Raises ConfigError where the unit of this name is somebody else's."""
        if self.file.exists() and not self.is_mine:
            raise errors.ConfigError(
                f"{self.file} is of another {self._unit.owner}",
                hint=f"remove it first: systemctl disable --now {self._unit.name}; rm {self.file}",
            )

    @property
    def is_mine(self) -> bool:
        """Whether the unit is there, and of this owner."""
        return self.file.exists() and self._unit.mark in self.file.read_text()

    def write(self) -> str:
        """Write the unit; what was done, in words. Raises ConfigError."""
        self.check()
        whole = self.file.with_name(f".{self.file.name}.new")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            whole.write_text(self._unit.text)
            whole.replace(self.file)
        except OSError as error:
            with contextlib.suppress(OSError):
                whole.unlink(missing_ok=True)
            raise errors.ConfigError(
                f"{self.file} cannot be written: {error.strerror}", hint="installing a service needs root"
            ) from None
        return f"wrote {self.file}"

    def enable(self, *, start: bool) -> None:
        """Have it started at each boot, and now if asked to. Raises ConfigError."""
        if self._systemctl is not None:
            self._systemctl("daemon-reload")
            self._systemctl("enable", *(["--now"] if start else []), self._unit.name)

    def stop(self) -> None:
        """Stop what runs by this unit. Raises ConfigError."""
        if self._systemctl is not None:
            self._systemctl("stop", self._unit.name)

    def start(self) -> None:
        """Start what this unit is for. Raises ConfigError."""
        if self._systemctl is not None:
            self._systemctl("start", self._unit.name)

    def remove(self, *, stop: bool = False) -> bool:
        """Remove the unit if it is ours; whether it was. Raises ConfigError."""
        if not self.is_mine:
            return False
        if self._systemctl is not None:
            self._systemctl("disable", *(["--now"] if stop else []), self._unit.name)
        try:
            self.file.unlink()
        except OSError as error:
            raise errors.ConfigError(
                f"{self.file} cannot be removed: {error.strerror}", hint="removing a service needs root"
            ) from None
        if self._systemctl is not None:
            self._systemctl("daemon-reload")
        return True


def here() -> Systemctl | None:
    """The systemctl of this machine; None where systemd is not in charge."""
    return systemctl if RUNNING.is_dir() and shutil.which("systemctl") is not None else None


def systemctl(*words: str) -> None:
    """Run it. Raises ConfigError with what it said last."""
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True)
    if done.returncode != 0:
        why = done.stderr.strip().splitlines()[-1:] or [f"code {done.returncode}"]
        raise errors.ConfigError(f"`systemctl {' '.join(words)}` failed: {why[0]}")
