"""What one agent is told about itself and its node. Made from the command line by options.py."""

import dataclasses
import enum
import ipaddress
from pathlib import Path

from kohakuriver import overcommit
from kohakuriver.agent.deciding.allowed import Allowed
from kohakuriver.agent.deciding.unused import MARKS, Marks

LOOPBACK = "127.0.0.1"


@dataclasses.dataclass(frozen=True, slots=True)
class SSHPublishing:
    """Where the engine publishes the SSH ports of VPSes."""

    address: str
    first: int
    last: int


class CredentialsFor(enum.StrEnum):
    """Which images a registry is asked for with the credentials that this machine has for it."""

    ENVIRONMENTS = "environments"
    ALL = "all"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """One agent on one node of one cluster."""

    node: str
    cluster: str
    data_dir: Path
    docker: str = "/var/run/docker.sock"
    ssh: SSHPublishing | None = SSHPublishing(LOOPBACK, 30000, 31999)
    millicores: int | None = None  # None: what the engine says
    memory: int | None = None  # bytes
    reserve_millicores: int = 0
    reserve_memory: float = 0.05  # a share below 1, else bytes
    cpu_overcommit: int = overcommit.ONCE  # how often each core is given, in thousandths
    default_disk: float | None = (
        None  # of each VPS: a share of the disk up to 1, bytes, 0 for none; or a fuse
    )
    image_marks: Marks = MARKS
    relist: float = 10.0  # seconds
    renew: float = 3.0  # seconds
    stops: int = 192  # under way at a time, of those whose grace period is long
    commit_patience: float = 6 * 3600.0  # seconds of a commit; then the VPS goes on in its old container
    accept_engine: bool = False
    allow_mounts: Allowed = ()
    allow_privileged: bool = False
    allow_capabilities: tuple[str, ...] = ()  # beyond the default, sorted
    registry_credentials_for: CredentialsFor = CredentialsFor.ENVIRONMENTS
    gpu_inventory: Path | None = None  # stands in for NVML
    sysfs: Path = Path("/sys")
    lxcfs: bool = True  # whether VPSes see their own limits with it, where it runs
    environments_folder: Path | None = None  # None: below data_dir

    @property
    def environments(self) -> Path:
        """Where the tarballs of Environments go that are made here."""
        return self.environments_folder or self.data_dir / "environments"

    @property
    def network(self) -> str:
        """The bridge network of this cluster's VPSes."""
        return f"kohakuriver-{self.cluster[:8]}"


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches that address."""
    return ipaddress.ip_address(address).is_loopback
