"""The agent's options, each in one place: how it is typed, read and explained, and how `up` passes it on.

Shared, since `up` has to know what it may pass on, and imports nothing of the agent. What the agent knows of
itself beyond its command line is in its own `Settings`. Pure.
"""

import dataclasses
import enum
import ipaddress
import re
import socket
from pathlib import Path
from typing import Final

from kohakuriver import cpuset, overcommit, quantity
from kohakuriver.options import (
    LOOPBACK,
    Address,
    Group,
    Option,
    PassedOn,
    declared,
    duration,
    file,
    metrics_address,
    option,
)
from kohakuriver.placement.mounts import Allowed, AllowedMount
from kohakuriver.resources import capabilities

LEAST_DISK: Final = 64 << 20  # bytes, as for spec.resources.disk
DEFAULT_DATA_DIR: Final = "~/.kohakuriver/agent"
DEFAULT_SOCKET: Final = "/var/run/docker.sock"
_NUMBER = re.compile(r"\d{1,3}(\.\d+)?")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")

_JOINING = Group("becoming a node (`kohakuriver node join` prints this)")
_STAYING = Group("staying a node", exclusive=True)
_BOOKING = Group("what VPSes may book")
_IMAGES = Group("room for images")
_PERMISSIONS = Group("what VPSes may have of the machine")
_SSH = Group("SSH into VPSes")
_TIMES = Group("times")


class CredentialsFor(enum.StrEnum):
    """Which images a registry is asked for with the credentials that this machine has for it."""

    ENVIRONMENTS = "environments"
    ALL = "all"


def _host_name() -> str:
    return socket.gethostname().lower()


def _node(text: str) -> str:
    if not text or len(text) > 253 or text.strip("abcdefghijklmnopqrstuvwxyz0123456789-."):
        raise ValueError(f'invalid node name "{text}": use a-z, 0-9, - and .')
    return text


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _https(text: str) -> str:
    if not text.startswith("https://") or len(text) == len("https://"):
        raise ValueError(f'invalid address of an API server "{text}": write https://HOST:6443')
    return text.rstrip("/")


def _ca_hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError(f'invalid hash "{text}": write sha256: and 64 hexadecimal digits')
    return text


def engine_socket(text: str) -> str:
    """The path of the engine's socket. Raises ValueError."""
    if not text.startswith(("unix://", "/")):
        raise ValueError(f'invalid unix socket "{text}": write unix:///var/run/docker.sock')
    return text.removeprefix("unix://")


def _cores(text: str) -> int:
    found = quantity.millicores(text)
    if not 0 < found <= cpuset.MOST * 1000:
        raise ValueError(f"{text} cores: a node has more than 0 and at most {cpuset.MOST}")
    return found


def _share_or_size(text: str) -> float:
    if text.endswith("%"):
        number = text.removesuffix("%").strip()
        if not _NUMBER.fullmatch(number) or float(number) >= 100:
            raise ValueError(f'invalid share of the memory "{text}": write 5%')
        return float(number) / 100
    return float(quantity.size(text))


def _percent(text: str) -> float:
    number = text.removesuffix("%")
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 100:
        raise ValueError(f'invalid share of the disk "{text}": write 85%')
    return int(number) / 100


def _default_disk(text: str) -> float:
    if text == "off":
        return 0.0
    if text.endswith("%"):
        return _percent(text)
    found = float(quantity.size(text))
    if found < LEAST_DISK:
        raise ValueError(f"{text} of disk for each VPS: at least 64Mi is needed, such as 10Gi; or write off")
    return found


def _ssh_address(text: str) -> str | None:
    return None if text == "off" else str(ipaddress.ip_address(text))


def _port_range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (dash and first.isdigit() and last.isdigit() and int(first) > 0 and int(last) < 65536):
        raise ValueError(f'invalid range of ports "{text}": write 30000-31999')
    return int(first), int(last)


def _sorted(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _kept_range(text: str) -> str:
    _port_range(text)
    return text


def _kept_ratio(text: str) -> str:
    return overcommit.written(overcommit.parse(text))


def _kept_prefix(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f'invalid path "{text}": use an absolute one, such as /data or /data:ro')
    return text


def _kept_path(text: str) -> str:
    """A path that holds from any folder."""
    return str(Path(text).absolute())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """Everything that can be said on the agent's command line."""

    config: Path | None = file(
        "--config",
        help="kubeconfig-format file of this node's credential "
        "(default: agent.config in --data-dir, else KOHAKURIVER_CONFIG, else ~/.kohakuriver/config)",
    )
    node: str = option(
        "--node NAME",
        default_factory=_host_name,
        read=_node,
        help="this node's name (default: this machine's host name)",
    )
    data_dir: Path = option(
        "--data-dir DIR",
        default_factory=lambda: _folder(DEFAULT_DATA_DIR),
        read=_folder,
        help=f"host keys and journal of this node; keep it over restarts (default: {DEFAULT_DATA_DIR})",
    )
    server: str | None = option(
        "--join URL",
        default=None,
        read=_https,
        group=_JOINING,
        help="the API server; afterwards --data-dir holds this node's own credential, and is enough",
    )
    token: str = option(
        "--token TOKEN",
        default="",
        is_secret=True,
        group=_JOINING,
        help="the join token; - reads it from standard input (default: $KOHAKURIVER_JOIN_TOKEN)",
    )
    ca_hash: str = option(
        "--ca-hash HASH",
        default="",
        read=_ca_hash,
        group=_JOINING,
        help="sha256:… of the cluster's authority, checked before the token is sent "
        "(default: the authorities that this system trusts)",
    )
    install_service: bool = option(
        "--install-service",
        default=False,
        group=_STAYING,
        help="write a systemd unit that runs the agent with these options after each boot, enable and start "
        "it, and end; joins first if --join says so. Needs root",
    )
    remove_service: bool = option(
        "--remove-service",
        default=False,
        group=_STAYING,
        help="stop the agent of this --data-dir and remove its unit; VPSes run on, and the credential stays",
    )
    docker: str = option(
        "--docker-host SOCKET",
        default=DEFAULT_SOCKET,
        read=engine_socket,
        help=f"the engine's unix socket (default: unix://{DEFAULT_SOCKET})",
        up=PassedOn(f"The engine's socket. [default: unix://{DEFAULT_SOCKET}]"),
    )
    millicores: int | None = option(
        "--cores N",
        default=None,
        read=_cores,
        group=_BOOKING,
        help="cores of this node: 8, 500m (default: what the engine sees)",
        up=PassedOn("Cores to offer. [default: what the machine has]"),
    )
    memory: int | None = option(  # bytes
        "--memory M",
        default=None,
        read=quantity.size,
        group=_BOOKING,
        help="memory of this node: 32Gi (default: what the engine sees)",
        up=PassedOn("Memory to offer. [default: what the machine has]", metavar="SIZE"),
    )
    reserve_millicores: int = option(
        "--reserve-cores N",
        default=0,
        read=quantity.millicores,
        group=_BOOKING,
        help="cores kept for the machine itself (default: 0)",
        up=PassedOn("Cores kept for the machine itself. [default: 0]"),
    )
    reserve_memory: float = option(  # a share below 1, else bytes
        "--reserve-memory M",
        default=0.05,
        read=_share_or_size,
        group=_BOOKING,
        help="memory kept for the machine itself: 5%% or 2Gi (default: 5%%)",
        up=PassedOn("Memory kept for the machine itself: 5% or 2Gi. [default: 5%]", metavar="SIZE"),
    )
    cpu_overcommit: int = option(  # how often each core is given, in thousandths
        "--cpu-overcommit RATIO",
        default=overcommit.DEFAULT,
        read=overcommit.parse,
        group=_BOOKING,
        help="how often each core is given to VPSes that share it: 4, 1.5, or 1 for no more than there are; "
        "memory, and cores that a VPS has for itself alone, are given once (default: 4)",
        up=PassedOn(
            "How often each core is given to VPSes that share it: 4, 1.5, or 1 for no more than there are. "
            "[default: 4]",
            kept_as=_kept_ratio,
            hint="1 gives each core once",
        ),
    )
    default_disk: float | None = option(  # a share up to 1, bytes, 0 for no limit; None: a share as a fuse
        "--default-disk SIZE",
        default=None,
        read=_default_disk,
        group=_BOOKING,
        help="what the files of a VPS may take whose spec.resources.disk is not set: 20Gi, a share of the "
        "disk that the engine is on such as 25%%, or off for no limit (default: 50%%, which counts while "
        "the disk is nearly full)",
        up=PassedOn(
            "Disk for each VPS that names no limit: 20Gi, 25% of this machine's, or `off`. [default: 50%, "
            "which counts while the disk is nearly full]"
        ),
    )
    image_gc_high: float = option(
        "--image-gc-high SHARE",
        default=0.85,
        read=_percent,
        group=_IMAGES,
        help="from this use of the engine's disk on, images that this agent brought and nothing here uses "
        "are removed, the longest unused first; 100%% for never (default: 85%%)",
        up=PassedOn("From this use of the engine's disk on, unused images are removed. [default: 85%]"),
    )
    image_gc_low: float = option(
        "--image-gc-low SHARE",
        default=0.80,
        read=_percent,
        group=_IMAGES,
        help="until the use is below this (default: 80%%)",
        up=PassedOn("Until the use is below this. [default: 80%]"),
    )
    allow_mounts: Allowed = option(
        "--allow-mount PREFIX[:ro]",
        default=(),
        read=AllowedMount.parse,
        gathered=tuple,
        group=_PERMISSIONS,
        help="let VPSes mount this folder and what is below it, with :ro only for reading; may be repeated "
        "(default: none)",
        up=PassedOn(
            "Let VPSes mount this folder and what is below it; `off` for none. Repeatable. [default: off]",
            kept_as=_kept_prefix,
            hint="take all back: --allow-mount off",
            can_be_taken_back=True,
        ),
    )
    allow_privileged: bool = option(
        "--allow-privileged",
        default=False,
        group=_PERMISSIONS,
        help="let VPSes be privileged, which is to be root on this machine (default: off)",
        up=PassedOn("Let VPSes be privileged, which is to be root on this machine. [default: no]"),
    )
    allow_capabilities: tuple[str, ...] = option(  # beyond the default, sorted
        "--allow-capability NAME",
        default=(),
        read=capabilities.parse,
        gathered=_sorted,
        group=_PERMISSIONS,
        help="let VPSes have this capability beyond the default, such as NET_RAW or SYS_PTRACE; with some, "
        "such as SYS_ADMIN, they are root on this machine; may be repeated (default: none)",
        up=PassedOn(
            "Let VPSes have this capability beyond the default; `off` for none. Repeatable. [default: off]",
            kept_as=capabilities.parse,
            hint="take all back: --allow-capability off",
            can_be_taken_back=True,
        ),
    )
    registry_credentials_for: CredentialsFor = option(
        "--registry-credentials-for",
        default=CredentialsFor.ENVIRONMENTS,
        read=CredentialsFor,
        choices=tuple(str(one) for one in CredentialsFor),
        group=_PERMISSIONS,
        help="the images that a registry is asked for with this machine's Docker credentials: those that "
        "Environments name, or all that anybody names (default: environments)",
        up=PassedOn(
            "Which images a registry is asked for with this machine's Docker credentials: `environments` or "
            "`all`. [default: environments]",
            metavar="IMAGES",
            hint="environments keeps a user from pulling what only this machine may pull",
        ),
    )
    gpu_inventory: Path | None = file(
        "--gpu-inventory",
        group=_PERMISSIONS,
        help="a JSON list of GPUs in place of those that NVML finds, to try things out: VPSes book them, and "
        "get no device",
        up=PassedOn(
            "GPUs from a JSON list, in place of the machine's, to try things out; `off` for the machine's.",
            kept_as=_kept_path,
            can_be_taken_back=True,
        ),
    )
    environments_folder: Path | None = option(
        "--environments DIR",
        default=None,
        read=Path,
        group=_PERMISSIONS,
        help="where the tarballs of Environments go that are made here from a VPS; in a folder that all "
        "nodes share, every node can use them (default: environments below the data directory)",
        up=PassedOn(
            "Where environments made from VPSes are kept; best a folder that all nodes share.",
            kept_as=_kept_path,
            rank=1,
        ),
    )
    sysfs: Path = option(
        "--sysfs DIR",
        default=Path("/sys"),
        read=Path,
        group=_PERMISSIONS,
        help="where NUMA nodes are read from (default: /sys)",
    )
    lxcfs: bool = option(
        "--lxcfs",
        default=True,
        read=lambda text: text == "auto",
        choices=("auto", "off"),
        group=_PERMISSIONS,
        help="let VPSes see their own memory and cores in /proc, where this machine runs lxcfs on "
        "/var/lib/lxcfs and the agent is root; off: they see the machine's (default: auto)",
        up=PassedOn(
            "Let VPSes see their own memory and cores in /proc: `auto`, where this machine runs lxcfs, or "
            "`off`. [default: auto]",
            metavar="WHEN",
        ),
    )
    ssh_address: str | None = option(
        "--ssh-address ADDRESS",
        default=LOOPBACK,
        read=_ssh_address,
        group=_SSH,
        help="where SSH ports are published: an address of this machine, 0.0.0.0 for all of them, or off "
        f"(default: {LOOPBACK}). VPSes without a password never go beyond loopback",
        up=PassedOn(f"Where VPSes' SSH is published, or `off`. [default: {LOOPBACK}]"),
    )
    ssh_port_range: tuple[int, int] = option(
        "--ssh-port-range FIRST-LAST",
        default=(30000, 31999),
        read=_port_range,
        group=_SSH,
        help="the ports for it, outside of the kernel's ephemeral ones (default: 30000-31999)",
        up=PassedOn("The ports for it. [default: 30000-31999, if free]", kept_as=_kept_range),
    )
    relist: float = option(  # seconds
        "--relist DURATION",
        default=10.0,
        read=duration,
        group=_TIMES,
        help="how often every container is read again (default: 10s)",
    )
    renew: float = option(  # seconds
        "--renew DURATION",
        default=3.0,
        read=duration,
        group=_TIMES,
        help="how often this node says that it lives; the controller's loss time-out is about three times "
        "as long (default: 3s)",
    )
    metrics_listen: Address | None = option(
        "--metrics-listen HOST:PORT",
        default=None,
        read=metrics_address,
        help="serve Prometheus metrics here (default: off)",
    )
    accept_engine: bool = option(
        "--accept-engine",
        default=False,
        help="take this container engine for the node's own although it is another than before; "
        "VPSes whose containers were in the other are created again, empty",
    )
    verbose: bool = option("-v", "--verbose", default=False, help="log more")
    check_options: bool = option(
        "--check-options", default=False, help=""
    )  # for `up`: say what is wrong, and end


def passed_on() -> list[Option]:
    """Those that `up` passes on, as its help has them: by their groups, and last those without one."""
    groups = list(dict.fromkeys(one.group for _, one in declared(AgentOptions)))

    def place(one: Option) -> tuple[bool, int, int]:
        return one.group is None, groups.index(one.group), one.up.rank if one.up is not None else 0

    return sorted((one for _, one in declared(AgentOptions) if one.up is not None), key=place)
