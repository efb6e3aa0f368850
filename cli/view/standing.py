"""How a VPS stands, in a few words, and what to do next. Pure; what it reads is the object's JSON."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from kohakuriver import quantity
from kohakuriver.cli.view import cures

Object = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """Who is told what to type."""

    host: str = ""
    """The host name of their machine, where that is known."""
    namespace: str = "default"
    """What a command of theirs means that names none."""
    options: tuple[str, ...] = ()
    """The global options that they gave, and have to give again."""

    def command(self, words: str, vps: Object | None = None, *, namespace: str = "") -> str:
        """`kohakuriver connect dev -n lab`, as it has to be typed for this VPS, or in that namespace."""
        namespace = str((vps or {}).get("metadata", {}).get("namespace") or namespace or self.namespace)
        elsewhere = () if namespace == self.namespace else ("-n", namespace)
        return " ".join(["kohakuriver", words, *elsewhere, *self.options])


HERE = Reader()


def status_of(vps: Object) -> Object:
    return vps.get("status") or {}


def grant_of(vps: Object) -> Object:
    return (status_of(vps).get("assignment") or {}).get("grant") or {}


def node_of(vps: Object) -> str:
    return str((status_of(vps).get("assignment") or {}).get("node") or "")


def observed_of(vps: Object) -> Object:
    """What the agent of the present placement saw."""
    status = status_of(vps)
    observed = status.get("observed") or {}
    bound = (status.get("assignment") or {}).get("epoch")
    return observed if observed.get("epoch") == bound else {}


def phase(vps: Object) -> str:
    """The phase, or terminating."""
    if vps["metadata"].get("deletionTimestamp"):
        return "terminating"
    return str(status_of(vps).get("phase") or "pending")


def why(vps: Object) -> str:
    """Why it is not running, or what is wrong with it though it is."""
    status = status_of(vps)
    reason = str(status.get("reason") or "")
    return str(status.get("message") or ("" if reason.lower() == status.get("phase") else reason))


def condition(vps: Object, type_: str) -> Object:
    for one in status_of(vps).get("conditions") or ():
        if one.get("type") == type_:
            return dict(one)
    return {}


def progress(vps: Object) -> str:
    """For somebody who waits: `pulling 43 %`, `assigned to n2`, `running, ssh ready`."""
    match phase(vps):
        case "assigning":
            if status_of(vps).get("reason") == "Assigned":
                return f"assigned to {node_of(vps)}"
            return why(vps) or f"starting on {node_of(vps)}"
        case "running":
            return _running(vps)
        case word:
            return f"{word}: {why(vps)}" if why(vps) else word


def _running(vps: Object) -> str:
    state = (observed_of(vps).get("ssh") or {}).get("state")
    if why(vps):
        return f"running; {why(vps)}"
    return {"ready": "running, ssh ready", "disabled": "running, ssh off"}.get(str(state), "running")


def resources(vps: Object) -> str:
    """What it holds, or asks for: `2 cores, 4Gi, 1 GPU`."""
    declared = (vps.get("spec") or {}).get("resources") or {}
    grant = grant_of(vps)
    gpus = _gpu_count(vps)
    parts = [
        quantity.cores_in_words(grant.get("cores") or declared.get("cores") or 1),
        _memory(declared.get("memory") or "", grant.get("memory")),
        f"{gpus} GPU" if gpus == 1 else f"{gpus} GPUs" if gpus else "",
    ]
    return ", ".join(part for part in parts if part)


def _memory(declared: str | int | float, granted: str | None) -> str:
    """What is held; in the words it was declared in where that is the same amount."""
    if granted is None or (declared and quantity.size(declared) == quantity.size(granted)):
        return str(declared)
    return str(granted)


def _gpu_count(vps: Object) -> int:
    held = grant_of(vps).get("gpus")
    if held:
        return len(held)
    asked = ((vps.get("spec") or {}).get("placement") or {}).get("gpus") or {}
    return len(asked["ids"]) if asked.get("ids") else int(asked.get("count") or bool(asked))


_PLAIN_HOST = re.compile(r"[A-Za-z0-9:][-A-Za-z0-9.:_]*")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def ssh_command(vps: Object, node: Object | None, *, reader: Reader = HERE, key: Path | None = None) -> str:
    """`ssh -p 30000 root@n1`, or `kohakuriver vps connect dev` where the port is on another machine's
    loopback; nothing where SSH is not ready."""
    port = grant_of(vps).get("sshPort")
    if not port or (observed_of(vps).get("ssh") or {}).get("state") != "ready":
        return ""
    host = address(vps, node, reader=reader)
    if not host:
        words = f"vps connect {vps['metadata']['name']}"
        return reader.command(f"{words} --key {key}" if key else words, vps)
    identity = f"-i {key} " if key is not None else ""
    return f"ssh {identity}-p {port} root@{host}"


def address(vps: Object, node: Object | None, *, reader: Reader = HERE) -> str:
    """The host that its SSH port is on; nothing where that is another machine's loopback."""
    host = _host(vps, node)
    return "" if host in _LOOPBACK and _host_name(node) not in ("", reader.host) else host


def lets_somebody_in(vps: Object) -> bool:
    """Whether SSH takes any key at all, or asks for none."""
    ssh = (vps.get("spec") or {}).get("ssh") or {}
    return bool(ssh.get("authorizedKeys") or ssh.get("passwordless"))


def ssh(vps: Object) -> str:
    """How SSH stands: `ready`, `not while it is paused`."""
    if phase(vps) in ("paused", "stopped"):
        return f"not while it is {phase(vps)}"
    found = observed_of(vps).get("ssh") or {}
    state, message = str(found.get("state") or ""), str(found.get("message") or "")
    return f"{state}: {message}" if message else state


def _host(vps: Object, node: Object | None) -> str:
    status = (node or {}).get("status") or {}
    address = _plain((status.get("sshPorts") or {}).get("address"))
    if ((vps.get("spec") or {}).get("ssh") or {}).get("passwordless"):
        return "127.0.0.1"
    if address and address not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return address
    return _host_name(node) or node_of(vps)


def _host_name(node: Object | None) -> str:
    status = (node or {}).get("status") or {}
    return _plain((status.get("nodeInfo") or {}).get("hostname"))


def _plain(said: Any) -> str:
    """What a node says of itself, where a person will paste it into a shell; nothing if it is no host."""
    return said if isinstance(said, str) and _PLAIN_HOST.fullmatch(said) else ""


_NOT_BY_RESTART = ("ImageChanged", "FilesKept")  # what is left of these, a plain restart leaves too


def next_commands(
    vps: Object, node: Object | None, *, reader: Reader = HERE, key: Path | None = None
) -> list[str]:
    """What somebody who looks at it probably wants to type."""
    if phase(vps) != "running":
        return _remedies(vps, reader)
    name = vps["metadata"]["name"]
    logs_in = ssh_command(vps, node, reader=reader, key=key) if lets_somebody_in(vps) else ""
    commands = [reader.command(f"connect {name}", vps), logs_in]
    required = condition(vps, "RestartRequired")
    if required.get("status") == "True" and required.get("reason") not in _NOT_BY_RESTART:
        commands.append(reader.command(f"vps restart {name}", vps))
    return [one for one in commands if one]


def _remedies(vps: Object, reader: Reader) -> list[str]:
    """What brings on one that does not run, or shows how it comes on."""
    goes_on = _remedy(vps, reader)
    if phase(vps) in ("Terminating", "lost", "paused"):
        return [goes_on]
    cure = cures.cure(vps, str(status_of(vps).get("reason") or ""), reader)
    if cure is None:
        return [goes_on]
    return [cure.line, goes_on] if _starts_by_hand(vps) else [cure.line]


def _starts_by_hand(vps: Object) -> bool:
    """Whether it stays stopped when what ended it is over; what its node has stopped starts by itself."""
    return phase(vps) == "stopped" and status_of(vps).get("reason") in ("Error", "OOMKilled")


def _remedy(vps: Object, reader: Reader) -> str:
    name = vps["metadata"]["name"]
    match phase(vps):
        case "stopped":
            return reader.command(f"vps start {name}", vps)
        case "paused":
            return reader.command(f"vps resume {name}", vps)
        case "pending":
            return reader.command("node list")
        case "lost":
            return reader.command(f"node status {node_of(vps)}")
    return reader.command(f"get vps {name} -w", vps)
