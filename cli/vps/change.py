"""What the run-state verbs share: find the VPSes, declare, wait. `stop.py` and the others stand on it.

Each change is a patch that may be sent twice: a lost answer is asked for again.
"""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import MERGE_PATCH, Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl.delete import parse_timeout
from kohakuriver.cli.vps import goals, keeping, waiting
from kohakuriver.cli.vps.waiting import Goal
from kohakuriver.resources import kinds

IDs = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID...", show_default=False, help="Names of VPSes, or their starts."),
]
WaitFor = Annotated[bool, typer.Option("--wait/--no-wait", help="Return only when it is so.")]
Timeout = Annotated[
    str,
    typer.Option(
        "--timeout", metavar="DURATION", help="How long to wait; 0 is for ever. Then exit with 124."
    ),
]


Patience = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="DURATION",
        help="How long to wait; 0 is for ever. Then exit with 124. [default: 0 on a terminal, else 5m]",
        show_default=False,
    ),
]
UNATTENDED = "5m"


def patience(given: str | None, *, attended: bool) -> tuple[float | None, str]:
    """Seconds to wait, None for ever, and the words for it; `attended`: somebody sees it, and can leave it.
    Raises UsageError."""
    text = given if given is not None else "0" if attended else UNATTENDED
    return parse_timeout(text) or None, text


@dataclasses.dataclass(frozen=True, slots=True)
class Verb:
    """One way to change the run state."""

    name: str  # "stop"
    done: str  # "stopped"
    goal: Callable[[str], goals.Judge]
    spec: Callable[[Object], dict[str, Any]]
    """The fields of spec to set for a VPS. Raises KohakuRiverError for one that this makes no sense for."""
    then: str = "runs"  # what it does once nothing is in its way
    kept: bool = False  # whether files that it replaces are kept, as a Snapshot


def carry_out(
    settings: Settings, ids: list[str] | None, verb: Verb, *, wait: bool, timeout: str | None
) -> int:
    """Do it to all of them; 1 when one of them went wrong."""
    seconds, words = patience(timeout, attended=screen.is_watched())
    if not ids:
        raise failures.UsageError(
            "which VPS is meant? an ID is missing", hint=f"kohakuriver vps {verb.name} ID"
        )
    api = settings.api()
    wanted: list[Goal] = []
    declared: list[Object] = []
    there, good = lookup.present(api, ids)
    for vps in there:
        name = vps["metadata"]["name"]
        try:
            after = declare(api, vps, verb.spec(vps))
        except (errors.ApiError, goals.Hopeless) as error:
            screen.fail(f"{targets.title(kinds.VPS, name)}: {error.message}", hint=error.hint)
            good = False
            continue
        declared.append(after)
        wanted.append(Goal(name, verb.goal(vps["metadata"]["uid"]), verb.done, verb.then))
    if not wait:
        for goal in wanted:
            screen.out(f"{goal.title} will be {goal.done}")
        if verb.kept:
            keeping.announce(declared)
        return 0 if good else 1
    outcomes = waiting.wait(api, wanted, Deadline(seconds), timeout=words, reader=settings.reader())
    if verb.kept:
        keeping.tell(api, [one.vps for one in outcomes if one.vps and not one.error], settings.reader())
    return 0 if good and not any(outcome.error for outcome in outcomes) else 1


def declare(api: Api, vps: Object, spec: dict[str, Any]) -> Object:
    """Set these fields of exactly this VPS, not of a namesake. Raises ApiError."""
    metadata = vps["metadata"]
    return insist.call(
        api,
        "PATCH",
        api.path(kinds.VPS, namespace=metadata["namespace"], name=metadata["name"]),
        params={"fieldManager": "kohakuriver-vps"},
        body={"metadata": {"uid": metadata["uid"]}, "spec": spec},
        content_type=MERGE_PATCH,
    )
