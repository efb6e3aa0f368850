"""`forward`: ports of a VPS on this machine, until Ctrl-C (which exits with 130)."""

import asyncio
import errno
import ipaddress
import os
import shlex
import sys
import webbrowser
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.access import listening, looping, mapping
from kohakuriver.cli.access.datagrams import Datagrams
from kohakuriver.cli.access.mapping import Mapping
from kohakuriver.cli.access.telling import Telling
from kohakuriver.cli.access.tunnel import Tunnel
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.local import ports
from kohakuriver.cli.session.opening import Opener
from kohakuriver.cli.view import standing
from kohakuriver.cli.view.standing import Reader
from kohakuriver.resources.view import VPS

EXAMPLES = """
kohakuriver forward dev 8888                      # http://127.0.0.1:8888
kohakuriver forward dev 80 --local-port 3000
kohakuriver forward dev 8888 6006 5433:5432       # several at once
kohakuriver forward dev :8888 --open              # any free local port, in the browser
kohakuriver forward dev 53 --udp --local-port 5353
"""

Name = Annotated[
    str | None, typer.Argument(metavar="ID", show_default=False, help="The VPS's name, or its start.")
]
Ports = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[LOCAL:]PORT...",
        show_default=False,
        help="Ports in the VPS, on its 127.0.0.1 too. LOCAL 0, or none before a colon, is any free one.",
    ),
]
LocalPort = Annotated[
    str | None,
    typer.Option("--local-port", metavar="N", help="The port on this machine. [default: the same]"),
]
ListenAddress = Annotated[
    str, typer.Option("--address", metavar="A", help="Where to listen on this machine.")
]
Udp = Annotated[bool, typer.Option("--udp", help="Datagrams instead of TCP connections.")]
Open = Annotated[bool, typer.Option("--open", help="Show the first one in the browser.")]


def forward(
    settings: Settings,
    name: Name = None,
    ports_: Ports = None,
    local_port: LocalPort = None,
    address: ListenAddress = "127.0.0.1",
    udp: Udp = False,
    open_: Open = False,
) -> int:
    """Bring ports of a VPS to this machine, until Ctrl-C. Restarts are waited for; -v shows connections."""
    if not name or not ports_:
        raise _missing(name)
    if turned := mapping.turned(name, ports_):
        raise failures.UsageError(f"the VPS comes first: {shlex.join(['kohakuriver', 'forward', *turned])}")
    if open_ and udp:
        raise failures.UsageError("a browser shows nothing over UDP", hint="leave out --open or --udp")
    wanted = mapping.parse(ports_, local_port=local_port)
    host = _host(address)
    api = settings.api()
    vps = lookup.find(api, [name])[0]
    _look(vps, settings.reader())
    opener = Opener(api.connection, vps["metadata"]["name"])
    api.close()
    return looping.run(_forward(opener, wanted, host, udp=udp, browse=open_, verbose=settings.verbose))


def _missing(name: str | None) -> failures.UsageError:
    if name is None:
        return failures.UsageError("the VPS and the port are missing: kohakuriver forward NAME PORT")
    if mapping.is_port(name):
        return failures.UsageError(f"the VPS is missing: kohakuriver forward NAME {name}")
    return failures.UsageError(f"the port is missing: {shlex.join(['kohakuriver', 'forward', name])} PORT")


def _host(address: str) -> str:
    try:
        found = ipaddress.ip_address("127.0.0.1" if address == "localhost" else address)
    except ValueError:
        raise failures.UsageError(
            f'--address: invalid IP address "{address}": use one of this machine, or 0.0.0.0 for all'
        ) from None
    if not found.is_loopback:
        screen.warn(f"whoever reaches {found} of this machine reaches these ports of the VPS too")
    return str(found)


def _look(vps: Object, reader: Reader) -> None:
    """What somebody should know before they wait for an answer. Raises for a VPS that is stopped."""
    found = VPS.of(vps)
    if found.word == "stopped":
        brings = standing.next_commands(vps, None, reader=reader)[-1]
        if found.is_drained:
            why = f"{found.name} is stopped, as its node {found.node} is drained"
            raise errors.Conflict(why, hint=f"bring the node back: {brings}")
        raise errors.Conflict(f"{found.name} is stopped", hint=f"start it: {brings}")
    if found.word != "running":
        screen.note(f"{found.name} is not running: {standing.progress(vps)}")


async def _forward(
    opener: Opener, wanted: list[Mapping], host: str, *, udp: bool, browse: bool, verbose: bool
) -> int:
    begun: list[Tunnel | Datagrams] = []
    looking = asyncio.create_task(_tell_of_silence(opener, [] if udp else wanted), name="what listens")
    try:
        urls = []
        for one in wanted:
            title = f"{opener.name}:{one.remote}"
            kind = Datagrams if udp else Tunnel
            listener = kind(opener, one.remote, Telling(title, verbose=verbose))
            port = await listen(listener, host, one)
            begun.append(listener)
            urls.append(mapping.address(_shown(host), port, remote=one.remote, udp=udp))
            screen.out(f"{title} is at {urls[-1]}")
            screen.flush()
        if browse:
            await _browse(urls[0])
        await asyncio.get_running_loop().create_future()  # until Ctrl-C
    finally:
        looking.cancel()
        for listener in begun:
            await listener.aclose()
    raise AssertionError("unreachable: nobody sets that future")


async def _tell_of_silence(opener: Opener, wanted: list[Mapping]) -> None:
    """Once, of the ports that nothing listens on yet."""
    present = await listening.ports(opener) if wanted else None
    if present is None:
        return
    for one in wanted:
        if one.remote not in present:
            silent = f"nothing listens on port {one.remote} in {opener.name} yet"
            screen.note(f"{silent}; connections are tried as they come")


async def listen(listener: Tunnel | Datagrams, host: str, one: Mapping) -> int:
    """Begin to listen; the port. Raises ConfigError that says who is in the way."""
    try:
        return await listener.listen(host, one.local)
    except OSError as error:
        free = one.local + (10_000 if one.local < 50_000 else -10_000)
        other = f"another: kohakuriver forward … {free}:{one.remote}; 0:{one.remote} takes any free one"
        if error.errno == errno.EADDRINUSE:
            holder = ports.holder(one.local) if isinstance(listener, Tunnel) else ""
            held = f"taken by {holder}" if holder else "taken"
            raise errors.ConfigError(f"port {one.local} of this machine is {held}", hint=other) from None
        if error.errno == errno.EACCES:
            raise errors.ConfigError(
                f"port {one.local} of this machine is root's to listen on", hint=f"choose {other}"
            ) from None
        why = os.strerror(error.errno) if error.errno else str(error)
        raise errors.ConfigError(
            f"{host} port {one.local} cannot be listened on: {why}",
            hint="--address takes an address of this machine, such as 127.0.0.1 or 0.0.0.0",
        ) from None


def _shown(host: str) -> str:
    """An address that a browser on this machine can go to."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound


def _has_screen() -> bool:
    """Whether a browser has somewhere to open: one in this terminal would take it from us."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


async def _browse(url: str) -> None:
    if not url.startswith("http"):
        url = f"http://{url}"
    if not _has_screen() or not await asyncio.to_thread(webbrowser.open, url):
        screen.note(f"no browser was found; open {url}")
