"""`node status`: one node for a person: what it has, who holds it, how it stands, and what to do next."""

import datetime
import shlex
from collections.abc import Sequence
from typing import Any

from kohakuriver import errors, quantity
from kohakuriver.cli import screen
from kohakuriver.cli.api import readable
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import describe
from kohakuriver.cli.node import lookup
from kohakuriver.cli.node.change import Nodes
from kohakuriver.cli.view import node_overview as overview
from kohakuriver.cli.view import sections, table
from kohakuriver.clock import SystemClock
from kohakuriver.resources import conditions, kinds
from kohakuriver.resources.view import Allocation, Amounts, Booking, Fields, Node, Quarantine

EXAMPLES = """
kohakuriver node status n1
kohakuriver node status n1 n2
"""
_EVENTS = 8  # the latest


def status(settings: Settings, nodes: Nodes = None) -> int:
    """Show nodes: what they have, who holds it, conditions, events, and what to do next."""
    api = settings.api()
    now = SystemClock().now()
    pages = []
    found, good = lookup.present(api, nodes, verb="status")
    for node in map(readable.node, found):
        events = describe.events_of(api, kinds.NODE, node)
        pages.append("\n".join(page(node, _allocation(api, node), events, now, width=screen.width())))
    screen.out("\n\n\n".join(pages), end="\n" if pages else "")
    return 0 if good else 1


def page(
    node: Object,
    allocation: Object | None,
    events: list[Object],
    now: datetime.datetime,
    *,
    width: int | None = None,
) -> list[str]:
    """The whole text about one node. Pure. `allocation` is None for somebody who may not read it."""
    found, bookings = Node.of(node), Allocation.of(allocation).bookings
    lines = sections.pairs(_facts(node, allocation, now), width=width)
    if found.gpus:
        lines += ["", "GPUs:", *sections.indented(_gpus(found.gpus, bookings))]
    if bookings:
        lines += ["", "Held by:", *sections.indented(_holders(bookings))]
    if found.unknown:
        lines += ["", "Containers of this cluster that no VPS accounts for, left alone:"]
        lines += sections.indented(_unknown(found.unknown))
    if found.conditions:
        lines += ["", "Conditions:", *sections.conditions(found.conditions, now, width=width)]
    if events:
        latest = sorted(events, key=sections.when)[-_EVENTS:]
        lines += ["", "Events:", *sections.events(latest, now, width=width)]
    commands = next_commands(node)
    if commands:
        lines += ["", "Next:", *sections.indented(commands)]
    return lines


def next_commands(node: Object) -> list[str]:
    """What somebody who looks at it probably wants to type."""
    found = Node.of(node)
    name = found.name
    if found.condition(conditions.READY).status == "Unknown":
        return [f"kohakuriver node forget {name} --destroyed   # only if the machine is gone for good"]
    commands = [
        f"kohakuriver vps adopt {shlex.quote(one.text('vps'))} -n {shlex.quote(one.text('namespace'))}"
        "   # once it is declared again"
        for one in found.unknown
        if one.text("vps") and one.text("namespace")
    ]
    if found.quarantine:
        commands.append(f"kohakuriver node accept {name}   # what is declared is carried out again")
    if commands:
        return commands
    if found.spec.flag("drain") or found.spec.flag("unschedulable"):
        return [f"kohakuriver node uncordon {name}"]
    return []


def _facts(node: Object, allocation: Object | None, now: datetime.datetime) -> list[tuple[str, Any]]:
    found = Node.of(node)
    status, info, ports = found.status, found.info, found.ssh_ports
    cores, memory, _ = overview.amounts(node, allocation)
    booked = " booked" if allocation is not None else ""
    return [
        ("Name", found.name),
        ("Status", found.word),
        ("Cores", overview.sharing(node, allocation) or cores + booked),
        ("Memory", memory + booked),
        (
            "NUMA nodes",
            [f"{one.number('id')}: cores {one.text('cpuset')}" for one in status.parts("numa", Fields)],
        ),
        ("SSH ports", f"{ports.first}-{ports.last} on {ports.address}" if ports else ""),
        ("Privileged", "allowed" if status.flag("allowPrivileged") else ""),
        ("Mounts", [_mount(one) for one in status.parts("allowMounts", Fields)]),
        ("Labels", [f"{key}={value}" for key, value in sorted(found.labels.items())]),
        ("Taints", [_taint(one) for one in found.spec.parts("taints", Fields)]),
        ("Host", info.hostname),
        ("System", info.text("operatingSystem")),
        ("Kernel", info.text("kernelVersion")),
        ("Engine", info.text("runtimeVersion")),
        ("Agent", info.agent_version),
        ("Created", sections.moment(found.created, now)),
        ("Quarantine", _quarantine(found.quarantine, now)),
    ]


def _quarantine(quarantine: Quarantine, now: datetime.datetime) -> list[str]:
    if not quarantine:
        return []
    return [
        f"since {sections.moment(quarantine.since, now)}: {quarantine.why}",
        "nothing is created, started, stopped, changed or removed here; what runs goes on",
    ]


def _unknown(containers: Sequence[Amounts]) -> list[str]:
    rows = [["CONTAINER", "VPS", "STATE", "CORES", "MEMORY", "GPUS", "SSH-PORT", "IMAGE"]]
    for one in containers:
        owner = f"{one.text('namespace') or '?'}/{one.text('vps') or '?'}"
        state, image = one.text("state") or "?", one.text("image") or "?"
        rows.append([one.text("container"), owner, state, *_held(one), image])
    return table.Printer().lines(rows)


def _held(one: Amounts) -> list[str]:
    """The cells for cores, memory, GPUs and the SSH port."""
    cores = quantity.decimal_cores(one.millicores) if one.cores else "-"
    return [cores, str(one.memory or "-"), str(len(one.gpus) or "-"), str(one.ssh_port or "-")]


def _mount(one: Fields) -> str:
    return f"{one.text('prefix')} (read only)" if one.flag("readOnly") else one.text("prefix")


def _taint(one: Fields) -> str:
    value = f"={one.text('value')}" if one.text("value") else ""
    return f"{one.text('key')}{value}:{one.text('effect')}"


def _gpus(gpus: Sequence[Fields], bookings: Sequence[Booking]) -> list[str]:
    holders = {uuid: booking.owner for booking in bookings for uuid in booking.gpus}
    rows = [["INDEX", "MODEL", "MEMORY", "HEALTHY", "HELD BY", "UUID"]]
    rows += [
        [
            str(one.number("index")),
            one.text("model"),
            one.text("memory"),
            "no" if one.raw.get("healthy") is False else "yes",
            holders.get(one.text("uuid"), "-"),
            one.text("uuid"),
        ]
        for one in gpus
    ]
    return table.Printer().lines(rows)


def _holders(bookings: Sequence[Booking]) -> list[str]:
    rows = [["VPS", "CORES", "MEMORY", "GPUS", "SSH-PORT", ""]]
    for one in sorted(bookings, key=lambda one: one.owner):
        cores, *others = _held(one)
        alone, why = one.text("cpuset"), one.tombstone.text("why")
        rows.append(
            [
                one.owner,
                f"{cores} ({alone})" if alone else cores,
                *others,
                f"deleted: {why}" if one.tombstone else "",
            ]
        )
    return table.Printer().lines(rows)


def _allocation(api: Api, node: Object) -> Object | None:
    try:
        found = api.call("GET", api.path(kinds.NODE_ALLOCATION, name=node["metadata"]["name"]))
        return readable.allocation(found)
    except errors.NotFound:
        return {}
    except errors.Forbidden:
        return None
