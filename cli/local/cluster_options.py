"""What `up` was asked for, kept in the data directory so that the next `up` need not be told again.

Pure but for reading and writing that one file.
"""

import dataclasses
import json
import re
import socket
from pathlib import Path
from typing import Any, Self

from kohakuriver import errors, private_file

LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclasses.dataclass(frozen=True)
class Options:
    """The cluster on this machine; None leaves a choice to the agent."""

    node: str
    port: int = 6443
    listen: str = LOOPBACK
    advertise: str | None = None
    default_quota: str | None = None
    cores: str | None = None
    memory: str | None = None
    reserve_cores: str | None = None
    reserve_memory: str | None = None
    cpu_overcommit: str | None = None
    default_disk: str | None = None
    image_gc_high: str | None = None
    image_gc_low: str | None = None
    allow_mount: list[str] | None = None
    allow_privileged: bool | None = None
    allow_capability: list[str] | None = None
    registry_credentials_for: str | None = None
    gpu_inventory: str | None = None  # empty for the machine's own GPUs
    lxcfs: str | None = None
    environments: str | None = None
    ssh_address: str | None = None
    ssh_port_range: str | None = None
    docker_host: str | None = None

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

    def changed(self, given: dict[str, Any]) -> Self:
        """With what was given now; None is not given."""
        return dataclasses.replace(self, **{key: value for key, value in given.items() if value is not None})

    def agent_arguments(self) -> list[str]:
        """The agent's share."""
        return [word for option in AGENT_OPTIONS for word in self.words(option)]

    def words(self, option: str) -> list[str]:
        """One option as it is typed; nothing where it has no value."""
        value = getattr(self, option[2:].replace("-", "_"))
        if isinstance(value, list):
            return [word for one in value for word in (option, one)]
        if isinstance(value, bool):
            return [option] if value else []
        return [] if value in (None, "") else [option, str(value)]

    def differences(self, other: "Options") -> list[str]:
        """The options that differ, as they are typed."""
        return [
            f"--{field.name.replace('_', '-')}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]


AGENT_OPTIONS = (
    "--cores",
    "--memory",
    "--reserve-cores",
    "--reserve-memory",
    "--cpu-overcommit",
    "--default-disk",
    "--image-gc-high",
    "--image-gc-low",
    "--allow-mount",
    "--environments",
    "--allow-privileged",
    "--allow-capability",
    "--registry-credentials-for",
    "--gpu-inventory",
    "--lxcfs",
    "--ssh-address",
    "--ssh-port-range",
    "--docker-host",
)


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def load(file: Path) -> Options | None:
    """What was kept; None if nothing was. Raises ConfigError for a file that is not ours."""
    try:
        found = json.loads(file.read_text())
        known = {field.name for field in dataclasses.fields(Options)}
        return Options(**{key: value for key, value in found.items() if key in known})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        raise errors.ConfigError(f"{file} is damaged: {error}", hint="repair it, or move it away") from None


def save(file: Path, options: Options) -> None:
    private_file.write(file, json.dumps(dataclasses.asdict(options), indent=2) + "\n")


def node_name() -> str:
    """The host name as a name of ours."""
    name = re.sub(r"[^a-z0-9.-]+", "-", socket.gethostname().lower()).strip("-.")
    return name or "node"
