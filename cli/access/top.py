"""`top`: what VPSes use at this moment, beside what is booked for them; by node with `top nodes`."""

import asyncio
import collections
import dataclasses
from typing import Annotated, Any

import typer

from kohakuriver import errors, quantity
from kohakuriver.cli import lookup, screen
from kohakuriver.cli.api import readable
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.view.table import Printer, Row
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS, Node

EXAMPLES = """
kohakuriver top vps
kohakuriver top vps dev
kohakuriver top nodes
"""
_AT_ONCE = 16  # VPSes asked at a time

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME...]", show_default=False, help="Only these VPSes.")
]


@dataclasses.dataclass(frozen=True, slots=True)
class Used:
    """By one VPS, at one moment; None where its node did not say."""

    vps: Object
    stats: dict[str, Any] | None
    why: str = ""


def top_vps(settings: Settings, names: Names = None) -> int:
    """Show what running VPSes use: cores over one second, memory without droppable cache, processes."""
    api = settings.api()
    good = True
    if names:
        vpses, good = lookup.present(api, names)
    else:
        vpses = api.call("GET", api.path(kinds.VPS, namespace=api.namespace))["items"]
    used = _ask(settings, [readable.vps(vps) for vps in vpses])
    if not used:
        screen.note("no VPS is running; see how they stand: kohakuriver vps list --all")
        return 0 if good else 1
    rows = [["NAME", "NODE", "CORES", "OF", "MEMORY", "OF", "PROCESSES"], *map(row, used)]
    screen.out("\n".join(Printer().lines(rows)))
    return max(_complain(used), 0 if good else 1)


def top_nodes(settings: Settings) -> int:
    """Show what the VPSes of each node use together, beside what the node has for VPSes."""
    api = settings.api()
    used = _ask(settings, [readable.vps(vps) for vps in api.call("GET", api.path(kinds.VPS))["items"]])
    nodes = [readable.node(node) for node in api.call("GET", api.path(kinds.NODE))["items"]]
    rows = [["NODE", "VPSES", "CORES", "OF", "MEMORY", "OF"], *node_rows(nodes, used)]
    screen.out("\n".join(Printer().lines(rows)))
    return _complain(used)


def row(used: Used) -> Row:
    """The cells that say what one VPS uses. Pure."""
    grant = VPS.of(used.vps).grant
    cores = memory = processes = "?"
    if used.stats is not None:
        cores, memory = f"{used.stats['cores']:.2f}", quantity.approximate_size(used.stats["memory"])
        processes = str(used.stats["processes"])
    has_cores = quantity.decimal_cores(grant.millicores) if grant.cores else "-"
    name, node = VPS.of(used.vps).name, VPS.of(used.vps).node
    return [name, node, cores, has_cores, memory, str(grant.memory or "-"), processes]


def node_rows(nodes: list[Object], used: list[Used]) -> list[Row]:
    """A line each, in the order of the nodes. Pure."""
    by_node: dict[str, list[Used]] = collections.defaultdict(list)
    for one in used:
        by_node[VPS.of(one.vps).node].append(one)
    found = []
    for node in map(Node.of, nodes):
        name, has = node.name, node.capacity
        told = [one.stats for one in by_node[name] if one.stats is not None]
        cores = sum(float(stats["cores"]) for stats in told)
        memory = sum(int(stats["memory"]) for stats in told)
        room = quantity.approximate_size(has.memory_bytes) if has.memory else "-"
        of = quantity.decimal_cores(has.millicores) if has.cores else "-"
        used_memory = quantity.approximate_size(memory)
        found.append([name, str(len(by_node[name])), f"{cores:.2f}", of, used_memory, room])
    return found


def _ask(settings: Settings, vpses: list[Object]) -> list[Used]:
    running = [vps for vps in vpses if VPS.of(vps).word == "running"]
    return asyncio.run(_ask_all([Target(settings, vps) for vps in running]))


async def _ask_all(targets: list[Target]) -> list[Used]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def ask(one: Target) -> Used:
        async with turn:
            try:
                return Used(one.vps, await stats(one))
            except errors.KohakuRiverError as error:
                return Used(one.vps, None, error.message)

    return list(await asyncio.gather(*map(ask, targets)))


async def stats(one: Target) -> dict[str, Any]:
    """What one VPS uses at this moment. Raises ApiError and Unreachable."""
    stream = await one.stream("stats")
    try:
        while (message := await stream.receive()) is not None:
            if isinstance(message, dict) and isinstance(stats := message.get("stats"), dict):
                return stats
            if isinstance(message, dict) and isinstance(status := message.get("error"), dict):
                raise errors.from_status(status)
        raise errors.Unreachable("the connection was closed")
    finally:
        stream.framed.abort()


def _complain(used: list[Used]) -> int:
    """1 where something is unknown, which is told."""
    unknown = [one for one in used if one.stats is None]
    for one in unknown:
        screen.warn(f"{one.vps['metadata']['name']}: {one.why}")
    return 1 if unknown else 0
