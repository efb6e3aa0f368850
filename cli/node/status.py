"""`node status`: one node for a person: what it has, who holds it, how it stands, and what to do next."""

import datetime
import shlex
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
from kohakuriver.resources import kinds, node_words

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
    found = node.get("status") or {}
    lines = sections.pairs(_facts(node, allocation, now), width=width)
    if found.get("gpus"):
        lines += ["", "GPUs:", *sections.indented(_gpus(found["gpus"], allocation or {}))]
    bookings = (allocation or {}).get("bookings") or {}
    if bookings:
        lines += ["", "Held by:", *sections.indented(_holders(list(bookings.values())))]
    if found.get("unknown"):
        lines += ["", "Containers of this cluster that no VPS accounts for, left alone:"]
        lines += sections.indented(_unknown(found["unknown"]))
    if found.get("conditions"):
        lines += ["", "Conditions:", *sections.conditions(found["conditions"], now, width=width)]
    if events:
        latest = sorted(events, key=sections.when)[-_EVENTS:]
        lines += ["", "Events:", *sections.events(latest, now, width=width)]
    commands = next_commands(node)
    if commands:
        lines += ["", "Next:", *sections.indented(commands)]
    return lines


def _typed(said: Any) -> str:
    """What a node says, in a command that somebody will paste."""
    return shlex.quote(str(said))


def next_commands(node: Object) -> list[str]:
    """What somebody who looks at it probably wants to type."""
    name, spec = node["metadata"]["name"], node.get("spec") or {}
    if node_words.condition(node, "Ready").get("status") == "Unknown":
        return [f"kohakuriver node forget {name} --destroyed   # only if the machine is gone for good"]
    found = node.get("status") or {}
    commands = [
        f"kohakuriver vps adopt {_typed(one['vps'])} -n {_typed(one['namespace'])}"
        "   # once it is declared again"
        for one in found.get("unknown") or ()
        if one.get("vps") and one.get("namespace")
    ]
    if found.get("quarantine"):
        commands.append(f"kohakuriver node accept {name}   # what is declared is carried out again")
    if commands:
        return commands
    if spec.get("drain") or spec.get("unschedulable"):
        return [f"kohakuriver node uncordon {name}"]
    return []


def _facts(node: Object, allocation: Object | None, now: datetime.datetime) -> list[tuple[str, Any]]:
    metadata, found = node["metadata"], node.get("status") or {}
    info, ports = found.get("nodeInfo") or {}, found.get("sshPorts") or {}
    cores, memory, _ = overview.amounts(node, allocation)
    booked = " booked" if allocation is not None else ""
    return [
        ("Name", metadata["name"]),
        ("Status", overview.word(node)),
        ("Cores", overview.sharing(node, allocation) or cores + booked),
        ("Memory", memory + booked),
        ("NUMA nodes", [f"{one['id']}: cores {one['cpuset']}" for one in found.get("numa") or ()]),
        ("SSH ports", f"{ports['first']}-{ports['last']} on {ports['address']}" if ports else ""),
        ("Privileged", "allowed" if found.get("allowPrivileged") else ""),
        ("Mounts", [_mount(one) for one in found.get("allowMounts") or ()]),
        ("Labels", [f"{key}={value}" for key, value in sorted((metadata.get("labels") or {}).items())]),
        ("Taints", [_taint(one) for one in (node.get("spec") or {}).get("taints") or ()]),
        ("Host", info.get("hostname")),
        ("System", info.get("operatingSystem")),
        ("Kernel", info.get("kernelVersion")),
        ("Engine", info.get("runtimeVersion")),
        ("Agent", info.get("agentVersion")),
        ("Created", sections.moment(metadata.get("creationTimestamp"), now)),
        ("Quarantine", _quarantine(found.get("quarantine"), now)),
    ]


def _quarantine(quarantine: Object | None, now: datetime.datetime) -> list[str]:
    if not quarantine:
        return []
    return [
        f"since {sections.moment(quarantine['since'], now)}: {quarantine['why']}",
        "nothing is created, started, stopped, changed or removed here; what runs goes on",
    ]


def _unknown(containers: list[Object]) -> list[str]:
    rows = [["CONTAINER", "VPS", "STATE", "CORES", "MEMORY", "GPUS", "SSH-PORT", "IMAGE"]]
    for one in containers:
        rows.append(
            [
                str(one["container"]),
                f"{one.get('namespace') or '?'}/{one.get('vps') or '?'}",
                str(one.get("state") or "?"),
                _cores(one),
                str(one.get("memory") or "-"),
                str(len(one.get("gpus") or ()) or "-"),
                str(one.get("sshPort") or "-"),
                str(one.get("image") or "?"),
            ]
        )
    return table.Printer().lines(rows)


def _cores(one: Object) -> str:
    return quantity.shown_cores(one["cores"]) if one.get("cores") else "-"


def _mount(one: Object) -> str:
    return f"{one['prefix']} (read only)" if one.get("readOnly") else str(one["prefix"])


def _taint(one: Object) -> str:
    value = f"={one['value']}" if one.get("value") else ""
    return f"{one['key']}{value}:{one['effect']}"


def _gpus(gpus: list[Object], allocation: Object) -> list[str]:
    holders = {
        uuid: f"{booking.get('namespace')}/{booking.get('name')}"
        for booking in (allocation.get("bookings") or {}).values()
        for uuid in booking.get("gpus") or ()
    }
    rows = [["INDEX", "MODEL", "MEMORY", "HEALTHY", "HELD BY", "UUID"]]
    rows += [
        [
            str(one["index"]),
            str(one.get("model") or ""),
            str(one.get("memory") or ""),
            "no" if one.get("healthy") is False else "yes",
            holders.get(one["uuid"], "-"),
            str(one["uuid"]),
        ]
        for one in gpus
    ]
    return table.Printer().lines(rows)


def _holders(bookings: list[Object]) -> list[str]:
    rows = [["VPS", "CORES", "MEMORY", "GPUS", "SSH-PORT", ""]]
    for one in sorted(bookings, key=lambda one: (str(one.get("namespace")), str(one.get("name")))):
        rows.append(
            [
                f"{one.get('namespace')}/{one.get('name')}",
                _cores(one) + (f" ({one['cpuset']})" if one.get("cpuset") else ""),
                str(one.get("memory") or "-"),
                str(len(one.get("gpus") or ()) or "-"),
                str(one.get("sshPort") or "-"),
                f"deleted: {one['tombstone'].get('why')}" if one.get("tombstone") else "",
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
