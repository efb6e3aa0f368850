"""What one agent is told about itself and its node: its command line, and what the cluster says."""

import dataclasses
import ipaddress
from pathlib import Path

from kohakuriver.agent.deciding.unused import Marks
from kohakuriver.agent_options import AgentOptions


@dataclasses.dataclass(frozen=True, slots=True)
class SSHPublishing:
    """Where the engine publishes the SSH ports of VPSes."""

    address: str
    first: int
    last: int


@dataclasses.dataclass(frozen=True, slots=True)
class Join:
    """The cluster that this machine is to become a node of."""

    server: str
    token: str = dataclasses.field(repr=False)
    ca_hash: str  # empty: the system's authorities are trusted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AgentOptions):
    """One agent on one node of one cluster."""

    cluster: str = ""  # empty until the API server has said it
    stops: int = 192  # under way at a time, of those whose grace period is long
    commit_patience: float = 6 * 3600.0  # seconds of a commit; then the VPS goes on in its old container

    @property
    def join(self) -> Join | None:
        """The cluster to join first; None where this machine is a node already."""
        return Join(self.server, self.token, self.ca_hash) if self.server is not None else None

    @property
    def ssh(self) -> SSHPublishing | None:
        """Where SSH is published; None: nowhere."""
        return SSHPublishing(self.ssh_address, *self.ssh_port_range) if self.ssh_address is not None else None

    @property
    def image_marks(self) -> Marks:
        """Between which uses of the disk unused images are removed."""
        return Marks(self.image_gc_high, self.image_gc_low)

    @property
    def environments(self) -> Path:
        """Where the tarballs of Environments go that are made here."""
        folder = self.environments_folder
        return folder.absolute() if folder is not None else self.data_dir / "environments"

    @property
    def network(self) -> str:
        """The bridge network of this cluster's VPSes."""
        return f"kohakuriver-{self.cluster[:8]}"


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches that address."""
    return ipaddress.ip_address(address).is_loopback
