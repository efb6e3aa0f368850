"""`node drain`: stop all VPSes on nodes, their specs untouched, and wait until nothing runs there."""

from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import follow
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.progress import Progress
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl.delete import parse_timeout
from kohakuriver.cli.node import change, lookup, tenants
from kohakuriver.cli.node.change import Nodes
from kohakuriver.cli.view import standing
from kohakuriver.cli.vps.change import Timeout, WaitFor
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver node drain n1
kohakuriver node drain n1 --timeout 5m
kohakuriver node uncordon n1
"""


def drain(settings: Settings, nodes: Nodes = None, wait: WaitFor = True, timeout: Timeout = "0") -> int:
    """Stop all VPSes on nodes, for maintenance. Their files stay there, and `uncordon` starts them again."""
    seconds = parse_timeout(timeout)
    api = settings.api()
    deadline = Deadline(seconds or None)
    found, good = lookup.present(api, nodes, verb="drain")
    for node in found:
        change.patch(api, node, {"spec": {"drain": True, "unschedulable": True}})
        if not wait:
            screen.out(f"{change.title(node)} will be drained")
    for node in found if wait else ():
        _await(api, node, deadline, timeout)
        screen.out(f"{change.title(node)} drained")
        screen.flush()
    return 0 if good else 1


def _await(api: Api, node: Object, deadline: Deadline, timeout: str) -> None:
    """Return when nothing runs there. Raises TimedOut; Ctrl-C undoes nothing."""
    name = node["metadata"]["name"]
    up: dict[str, str] = {}
    with Progress() as progress:
        try:
            for change_ in follow.follow(
                api, api.path(kinds.VPS), params=tenants.params(name), deadline=deadline, tell=progress.note
            ):
                _see(up, change_)
                if not up:
                    return
                progress.say(_line(name, up))
        except failures.TimedOut:
            raise failures.TimedOut(
                f"{change.title(node)} is not drained after {timeout}: {_line(name, up)}",
                hint=f"it goes on; take it back: kohakuriver node uncordon {name}",
            ) from None
        except KeyboardInterrupt:
            progress.note(
                f"no longer waiting; {change.title(node)} goes on draining; "
                f"take it back: kohakuriver node uncordon {name}"
            )
            raise


def _see(up: dict[str, str], change_: follow.Change) -> None:
    """Keep `up` at what still runs: names and how they stand."""
    if change_.type == "LISTED":
        up.clear()
        up |= {
            tenants.title(vps): standing.progress(vps)
            for vps in change_.object["items"]
            if tenants.is_up(vps)
        }
        return
    if change_.type == "BOOKMARK":
        return
    title = tenants.title(change_.object)
    if change_.type == "DELETED" or not tenants.is_up(change_.object):
        up.pop(title, None)
    else:
        up[title] = standing.progress(change_.object)


def _line(node: str, up: dict[str, str]) -> str:
    title, state = next(iter(up.items()), ("", "it has not been seen yet"))
    count = f"{len(up)} VPS" + ("" if len(up) == 1 else "es")
    return f"{count} left on {node}; {title}: {state}" if title else state
