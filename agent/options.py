"""The command line of the agent, and what it means. Reads no file and starts nothing."""

import argparse
import dataclasses
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kohakuriver import __version__, cpuset, durations, overcommit, quantity
from kohakuriver.agent.deciding import allowed
from kohakuriver.agent.deciding.allowed import Allowed
from kohakuriver.agent.deciding.unused import Marks
from kohakuriver.agent.settings import LOOPBACK, CredentialsFor, SSHPublishing
from kohakuriver.client import authority, config
from kohakuriver.resources import capabilities

DEFAULT_DATA_DIR = Path("~/.kohakuriver/agent")
_NUMBER = re.compile(r"\d{1,3}(\.\d+)?")
LEAST_DISK = 64 << 20  # bytes, as for spec.resources.disk
DEFAULT_DOCKER = "unix:///var/run/docker.sock"
_EPILOG = """\
The agent makes one machine's container engine match what is declared for it. It dials the API server; nothing
dials it. Ending it leaves every container running; started again, it finds them. It needs the engine's
socket (root, or a user in the group docker).

example: kohakuriver agent --config node.conf --node n1 --data-dir /var/lib/kohakuriver
"""
_PURGE = """\
Removes every container, network and volume that carries this cluster's label, and nothing else. What VPSes of
that cluster wrote on this machine is gone then.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Listen:
    """An address to serve metrics on."""

    host: str
    port: int


@dataclasses.dataclass(frozen=True, slots=True)
class Join:
    """The cluster that this machine is to become a node of."""

    server: str
    token: str
    ca_hash: str  # empty: the system's authorities are trusted


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """Run the agent."""

    config: Path | None
    join: Join | None
    node: str
    data_dir: Path
    docker: str
    ssh: SSHPublishing | None
    millicores: int | None
    memory: int | None
    reserve_millicores: int
    reserve_memory: float
    cpu_overcommit: int  # in thousandths
    default_disk: float | None
    image_marks: Marks
    relist: float
    renew: float
    metrics: Listen | None
    accept_engine: bool
    allow_mounts: Allowed
    allow_privileged: bool
    allow_capabilities: tuple[str, ...]
    registry_credentials_for: CredentialsFor
    gpu_inventory: Path | None
    environments: Path | None
    sysfs: Path
    lxcfs: bool
    verbose: bool
    install_service: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Purge:
    """Remove everything of one cluster from this machine's engine."""

    cluster: str
    docker: str


@dataclasses.dataclass(frozen=True, slots=True)
class RemoveService:
    """Take away the unit of the agent that works on this data directory."""

    data_dir: Path


def parse(arguments: Sequence[str]) -> Run | Purge | RemoveService:
    """What the command line asks for. Exits with a usage message where it makes no sense."""
    if arguments and arguments[0] == "purge":
        found = _purge_parser().parse_args(arguments[1:])
        return Purge(found.cluster, found.docker_host)
    parser = _parser()
    found = parser.parse_args(arguments)
    if found.ssh_port_range[0] > found.ssh_port_range[1]:
        parser.error("--ssh-port-range: the first port is above the last")
    if found.image_gc_low >= found.image_gc_high:
        parser.error("--image-gc-low: it must be below --image-gc-high")
    if found.check_options:
        parser.exit()
    if found.remove_service:
        if found.join or found.config:
            parser.error("--remove-service goes with --data-dir alone")
        return RemoveService(found.data_dir.expanduser())
    ssh = None
    if found.ssh_address is not None:
        ssh = SSHPublishing(found.ssh_address, *found.ssh_port_range)
    return Run(
        config=found.config,
        join=_joining(parser, found),
        node=found.node,
        data_dir=found.data_dir.expanduser(),
        docker=found.docker_host,
        ssh=ssh,
        millicores=found.cores,
        memory=found.memory,
        reserve_millicores=found.reserve_cores,
        reserve_memory=found.reserve_memory,
        cpu_overcommit=found.cpu_overcommit,
        default_disk=found.default_disk,
        image_marks=Marks(found.image_gc_high, found.image_gc_low),
        relist=found.relist,
        renew=found.renew,
        metrics=found.metrics_listen,
        accept_engine=found.accept_engine,
        allow_mounts=tuple(found.allow_mount),
        allow_privileged=found.allow_privileged,
        allow_capabilities=tuple(sorted(set(found.allow_capability))),
        registry_credentials_for=CredentialsFor(found.registry_credentials_for),
        gpu_inventory=found.gpu_inventory,
        environments=found.environments,
        sysfs=found.sysfs,
        lxcfs=found.lxcfs == "auto",
        verbose=found.verbose,
        install_service=found.install_service,
    )


def _joining(parser: argparse.ArgumentParser, found: argparse.Namespace) -> Join | None:
    """What --join and its fellows say together."""
    if found.join is None:
        if found.token or found.ca_hash:
            parser.error("--token and --ca-hash go with --join")
        return None
    inherited = os.environ.pop(config.JOIN_TOKEN, "")  # and nothing that is started here inherits it
    token = found.token or inherited
    if token == "-":  # noqa: S105 - by which standard input is meant
        token = sys.stdin.readline().strip()
    if not token:
        parser.error("--join needs --token: `kohakuriver node join` prints the whole command")
    if found.config is not None:
        parser.error("--join and --config exclude each other: what joins keeps its config in --data-dir")
    return Join(found.join, token, found.ca_hash or "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kohakuriver agent",
        description="Runs VPSes on this machine.",
        epilog=_EPILOG,
        allow_abbrev=False,  # `--tok SECRET` would stay on the command line
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="kubeconfig-format file of this node's credential "
        "(default: agent.config in --data-dir, else KOHAKURIVER_CONFIG, else ~/.kohakuriver/config)",
    )
    add(
        "--node",
        type=_node,
        default=_host_name(),
        metavar="NAME",
        help="this node's name (default: this machine's host name)",
    )
    add(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA_DIR,
        metavar="DIR",
        help="host keys and journal of this node; keep it over restarts (default: %(default)s)",
    )
    _add_joining(parser)
    _add_service(parser)
    _add_docker(parser)
    _add_resources(parser)
    _add_collection(parser)
    _add_permissions(parser)
    _add_ssh(parser)
    _add_times(parser)
    add(
        "--metrics-listen",
        type=_reading(_listen),
        metavar="HOST:PORT",
        help="serve Prometheus metrics here (default: off)",
    )
    add(
        "--accept-engine",
        action="store_true",
        help="take this container engine for the node's own although it is another than before; "
        "VPSes whose containers were in the other are created again, empty",
    )
    add("-v", "--verbose", action="store_true", help="log more")
    add("--version", action="version", version=__version__)
    add(
        "--check-options", action="store_true", help=argparse.SUPPRESS
    )  # for `up`: say what is wrong, and end
    return parser


def _add_docker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--docker-host",
        type=_reading(_socket),
        default=DEFAULT_DOCKER,
        metavar="SOCKET",
        help="the engine's unix socket (default: %(default)s)",
    )


def _add_joining(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("becoming a node (`kohakuriver node join` prints this)")
    group.add_argument(
        "--join",
        type=_reading(_https),
        metavar="URL",
        help="the API server; afterwards --data-dir holds this node's own credential, and is enough",
    )
    group.add_argument(
        "--token",
        default="",
        metavar="TOKEN",
        help=f"the join token; - reads it from standard input (default: ${config.JOIN_TOKEN})",
    )
    group.add_argument(
        "--ca-hash",
        type=_reading(_ca_hash),
        metavar="HASH",
        help="sha256:… of the cluster's authority, checked before the token is sent "
        "(default: the authorities that this system trusts)",
    )


def _add_service(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("staying a node").add_mutually_exclusive_group()
    group.add_argument(
        "--install-service",
        action="store_true",
        help="write a systemd unit that runs the agent with these options after each boot, enable and start "
        "it, and end; joins first if --join says so. Needs root",
    )
    group.add_argument(
        "--remove-service",
        action="store_true",
        help="stop the agent of this --data-dir and remove its unit; VPSes run on, and the credential stays",
    )


def _add_resources(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what VPSes may book")
    group.add_argument(
        "--cores",
        type=_reading(_cores),
        metavar="N",
        help="cores of this node: 8, 500m (default: what the engine sees)",
    )
    group.add_argument(
        "--memory",
        type=_reading(quantity.size),
        metavar="M",
        help="memory of this node: 32Gi (default: what the engine sees)",
    )
    group.add_argument(
        "--reserve-cores",
        type=_reading(quantity.millicores),
        default=0,
        metavar="N",
        help="cores kept for the machine itself (default: 0)",
    )
    group.add_argument(
        "--reserve-memory",
        type=_reading(_share_or_size),
        default=0.05,
        metavar="M",
        help="memory kept for the machine itself: 5%% or 2Gi (default: 5%%)",
    )
    group.add_argument(
        "--cpu-overcommit",
        type=_reading(overcommit.parse),
        default=overcommit.DEFAULT,
        metavar="RATIO",
        help="how often each core is given to VPSes that share it: 4, 1.5, or 1 for no more than there are; "
        "memory, and cores that a VPS has for itself alone, are given once (default: 4)",
    )
    group.add_argument(
        "--default-disk",
        type=_reading(_default_disk),
        default=None,
        metavar="SIZE",
        help="what the files of a VPS may take whose spec.resources.disk is not set: 20Gi, a share of the "
        "disk that the engine is on such as 25%%, or off for no limit (default: 50%%, which counts while "
        "the disk is nearly full)",
    )


def _add_collection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("room for images")
    group.add_argument(
        "--image-gc-high",
        type=_reading(_percent),
        default=0.85,
        metavar="SHARE",
        help="from this use of the engine's disk on, images that this agent brought and nothing here uses "
        "are removed, the longest unused first; 100%% for never (default: 85%%)",
    )
    group.add_argument(
        "--image-gc-low",
        type=_reading(_percent),
        default=0.80,
        metavar="SHARE",
        help="until the use is below this (default: 80%%)",
    )


def _add_permissions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what VPSes may have of the machine")
    group.add_argument(
        "--allow-mount",
        type=_reading(allowed.parse),
        action="append",
        default=[],
        metavar="PREFIX[:ro]",
        help="let VPSes mount this folder and what is below it, with :ro only for reading; may be repeated "
        "(default: none)",
    )
    group.add_argument(
        "--allow-privileged",
        action="store_true",
        help="let VPSes be privileged, which is to be root on this machine (default: off)",
    )
    group.add_argument(
        "--allow-capability",
        type=_reading(capabilities.parse),
        action="append",
        default=[],
        metavar="NAME",
        help="let VPSes have this capability beyond the default, such as NET_RAW or SYS_PTRACE; with some, "
        "such as SYS_ADMIN, they are root on this machine; may be repeated (default: none)",
    )
    group.add_argument(
        "--registry-credentials-for",
        choices=[str(one) for one in CredentialsFor],
        default=str(CredentialsFor.ENVIRONMENTS),
        help="the images that a registry is asked for with this machine's Docker credentials: those that "
        "Environments name, or all that anybody names (default: environments)",
    )
    group.add_argument(
        "--gpu-inventory",
        type=Path,
        metavar="FILE",
        help="a JSON list of GPUs in place of those that NVML finds, to try things out: VPSes book them, and "
        "get no device",
    )
    group.add_argument(
        "--environments",
        type=Path,
        metavar="DIR",
        help="where the tarballs of Environments go that are made here from a VPS; in a folder that all "
        "nodes share, every node can use them (default: environments below the data directory)",
    )
    group.add_argument(
        "--sysfs",
        type=Path,
        default=Path("/sys"),
        metavar="DIR",
        help="where NUMA nodes are read from (default: %(default)s)",
    )
    group.add_argument(
        "--lxcfs",
        choices=["auto", "off"],
        default="auto",
        help="let VPSes see their own memory and cores in /proc, where this machine runs lxcfs on "
        "/var/lib/lxcfs and the agent is root; off: they see the machine's (default: %(default)s)",
    )


def _add_ssh(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("SSH into VPSes")
    group.add_argument(
        "--ssh-address",
        type=_reading(_address),
        default=LOOPBACK,
        metavar="ADDRESS",
        help="where SSH ports are published: an address of this machine, 0.0.0.0 for all of them, or off "
        "(default: %(default)s). VPSes without a password never go beyond loopback",
    )
    group.add_argument(
        "--ssh-port-range",
        type=_reading(_range),
        default=(30000, 31999),
        metavar="FIRST-LAST",
        help="the ports for it, outside of the kernel's ephemeral ones (default: 30000-31999)",
    )


def _add_times(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("times")
    group.add_argument(
        "--relist",
        type=_reading(_positive),
        default=10.0,
        metavar="DURATION",
        help="how often every container is read again (default: 10s)",
    )
    group.add_argument(
        "--renew",
        type=_reading(_positive),
        default=3.0,
        metavar="DURATION",
        help="how often this node says that it lives; the controller's loss time-out is about three times "
        "as long (default: 3s)",
    )


def _purge_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kohakuriver agent purge", description=_PURGE)
    parser.add_argument(
        "--cluster", required=True, type=_reading(_cluster), metavar="ID", help="the cluster's id"
    )
    _add_docker(parser)
    return parser


def _cores(text: str) -> int:
    found = quantity.millicores(text)
    if not 0 < found <= cpuset.MOST * 1000:
        raise ValueError(f"{text} cores: a node has more than 0 and at most {cpuset.MOST}")
    return found


def _reading(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """argparse hides the message of a ValueError; this keeps it."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _host_name() -> str:
    return socket.gethostname().lower()


def _node(text: str) -> str:
    if not text or len(text) > 253 or text.strip("abcdefghijklmnopqrstuvwxyz0123456789-."):
        raise argparse.ArgumentTypeError(f'invalid node name "{text}": use a-z, 0-9, - and .')
    return text


def _cluster(text: str) -> str:
    if len(text) < 8:
        raise ValueError(f'invalid cluster id "{text}": use at least 8 characters')
    return text


def _https(text: str) -> str:
    if not text.startswith("https://") or len(text) == len("https://"):
        raise ValueError(f'invalid address of an API server "{text}": write https://HOST:6443')
    return text.rstrip("/")


def _ca_hash(text: str) -> str:
    if not authority.is_hash(text):
        raise ValueError(f'invalid hash "{text}": write sha256: and 64 hexadecimal digits')
    return text


def _socket(text: str) -> str:
    if not text.startswith(("unix://", "/")):
        raise ValueError(f'invalid unix socket "{text}": write unix:///var/run/docker.sock')
    return text


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


def _address(text: str) -> str | None:
    return None if text == "off" else str(ipaddress.ip_address(text))


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (dash and first.isdigit() and last.isdigit() and int(first) > 0 and int(last) < 65536):
        raise ValueError(f'invalid range of ports "{text}": write 30000-31999')
    return int(first), int(last)


def _positive(text: str) -> float:
    seconds = durations.parse(text)
    if seconds <= 0:
        raise ValueError(f'invalid duration "{text}": use more than 0')
    return seconds


def _listen(text: str) -> Listen:
    host, colon, port = text.rpartition(":")
    if not (colon and port.isdigit() and int(port) < 65536):
        raise ValueError(f'invalid address "{text}": write 127.0.0.1:9102')
    return Listen(host.strip("[]") or LOOPBACK, int(port))
