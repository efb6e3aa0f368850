"""A `Firewall` on the machine's iptables, whichever of its kinds the engine uses. Decides no rule.

Rules of every kind hold beside those of another. To have all in one place the kind is the engine's, the
one whose tables hold its chain DOCKER-USER, whatever `iptables` in our PATH is; where there is none, the
first that works. `remove_chains` is for `down --purge` and blocks.
"""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kohakuriver.agent.runtime.firewall import TABLE, FirewallError, without

KINDS: Final = ("iptables", "iptables-nft", "iptables-legacy")
ENGINES_CHAIN: Final = "-N DOCKER-USER"
_FOLDERS: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # not in every PATH
_WAIT: Final = 5  # seconds for whoever else changes the tables
_ANSWERS_WITHIN: Final = 15.0  # seconds
_NET: Final = Path("/proc/sys/net")


class Iptables:
    """The tables of the network namespace that the agent runs in."""

    def __init__(self, kind: str | None = None) -> None:
        """`kind` is one of KINDS; None for the engine's."""
        self._kind = kind

    async def rules(self, table: str = TABLE) -> tuple[str, ...]:
        return await _listing(await self._found(), table)

    async def change(self, text: str) -> None:
        await _run(_restore(await self._found()), given=text)

    async def tame(self, bridge: str) -> None:
        await asyncio.to_thread(_tame, bridge)

    async def _found(self) -> str:
        if self._kind is None:
            self._kind = await _find()
        return self._kind


async def _find() -> str:
    there = [kind for kind in KINDS if _where(kind) is not None]
    if not there:
        raise FirewallError(
            "NoIptables", "this node has no iptables", hint="install it: apt-get install iptables"
        )
    works, refused = [], None
    for kind in there:
        try:
            if ENGINES_CHAIN in await _listing(kind, "filter"):
                return kind
            works.append(kind)
        except FirewallError as error:
            refused = refused or error
    if not works and refused is not None:
        raise refused
    return works[0]


async def _listing(kind: str, table: str) -> tuple[str, ...]:
    return tuple((await _run(_list(kind, table))).splitlines())


def remove_chains(chains: Sequence[str]) -> int:
    """Take the chains, and what leads to them, out of every kind of table; how many there were. Blocking."""
    removed = 0
    for kind in KINDS:
        if _where(kind) is None:
            continue
        for table in (TABLE, "filter"):  # earlier versions had theirs in filter
            listed = subprocess.run(_command(_list(kind, table)), capture_output=True, text=True)
            text = without(listed.stdout.splitlines(), chains, table)
            if text:
                done = subprocess.run(_command(_restore(kind)), input=text, capture_output=True, text=True)
                removed += text.count("\n-X ") if done.returncode == 0 else 0
    return removed


def _list(kind: str, table: str) -> list[str]:
    return [kind, "-w", str(_WAIT), "-t", table, "-S"]


def _restore(kind: str) -> list[str]:
    base, _, rest = kind.partition("-")
    return [f"{base}-{rest}-restore" if rest else f"{base}-restore", "--noflush", f"--wait={_WAIT}"]


def _where(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS)))


def _command(words: Sequence[str]) -> list[str]:
    return [_where(words[0]) or words[0], *words[1:]]


async def _run(words: Sequence[str], *, given: str = "") -> str:
    """Its output. A failure is told in its own words."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(words),
            stdin=asyncio.subprocess.PIPE if given else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise FirewallError("NoIptables", f"{words[0]} cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            out, err = await process.communicate(given.encode() or None)
    except TimeoutError:
        raise FirewallError("Busy", f"{words[0]} did not answer within {_ANSWERS_WITHIN:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return out.decode(errors="replace")
    if os.geteuid() != 0:
        raise FirewallError(
            "NotRoot", "the agent is not root and may not change the packet filter", hint="run it as root"
        )
    said = " ".join(line for line in err.decode(errors="replace").split("\n") if "Warning" not in line)
    raise FirewallError("Refused", f"{words[0]} failed: {said.strip() or process.returncode}")


def _tame(bridge: str) -> None:
    try:
        socket.if_nametoindex(bridge)
    except OSError:
        raise FirewallError(
            "EngineElsewhere",
            f"the engine's bridge {bridge} is not in the agent's network namespace",
            hint="run the agent in the network namespace of the engine",
        ) from None
    _switch(_NET / "bridge/bridge-nf-call-iptables", "1", needed=True)
    _switch(_NET / f"ipv6/conf/{bridge}/disable_ipv6", "1", needed=False)


def _switch(path: Path, value: str, *, needed: bool) -> None:
    """Set a kernel switch. Where there is no IPv6 at all, nothing is missing."""
    try:
        if path.read_text().strip() != value:
            path.write_text(value)
    except FileNotFoundError:
        if needed:
            raise FirewallError(
                "BridgeUnfiltered",
                "packets between VPSes do not meet the packet filter: the kernel lacks br_netfilter",
                hint="load it: modprobe br_netfilter",
            ) from None
    except OSError as error:
        raise FirewallError("NotRoot", f"{path} cannot be set to {value}: {error.strerror}") from error
