"""Whether somebody can log in to a VPS by SSH now; if not, why, and what to do. Pure.

The words are shown by ssh-proxy, so that whoever typed `ssh dev.vps` reads them.
"""

import re

from kohakuriver import errors
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.view.standing import HERE, Reader
from kohakuriver.resources.view import VPS

_KEY = re.compile(r"[-a-z0-9@.]+ [A-Za-z0-9+/]+=*")  # one line of known_hosts, behind its names


class NoEntrance(errors.KohakuRiverError):
    """It is there, and cannot be logged in to now."""


def host_key(vps: Object, *, reader: Reader = HERE) -> str:
    """The key by which the VPS is known, as it has published it. Raises NoEntrance."""

    def typed(words: str) -> str:
        return reader.command(words, vps)

    found = VPS.of(vps)
    name = found.name
    because, connects = f" ({found.why})" if found.why else "", typed(f"connect {name}")
    if found.spec.ssh.disabled:
        raise NoEntrance(f"{name} has SSH off", hint=f"{connects} needs none")
    match found.word:
        case "terminating":
            raise NoEntrance(f"{name} is being deleted{because}")
        case "stopped":
            uncordons = reader.command(f"node uncordon {found.node}")
            hint = uncordons if found.is_drained else typed(f"vps start {name}")
            raise NoEntrance(f"{name} is stopped{because if found.is_drained else ''}", hint=hint)
        case "paused":
            raise NoEntrance(f"{name} is paused", hint=typed(f"vps resume {name}"))
        case "lost":
            shows = reader.command(f"node status {found.node}")
            raise NoEntrance(
                f"{name} is lost{because}; it is the same again once its node is back", hint=shows
            )
        case "pending":
            raise NoEntrance(f"{name} waits for a node{because}", hint=typed(f"vps status {name}"))
        case "assigning":
            raise NoEntrance(f"{name} is still starting{because}", hint=typed(f"get vps {name} -w"))
    ssh = found.observed.ssh
    if ssh.state == "unavailable":
        raise NoEntrance(
            f"no SSH in {name}: {ssh.message or 'it has no sshd'}",
            hint=f"get in without: {connects}; for SSH install openssh-server in it, "
            f"then: {typed(f'vps restart {name}')}",
        )
    if not ssh.host_key:
        raise NoEntrance(f"{name} has not published its host key yet", hint=typed(f"vps status {name}"))
    if not _KEY.fullmatch(ssh.host_key):
        raise NoEntrance(
            f"what node {found.node} has published as the host key of {name} cannot be read as one",
            hint=f"{connects} needs none; ask the administrator of that node",
        )
    return ssh.host_key


def silent(vps: Object, *, reader: Reader = HERE) -> NoEntrance:
    """For a port 22 on which nothing listens."""
    name = vps["metadata"]["name"]
    connects, restarts = (reader.command(f"{verb} {name}", vps) for verb in ("connect", "vps restart"))
    return NoEntrance(
        f"sshd does not run in {name}", hint=f"{connects} gets in without; {restarts} starts it"
    )


def authorized(vps: Object) -> set[str]:
    """The keys that may log in, each without options and comment."""
    found: set[str] = set()
    for line in VPS.of(vps).spec.ssh.authorized_keys:
        words = line.split()
        found.update(word for word in words if word.startswith("AAAA"))
    return found
