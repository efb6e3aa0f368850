"""`apply`: create or change objects as manifests declare them, one by one; each says what became of it."""

from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api.http import Api
from kohakuriver.cli.framework import dry_run
from kohakuriver.cli.framework.dry_run import DryRun
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.kubectl import declaring, manifests, pruning
from kohakuriver.cli.kubectl.declaring import Way
from kohakuriver.cli.kubectl.manifests import Problem

EXAMPLES = """
kohakuriver apply -f dev.yaml
kohakuriver apply -R -f manifests/ -n team
cat dev.yaml | kohakuriver apply -f -
kohakuriver apply -f dev.yaml --dry-run
kohakuriver apply -f dev.yaml --server-side
kohakuriver apply -f manifests/ --prune -l app=lab
"""
_HOPELESS = (errors.Unreachable, errors.Unauthorized)  # the next object would fare no better

Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename", "-f", metavar="FILE", help="A file, a folder of files, or - for stdin; may be repeated."
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-R", help="Folders in the folder too.")]
ServerSide = Annotated[
    bool, typer.Option("--server-side", help="Have the server merge: it keeps whose each field is.")
]
ForceConflicts = Annotated[
    bool, typer.Option("--force-conflicts", help="Take over fields that others manage (--server-side).")
]
Manager = Annotated[
    str | None,
    typer.Option("--field-manager", metavar="NAME", help="Who makes this change.", show_default=False),
]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune", help="Delete what was applied before and is declared no more, of those -l names."
    ),
]
Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Only objects with these labels: a=b,c!=d."),
]
All = Annotated[bool, typer.Option("--all", help="With --prune: whatever its labels.")]


def apply(
    settings: Settings,
    filename: Files = None,
    recursive: Recursive = False,
    server_side: ServerSide = False,
    force_conflicts: ForceConflicts = False,
    field_manager: Manager = None,
    prune: Prune = False,
    selector: Selector = None,
    everything: All = False,
    dry_run_text: DryRun = None,
) -> int:
    """Create or change objects as manifests declare them.

    What a manifest no longer says is removed, what it never said is left alone. A document that is wrong
    changes nothing; the others are applied all the same.
    """
    if not filename:
        raise failures.UsageError("what is to be applied?", hint="name a file: kohakuriver apply -f FILE")
    way = Way(dry_run.read(dry_run_text), server_side, force_conflicts, field_manager or "")
    _check(way, prune, selector, everything)
    found = manifests.read(filename, recursive=recursive)
    if selector:
        found = [one for one in found if isinstance(one, Problem) or pruning.carries(one.body, selector)]
        if not found:
            screen.note(f'no manifest carries the labels "{selector}"')
    api = settings.api()
    went_well = [_apply_one(api, one, settings.namespace, way) for one in found]
    good = all(went_well)
    if prune and not good:
        screen.note("nothing is pruned, because not everything could be applied")
    elif prune:
        declared = [one for one in found if not isinstance(one, Problem)]
        good = pruning.prune(api, declared, selector=selector, way=way)
    return 0 if good else 1


def _check(way: Way, prune: bool, selector: str | None, everything: bool) -> None:
    """Raises UsageError for what does not go together."""
    if way.force and not way.server_side:
        raise failures.UsageError(
            "--force-conflicts goes with --server-side", hint="add it, or leave this out"
        )
    if way.server_side and way.rehearsal is dry_run.Rehearsal.CLIENT:
        raise failures.UsageError(
            "only the server knows what --server-side does", hint="say --dry-run=server"
        )
    named = selector is not None and bool(selector.strip())  # an empty one, of an unset variable, is none
    if prune and named == everything:
        raise failures.UsageError(
            "--prune deletes what is declared no more: of which objects?",
            hint="name labels with -l, or say --all",
        )
    if selector and "(" in selector:
        raise failures.UsageError(
            "-l of apply takes a=b, a!=b, a and !a", hint="sets of values are for kohakuriver get"
        )
    if everything and not prune:
        raise failures.UsageError("--all goes with --prune", hint="leave it out")


def _apply_one(api: Api, one: manifests.Read, namespace: str | None, way: Way) -> bool:
    """Whether it went well; what happened is printed."""
    if isinstance(one, Problem):
        screen.fail(str(one))
        return False
    if namespace and one.namespace not in (None, namespace):
        wrong = f"the manifest says {one.namespace}, the command line says {namespace}"
        screen.fail(str(one.problem(wrong, field="metadata.namespace")))
        return False
    try:
        done = declaring.bring_about(api, one, way)
        screen.out(f"{one.title} {done.word}{way.rehearsal.suffix}")
        screen.flush()
        return True
    except _HOPELESS:
        raise
    except errors.ApiError as error:
        declaring.report(one, error)
        return False
