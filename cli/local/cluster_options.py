"""What `up` was asked for, kept in the data directory so that the next `up` need not be told again.

Pure but for reading and writing that one file.
"""

import dataclasses
import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from kohakuriver import agent_options, errors, private_file
from kohakuriver.options import LOOPBACK

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclasses.dataclass(frozen=True)
class Options:
    """The cluster on this machine; None leaves a choice to the agent."""

    node: str
    port: int = 6443
    listen: str = LOOPBACK
    advertise: str | None = None
    default_quota: str | None = None
    authentication_config: str = ""  # in full; empty for none
    agent: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # as typed, by name; else its choice

    @property
    def ssh_address(self) -> str | None:
        return self.agent.get("ssh_address")

    @property
    def ssh_port_range(self) -> str | None:
        return self.agent.get("ssh_port_range")

    @property
    def docker_host(self) -> str | None:
        return self.agent.get("docker_host")

    @property
    def local_host(self) -> str:
        """Where programs on this machine reach the API server."""
        return LOOPBACK if self.listen in _EVERYWHERE else self.listen

    @property
    def local_url(self) -> str:
        return f"https://{bracketed(self.local_host)}:{self.port}"

    @property
    def url(self) -> str:
        """Where everybody reaches it."""
        return f"https://{bracketed(self.advertise or self.local_host)}:{self.port}"

    @property
    def listen_address(self) -> str:
        return f"{bracketed(self.listen)}:{self.port}"

    def changed(self, given: Mapping[str, Any]) -> Self:
        """With what was given now; None is not given."""
        known = {name: value for name, value in given.items() if value is not None}
        own = {name: known[name] for name in _OWN if name in known}
        agents = {name: known[name] for name in AGENTS if name in known}
        return dataclasses.replace(self, **own, agent={**self.agent, **agents})

    def agent_arguments(self) -> list[str]:
        """The agent's share."""
        return [word for name in AGENTS for word in self.words(name)]

    def words(self, name: str) -> list[str]:
        """One option as it is typed; nothing where it has no value."""
        value, flag = self._value(name), flag_of(name)
        if isinstance(value, list):
            return [word for one in value for word in (flag, one)]
        if isinstance(value, bool):
            return [flag] if value else []
        return [] if value in (None, "") else [flag, str(value)]

    def differences(self, other: "Options") -> list[str]:
        """The names of the options that differ."""
        return [name for name in (*_OWN, *AGENTS) if self._value(name) != other._value(name)]

    def _value(self, name: str) -> Any:
        return getattr(self, name) if name in _OWN else self.agent.get(name)


_OWN = tuple(field.name for field in dataclasses.fields(Options) if field.name != "agent")
AGENTS = tuple(one.name for one in agent_options.passed_on())
"""The options that are the agent's."""


def flag_of(name: str) -> str:
    """An option as it is typed."""
    return f"--{name.replace('_', '-')}"


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def load(file: Path) -> Options | None:
    """What was kept; None if nothing was. Raises ConfigError for a file that is not ours."""
    try:
        found = dict(json.loads(file.read_text()))
        return Options(node=found["node"]).changed(found)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise errors.ConfigError(f"{file} is damaged: {error}", hint="repair it, or move it away") from None


def save(file: Path, options: Options) -> None:
    """Keep them, all on one level."""
    kept = dataclasses.asdict(options)
    agent = kept.pop("agent")
    private_file.write(file, json.dumps(kept | agent, indent=2) + "\n")


def node_name() -> str:
    """The host name as a name of ours."""
    name = re.sub(r"[^a-z0-9.-]+", "-", socket.gethostname().lower()).strip("-.")
    return name or "node"
