"""`describe`: one object for a person to read: how it stands, what was declared, and its latest events."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from kohakuriver import errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api import readable, targets
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.declared import Argument, Option
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import merge
from kohakuriver.cli.view import node_overview as overview
from kohakuriver.cli.view import sections, standing
from kohakuriver.clock import SystemClock
from kohakuriver.resources import conditions as types
from kohakuriver.resources import kinds, view
from kohakuriver.resources.kinds import ResourceType

EXAMPLES = """
kohakuriver describe vps dev
kohakuriver describe node/n1
kohakuriver describe vps -l team=red
"""
_SNAPSHOTS = 5  # the newest, of a VPS

Words = Annotated[list[str] | None, Argument(metavar="KIND [NAME]... | KIND/NAME...", show_default=False)]
Selector = Annotated[
    str | None,
    Option("--selector", "-l", metavar="LABELS", help="Those of the kind with these labels."),
]


def describe(settings: Settings, words: Words = None, selector: Selector = None) -> int:
    """Show objects in full: how they stand and why, what was declared, and their latest events."""
    wanted = targets.parse(words or [])
    api = settings.api()
    now = SystemClock().now()
    pages, good = [], True
    for target in wanted:
        if target.names and selector:
            raise failures.UsageError("names and -l do not go together", hint="leave one of them out")
        namespace = api.namespace if target.resource.namespaced else None
        if not target.names:
            params = {"labelSelector": selector} if selector else {}
            answer = api.call("GET", api.path(target.resource, namespace=namespace), params=params)
            pages += [_told(api, target.resource, item, now) for item in answer["items"]]
        for name in target.names:
            try:
                body = absent.get(api, target.resource, name, namespace=namespace)
            except errors.NotFound as error:
                screen.fail(error.message, hint=error.hint)
                good = False
                continue
            pages.append(_told(api, target.resource, body, now))
    screen.out("\n\n\n".join("\n".join(lines) for lines in pages), end="\n" if pages else "")
    if good and not pages:
        screen.note("nothing to describe")
    return 0 if good else 1


def _told(api: Api, resource: ResourceType, body: Object, now: datetime.datetime) -> list[str]:
    events, policies = events_of(api, resource, body), policies_of(api, resource, body)
    kept = snapshots_of(api, resource, body)
    return page(body, resource, events, now, policies=policies, kept=kept, width=screen.width())


def page(
    body: Object,
    resource: ResourceType,
    events: list[Object],
    now: datetime.datetime,
    *,
    policies: Sequence[str] = (),
    kept: Sequence[Object] = (),
    width: int | None = None,
) -> list[str]:
    """The whole text about one object. `policies` hold for it, `kept` are Snapshots of it, the newest first,
    `width` is the terminal's."""
    body = readable.of(resource, body)
    found = view.Object.of(body)
    metadata, status = found.metadata, found.status
    annotations = {key: value for key, value in found.annotations.items() if key != merge.LAST_APPLIED}
    lines = sections.pairs(
        [
            ("Name", found.name),
            ("Namespace", found.namespace),
            *_standing(body, resource, now),
            ("Policies", list(policies)),
            ("Created", sections.moment(found.created, now)),
            ("Deletion asked", sections.moment(metadata.text("deletionTimestamp"), now)),
            ("Labels", _list(found.labels)),
            ("Annotations", _list(annotations)),
            ("UID", found.uid),
        ],
        width=width,
    )
    if resource is kinds.RESOURCE_QUOTA:
        return [*lines, "Limits:", *sections.limits(status.raw, width=width)]
    lines += _part("Spec", found.spec.raw, width)
    if resource is kinds.VPS:
        lines += _snapshots(body, kept, now, width)
    lines += _happened(resource, found.conditions, events, now, width)
    at_the_top = ("phase", "reason", "message")
    rest = {key: value for key, value in status.raw.items() if key not in at_the_top}
    lines += _part("Status", rest, width)
    others = ("apiVersion", "kind", "metadata", "spec", "status")
    return lines + sections.pairs(sections.titled({k: v for k, v in body.items() if k not in others}).items())


def _happened(
    resource: ResourceType,
    conditions: Sequence[view.Condition],
    events: list[Object],
    now: datetime.datetime,
    width: int | None,
) -> list[str]:
    """Conditions and events, above the numbers that only programs need."""
    lines: list[str] = []
    if conditions:
        lines += ["Conditions:", *sections.conditions(conditions, now, width=width)]
    if resource is kinds.EVENT:
        return lines
    if not events:
        return [*lines, "Events:  none in the last hour"]
    return [*lines, "Events:", *sections.events(events, now, width=width)]


def _standing(body: Object, resource: ResourceType, now: datetime.datetime) -> list[tuple[str, Any]]:
    """What most people look for first."""
    if resource is kinds.NODE:
        node = view.Node.of(body)
        word, message = node.word, node.condition(types.READY).message
        return [
            ("Status", f"{word}: {message}" if message and word.startswith("NotReady") else word),
            ("Cores", overview.sharing(body, None)),
        ]
    if resource is kinds.SNAPSHOT:
        return _of_snapshot(view.Snapshot.of(body), now)
    if resource is not kinds.VPS:
        return []
    vps = view.VPS.of(body)
    container = vps.observed.container
    return [
        ("Status", f"{vps.word}: {vps.why}" if vps.why else vps.word),
        ("Node", vps.node or "none yet"),
        ("Resources", standing.resources(body)),
        ("SSH port", vps.grant.ssh_port),
        ("SSH", standing.ssh(body)),
        ("Container", container.name),
        ("Started", sections.moment(container.started_at, now)),
        ("Unreachable", sections.moment(vps.unreachable_since, now)),
    ]


def _of_snapshot(found: view.Snapshot, now: datetime.datetime) -> list[tuple[str, Any]]:
    from kohakuriver.cli.view import snapshots  # here and below: other kinds do without it

    expires = snapshots.expires(found, now)
    return [
        ("Status", f"{found.word}: {found.message}" if found.message else found.word),
        ("VPS", found.vps.text("name")),
        ("Node", found.node),
        ("Taken", sections.moment(found.taken_at, now)),
        ("Expires", f"in {expires}" if expires else "when somebody deletes it"),
        ("Size", snapshots.size(found)),
        ("Paused", snapshots.paused(found)),
        ("Not in it", list(found.left_out)),
        ("Failed", snapshots.failed_hooks(found)),
    ]


def _snapshots(body: Object, kept: Sequence[Object], now: datetime.datetime, width: int | None) -> list[str]:
    """When they are taken, and the last ones; nothing where there are none and none are planned."""
    if not kept and not view.VPS.of(body).spec.snapshots:
        return []
    from kohakuriver.cli.view import snapshots

    planned = [("Schedule", snapshots.plan(body)), ("Next", snapshots.following(body, now))]
    lines = sections.indented(sections.pairs(planned))
    if kept:
        lines += snapshots.table_lines(kept[:_SNAPSHOTS], now, width=width)
    if len(kept) > _SNAPSHOTS:
        more = f"kohakuriver vps snapshots {view.Object.of(body).name}"
        lines.append(f"{sections.INDENT}and {len(kept) - _SNAPSHOTS} more: {more}")
    return ["Snapshots:", *(lines or [f"{sections.INDENT}none"])]


def _part(name: str, part: Mapping[str, Any], width: int | None) -> list[str]:
    room = None if width is None else width - len(sections.INDENT)
    inner = sections.pairs(sections.titled(part).items(), width=room)
    return [f"{name}:", *sections.indented(inner)] if inner else []


def _list(found: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in sorted(found.items())]


def policies_of(api: Api, resource: ResourceType, body: Object) -> list[str]:
    """What Policies say of a VPS's namespace, as the server tells it; nothing where it tells nothing."""
    if resource is not kinds.VPS:
        return []
    try:
        namespace = api.call("GET", api.path(kinds.NAMESPACE, name=body["metadata"]["namespace"]))
    except (errors.Forbidden, errors.NotFound):
        return []
    status = namespace.get("status")
    found = status.get("policies") if isinstance(status, dict) else None
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def snapshots_of(api: Api, resource: ResourceType, body: Object) -> list[Object]:
    """The Snapshots of a VPS, the newest first; nothing where they may not be read."""
    if resource is not kinds.VPS:
        return []
    from kohakuriver.cli.view import snapshots

    path = api.path(kinds.SNAPSHOT, namespace=body["metadata"]["namespace"])
    params = {"fieldSelector": f"spec.vps.name={body['metadata']['name']}"}
    try:
        return snapshots.of_vps(api.call("GET", path, params=params)["items"], body)
    except (errors.Forbidden, errors.NotFound):
        return []


def events_of(api: Api, resource: ResourceType, body: Object) -> list[Object]:
    """The object's events. Who may not read them sees the rest all the same."""
    if resource is kinds.EVENT:
        return []
    metadata = body["metadata"]
    selector = f"involvedObject.kind={resource.kind},involvedObject.name={metadata['name']}"
    if resource is not kinds.NODE:  # what reports on nodes may not know their uid
        selector += f",involvedObject.uid={metadata['uid']}"
    path = api.path(kinds.EVENT, namespace=metadata.get("namespace"))
    try:
        answer = api.call("GET", path, params={"fieldSelector": selector})
    except errors.Forbidden as error:
        screen.warn(f"events are not shown: {error.message}")
        return []
    return [readable.event(one) for one in answer["items"]]
