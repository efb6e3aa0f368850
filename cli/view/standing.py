"""How a VPS stands, in a few words, and what to do next. Pure; what it reads is the object's JSON."""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from kohakuriver import quantity
from kohakuriver.cli.view import cures
from kohakuriver.resources import conditions, reasons
from kohakuriver.resources.view import VPS, Amounts, Node

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]


class Reader(NamedTuple):
    """Who is told what to type."""

    host: str = ""
    """The host name of their machine, where that is known."""
    namespace: str = "default"
    """What a command of theirs means that names none."""
    options: tuple[str, ...] = ()
    """The global options that they gave, and have to give again."""

    def command(self, words: str, vps: Object | None = None, *, namespace: str = "") -> str:
        """`kohakuriver connect dev -n lab`, as it has to be typed for this VPS, or in that namespace."""
        namespace = VPS.of(vps).namespace or namespace or self.namespace
        elsewhere = () if namespace == self.namespace else ("-n", namespace)
        return " ".join(["kohakuriver", words, *elsewhere, *self.options])


HERE = Reader()


def progress(vps: Object) -> str:
    """For somebody who waits: `pulling 43 %`, `assigned to n2`, `running, ssh ready`."""
    found = VPS.of(vps)
    match found.word:
        case "assigning":
            if found.reason == reasons.ASSIGNED:
                return f"assigned to {found.node}"
            return found.why or f"starting on {found.node}"
        case "running":
            if found.why:
                return f"running; {found.why}"
            ssh = {"ready": ", ssh ready", "disabled": ", ssh off"}.get(found.observed.ssh.state, "")
            return f"running{ssh}"
        case word:
            return f"{word}: {found.why}" if found.why else word


def resources(vps: Object) -> str:
    """What it holds, or asks for: `2 cores, 4Gi, 1 GPU`."""
    spec, grant = VPS.of(vps).spec, VPS.of(vps).grant
    gpus = len(grant.gpus) or spec.placement.gpu_count
    parts = [
        quantity.cores_in_words(grant.cores or spec.resources.cores or 1),
        _memory(spec.resources, grant),
        f"{gpus} GPU" if gpus == 1 else f"{gpus} GPUs" if gpus else "",
    ]
    return ", ".join(part for part in parts if part)


def _memory(declared: Amounts, granted: Amounts) -> str:
    """What is held; in the words it was declared in where that is the same amount."""
    if granted.memory is None or declared.memory_bytes == granted.memory_bytes:
        return str(declared.memory or "")
    return str(granted.memory)


_PLAIN_HOST = re.compile(r"[A-Za-z0-9:][-A-Za-z0-9.:_]*")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def ssh_command(vps: Object, node: Object | None, *, reader: Reader = HERE, key: "Path | None" = None) -> str:
    """`ssh -p 30000 root@n1`, or `kohakuriver vps connect dev` where the port is on another machine's
    loopback; nothing where SSH is not ready."""
    found = VPS.of(vps)
    port = found.grant.ssh_port
    if not port or found.observed.ssh.state != "ready":
        return ""
    host = address(vps, node, reader=reader)
    if not host:
        words = f"vps connect {found.name}"
        return reader.command(f"{words} --key {key}" if key else words, vps)
    identity = f"-i {key} " if key is not None else ""
    return f"ssh {identity}-p {port} root@{host}"


def address(vps: Object, node: Object | None, *, reader: Reader = HERE) -> str:
    """The host that its SSH port is on; nothing where that is another machine's loopback."""
    host = _host(vps, node)
    return "" if host in _LOOPBACK and _host_name(node) not in ("", reader.host) else host


def lets_somebody_in(vps: Object) -> bool:
    """Whether SSH takes any key at all, or asks for none."""
    ssh = VPS.of(vps).spec.ssh
    return bool(ssh.authorized_keys or ssh.passwordless)


def ssh(vps: Object) -> str:
    """How SSH stands: `ready`, `not while it is paused`."""
    found = VPS.of(vps)
    if found.word in ("paused", "stopped"):
        return f"not while it is {found.word}"
    ssh = found.observed.ssh
    return f"{ssh.state}: {ssh.message}" if ssh.message else ssh.state


def _host(vps: Object, node: Object | None) -> str:
    address = _plain(Node.of(node).ssh_ports.address)
    if VPS.of(vps).spec.ssh.passwordless:
        return "127.0.0.1"
    if address and address not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return address
    return _host_name(node) or VPS.of(vps).node


def _host_name(node: Object | None) -> str:
    return _plain(Node.of(node).info.hostname)


def _plain(said: str) -> str:
    """What a node says of itself, where a person will paste it into a shell; nothing if it is not a host."""
    return said if _PLAIN_HOST.fullmatch(said) else ""


_NOT_BY_RESTART = (reasons.IMAGE_CHANGED, reasons.FILES_KEPT)  # a plain restart leaves these as they are


def next_commands(
    vps: Object, node: Object | None, *, reader: Reader = HERE, key: "Path | None" = None
) -> list[str]:
    """What somebody who looks at it probably wants to type."""
    found = VPS.of(vps)
    if found.word != "running":
        return _remedies(vps, reader)
    name = found.name
    logs_in = ssh_command(vps, node, reader=reader, key=key) if lets_somebody_in(vps) else ""
    commands = [reader.command(f"connect {name}", vps), logs_in]
    required = found.condition(conditions.RESTART_REQUIRED)
    if required.is_true and required.reason not in _NOT_BY_RESTART:
        commands.append(reader.command(f"vps restart {name}", vps))
    return [one for one in commands if one]


def _remedies(vps: Object, reader: Reader) -> list[str]:
    """What brings on one that does not run, or shows how it comes on."""
    found, goes_on = VPS.of(vps), _remedy(vps, reader)
    if found.word in ("terminating", "lost", "paused"):
        return [goes_on]
    cure = cures.cure(vps, found.reason, reader)
    if cure is None:
        return [goes_on]
    # One that ended by itself stays stopped once what ended it is over; what its node has stopped does not.
    starts_by_hand = found.word == "stopped" and found.reason in (reasons.ERROR, reasons.OOM_KILLED)
    return [cure.line, goes_on] if starts_by_hand else [cure.line]


def _remedy(vps: Object, reader: Reader) -> str:
    found = VPS.of(vps)
    name = found.name
    match found.word:
        case "stopped":
            return reader.command(f"vps start {name}", vps)
        case "paused":
            return reader.command(f"vps resume {name}", vps)
        case "pending":
            return reader.command("node list")
        case "lost":
            return reader.command(f"node status {found.node}")
    return reader.command(f"get vps {name} -w", vps)
