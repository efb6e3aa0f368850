"""The config file as the verbs of `config` change it: read whole, written whole, unknown parts kept.

It is private (0600): tokens lie in it.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from kohakuriver import errors, private_file
from kohakuriver.cli import failures
from kohakuriver.client import config

Body = dict[str, Any]
SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The config file. [default: $KOHAKURIVER_CONFIG, or ~/.kohakuriver/config]",
        show_default=False,
    ),
]


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigFile:
    """One file, and what is in it."""

    path: Path
    body: Body

    @property
    def current(self) -> str:
        return str(self.body.get("current-context") or "")

    def names(self, section: str) -> list[str]:
        return [str(entry.get("name")) for entry in self.body.get(section) or ()]

    def entry(self, section: str, name: str) -> Body:
        """The inner part of an entry, to be changed in place. Raises ConfigError."""
        for entry in self.body.get(section) or ():
            if entry.get("name") == name:
                inner: Body = entry.setdefault(SECTIONS[section], {})
                return inner
        there = ", ".join(self.names(section)) or "none"
        raise errors.ConfigError(f'{self.path} has no {SECTIONS[section]} "{name}"', hint=f"it has: {there}")

    def save(self) -> None:
        private_file.write(self.path, config.render(self.body))


def load(path: Path | None) -> ConfigFile:
    """The config file of this path, or the default one. Raises ConfigError."""
    file = config.find(path)
    return ConfigFile(file, config.read(file))


def new_or_old(path: Path | None) -> ConfigFile:
    """As `load`; an empty one where there is none yet. Raises ConfigError."""
    file = config.find(path)
    if file.exists():
        return load(path)
    return ConfigFile(
        file, {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    )


def check_context(file: ConfigFile, name: str) -> None:
    """Raises UsageError for a context that is not there."""
    if name not in file.names("contexts"):
        there = ", ".join(file.names("contexts")) or "none"
        raise failures.UsageError(f'{file.path} has no context "{name}"', hint=f"it has: {there}")
