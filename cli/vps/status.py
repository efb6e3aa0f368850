"""`vps status`: one VPS for a person: how it stands, where it is, what it holds, and what to do next."""

import datetime
from pathlib import Path
from typing import Annotated, Any

from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.access import identity
from kohakuriver.cli.api import readable
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.declared import Argument, Option
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import describe, output
from kohakuriver.cli.view import sections, standing
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS, Amounts, Container

EXAMPLES = """
kohakuriver vps status dev
kohakuriver vps status dev test
kohakuriver vps status dev -o yaml
"""
_EVENTS = 8  # the latest

IDs = Annotated[
    list[str] | None,
    Argument(metavar="ID...", show_default=False, help="Names of VPSes, or their starts."),
]
Format = Annotated[
    str | None,
    Option("--output", "-o", metavar="FORMAT", help="The whole object: yaml, json, name, jsonpath=…"),
]


def status(settings: Settings, ids: IDs = None, output_format: Format = None) -> int:
    """Show how VPSes stand: node, container, SSH port, resources, times, conditions, events, what to do."""
    render = output.of_objects(output_format)
    if not ids:
        raise failures.UsageError("which VPS is meant? an ID is missing", hint="kohakuriver vps status ID")
    api = settings.api()
    there, good = lookup.present(api, ids)
    if render is not None:
        whole = [output.without_noise(output.typed(vps, kinds.VPS)) for vps in there]
        alone = len(ids) == 1 or output_format == "name"
        screen.out("".join(map(render, whole)) if alone else render(output.combined(whole)), end="")
        return 0 if good else 1
    now = SystemClock().now()
    pages = ["\n".join(_page(api, readable.vps(vps), now, settings.reader())) for vps in there]
    screen.out("\n\n\n".join(pages), end="\n" if pages else "")
    return 0 if good else 1


def _page(api: Api, vps: Object, now: datetime.datetime, reader: standing.Reader) -> list[str]:
    return page(
        vps,
        lookup.node_of(api, vps),
        describe.events_of(api, kinds.VPS, vps),
        now,
        key=identity.own(vps, home=Path.home()),
        reader=reader,
        width=screen.width(),
    )


def page(
    vps: Object,
    node: Object | None,
    events: list[Object],
    now: datetime.datetime,
    *,
    key: Path | None,
    reader: standing.Reader = standing.HERE,
    width: int | None = None,
) -> list[str]:
    """The whole text about one VPS; `width` is the terminal's. Pure."""
    lines = sections.pairs(_facts(vps, now), width=width)
    if conditions := VPS.of(vps).conditions:
        lines += ["", "Conditions:", *sections.conditions(conditions, now, width=width)]
    if events:
        latest = sorted(events, key=sections.when)[-_EVENTS:]
        lines += ["", "Events:", *sections.events(latest, now, width=width)]
    commands = standing.next_commands(vps, node, reader=reader, key=key)
    if commands:
        lines += ["", "Next:", *sections.indented(commands)]
    return lines


def _facts(vps: Object, now: datetime.datetime) -> list[tuple[str, Any]]:
    found = VPS.of(vps)
    grant, container = found.grant, found.observed.container
    return [
        ("Task ID", found.name),
        ("Namespace", found.namespace),
        ("Status", f"{found.word}: {found.why}" if found.why else found.word),
        ("Declared", found.spec.run_state),
        ("Node", found.node or "none yet"),
        ("SSH port", grant.ssh_port),
        ("SSH", standing.ssh(vps)),
        ("Resources", standing.resources(vps)),
        ("Placed on", _placed(grant)),
        ("GPUs", list(grant.gpus)),
        ("Image", found.spec.image),
        ("Environment", found.spec.environment),
        ("Files from", f"snapshot/{found.spec.files_from}" if found.spec.files_from else ""),
        ("Container", container.name),
        ("Restarts", container.restarts),
        ("Last exit", _exit(container)),
        ("Created", sections.moment(found.created, now)),
        ("Assigned", sections.moment(found.assignment.bound_at, now)),
        ("Started", sections.moment(container.started_at, now)),
        ("Ended", sections.moment(container.finished_at, now)),
        ("Unreachable", sections.moment(found.unreachable_since, now)),
        ("UID", found.uid),
    ]


def _placed(grant: Amounts) -> str:
    cpuset, numa = grant.text("cpuset"), grant.number("numa")
    cores = f"cores {cpuset} alone" if cpuset else ""
    return ", ".join(part for part in (cores, "" if numa is None else f"NUMA node {numa}") if part)


def _exit(container: Container) -> str:
    code = container.number("exitCode")
    if container.flag("oomKilled"):
        return "out of memory"
    return f"code {code}" if code is not None else ""
