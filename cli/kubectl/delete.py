"""`delete`: ask for the deletion of each object, then wait until each is gone."""

import dataclasses
from typing import Annotated

import typer

from kohakuriver import durations, errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api import awaiting, targets
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework import dry_run
from kohakuriver.cli.framework.dry_run import DryRun, Rehearsal
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import manifests
from kohakuriver.cli.kubectl.manifests import Problem
from kohakuriver.resources.kinds import ResourceType

EXAMPLES = """
kohakuriver delete vps dev
kohakuriver delete vps/dev vps/test --no-wait
kohakuriver delete -f dev.yaml
kohakuriver delete vps -l team=red --timeout 1m
kohakuriver delete vps --all --dry-run
kohakuriver delete vps --all
"""

Words = Annotated[list[str] | None, typer.Argument(metavar="KIND NAME... | KIND/NAME...", show_default=False)]
Files = Annotated[
    list[str] | None,
    typer.Option("--filename", "-f", metavar="FILE", help="What these manifests declare; - is stdin."),
]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Those of the kind with these labels."),
]
All = Annotated[bool, typer.Option("--all", help="All of the kind in the namespace.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Return only when they are gone.")]
Timeout = Annotated[
    str,
    typer.Option(
        "--timeout", metavar="DURATION", help="How long to wait; 0 is for ever. Then exit with 124."
    ),
]
IgnoreAbsent = Annotated[
    bool, typer.Option("--ignore-not-found", help="What is not there is as good as deleted.")
]


@dataclasses.dataclass(frozen=True)
class _Doomed:
    """One object to delete."""

    resource: ResourceType
    name: str
    namespace: str | None

    @property
    def title(self) -> str:
        return targets.title(self.resource, self.name)


def delete(
    settings: Settings,
    words: Words = None,
    filename: Files = None,
    selector: Selector = None,
    everything: All = False,
    wait: Wait = True,
    timeout: Timeout = "0",
    ignore_not_found: IgnoreAbsent = False,
    dry_run_text: DryRun = None,
) -> int:
    """Delete objects and wait until they are gone: of a VPS, its container and its files too."""
    rehearsal = dry_run.read(dry_run_text)
    seconds = parse_timeout(timeout)
    api = settings.api()
    chosen = _chosen(selector, everything=everything)
    doomed, good = _doomed(api, words or [], filename or [], chosen, settings.namespace)
    going: list[tuple[_Doomed, str]] = []
    for one in doomed:
        try:
            answer = _ask(api, one, rehearsal)
        except errors.NotFound:
            if not ignore_not_found:
                error = absent.missing(api, one.resource, one.name, namespace=one.namespace)
                screen.fail(error.message, hint=error.hint)
                good = False
            continue
        if rehearsal:
            screen.out(f"{one.title} deleted{rehearsal.suffix}")
        elif not answer.get("metadata", {}).get("deletionTimestamp") or answer.get("kind") == "Status":
            screen.out(f"{one.title} deleted")
        elif wait:
            going.append((one, answer["metadata"]["uid"]))
        else:
            screen.out(f"{one.title} is being deleted")
    deadline = Deadline(seconds or None)
    for one, uid in going:
        _await(api, one, uid, deadline, timeout)
    return 0 if good else 1


def _chosen(selector: str | None, *, everything: bool) -> str | None:
    """The selector; empty for all of the kind. Raises UsageError."""
    if everything and selector:
        raise failures.UsageError("--all and -l do not go together", hint="leave one of them out")
    if selector is not None and not selector.strip():
        raise failures.UsageError("-l names no label", hint="--all deletes all of the kind")
    return "" if everything else selector


def _ask(api: Api, one: _Doomed, rehearsal: Rehearsal) -> Object:
    """Ask for its deletion, or only look whether it is there. Raises ApiError."""
    path = api.path(one.resource, namespace=one.namespace, name=one.name)
    verb = "GET" if rehearsal is Rehearsal.CLIENT else "DELETE"
    return api.call(verb, path, params=rehearsal.params)


def parse_timeout(text: str) -> float:
    """The seconds that a duration stands for. Raises UsageError."""
    try:
        return durations.parse(text)
    except ValueError as error:
        raise failures.UsageError(f"--timeout: {error}", hint="a bare number counts seconds") from None


def _doomed(
    api: Api, words: list[str], files: list[str], selector: str | None, namespace: str | None
) -> tuple[list[_Doomed], bool]:
    """What is meant, and whether all of it was understood. Raises UsageError.

    Args:
        selector: empty for all of the kind.
    """
    if files and (words or selector is not None):
        raise failures.UsageError("-f goes with neither names, -l nor --all", hint="leave one of them out")
    if files:
        return _declared(api, files, namespace)
    if not words:
        raise failures.UsageError("what is to be deleted?", hint="kohakuriver delete KIND NAME, or -f FILE")
    if selector is not None:
        return _selected(api, words, selector), True
    found = [
        _Doomed(target.resource, name, _namespace(api, target.resource))
        for target in targets.named(words)
        for name in target.names
    ]
    return found, True


def _declared(api: Api, files: list[str], namespace: str | None) -> tuple[list[_Doomed], bool]:
    found: list[_Doomed] = []
    good = True
    for one in manifests.read(files):
        if isinstance(one, Problem):
            screen.fail(str(one))
            good = False
            continue
        inside = namespace or one.namespace or api.namespace
        found.append(_Doomed(one.resource, one.name, inside if one.resource.namespaced else None))
    return found, good


def _selected(api: Api, words: list[str], selector: str) -> list[_Doomed]:
    found = []
    for target in targets.parse(words):
        if target.names:
            option = "-l" if selector else "--all"
            raise failures.UsageError(f"names and {option} do not go together", hint="leave one of them out")
        namespace = _namespace(api, target.resource)
        path = api.path(target.resource, namespace=namespace)
        answer = api.call("GET", path, params={"labelSelector": selector})
        found += [_Doomed(target.resource, item["metadata"]["name"], namespace) for item in answer["items"]]
    if not found:
        screen.note(f'nothing carries the labels "{selector}"' if selector else "there is nothing to delete")
    return found


def _namespace(api: Api, resource: ResourceType) -> str | None:
    return api.namespace if resource.namespaced else None


def _await(api: Api, one: _Doomed, uid: str, deadline: Deadline, timeout: str) -> None:
    """Return when the object is gone; a namesake made since is another one."""
    said = Deadline(awaiting.SAY_AFTER)
    told: set[str] = set()

    def judge(body: Object | None) -> str:
        if body is None or body["metadata"]["uid"] != uid:
            return ""
        return awaiting.summary(body) or "it is still there"

    def tell(state: str) -> None:
        if said.passed and state not in told:
            told.add(state)
            screen.note(f"waiting for {one.title}: {state}")

    try:
        awaiting.until(
            api, one.resource, one.name, namespace=one.namespace, judge=judge, deadline=deadline, tell=tell
        )
    except failures.TimedOut as late:
        raise failures.TimedOut(
            f"{one.title} is not gone after {timeout}: {late.message}",
            hint=f"its deletion goes on; see how: kohakuriver describe {one.title}",
        ) from None
    screen.out(f"{one.title} deleted")
    screen.flush()
