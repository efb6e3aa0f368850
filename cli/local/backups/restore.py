"""`restore`: bring the control plane of a cluster back from a backup. All of it, or nothing has changed."""

import contextlib
import errno
import os
import re
import sys
from pathlib import Path
from typing import IO, Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.local.backups import archive, manifest
from kohakuriver.cli.local.backups.manifest import Manifest
from kohakuriver.cli.local.backups.restoring import Restoring

EXAMPLES = """
kohakuriver restore --check backups/*.tar
kohakuriver restore river.tar
kohakuriver restore river.tar --replace
gzip -d <river.tar.gz | kohakuriver restore - --replace
"""
STDIN = "-"
_VPS = re.compile(r"[a-z0-9][-a-z0-9]*(@[-.a-z0-9]+)?")
_VPS_AND_SNAPSHOT = 2  # words
Backups = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", show_default=False, help="The backup; - is stdin."),
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="DIR",
        help="Where to. [default: ~/.kohakuriver for a cluster of `up`, /etc/kohakuriver for one on several "
        "machines]",
    ),
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Set aside what is there, under a name that is told. Nothing is deleted."),
]
Check = Annotated[
    bool,
    typer.Option("--check", help="Only say whether it is whole and what is inside; of several, of each."),
]
StoreOnly = Annotated[
    bool,
    typer.Option(
        "--store-only",
        help="Only load the objects into the etcd that the settings in --to name; it runs, and is empty.",
    ),
]


def restore(
    backups: Backups,
    to: To = None,
    replace: Replace = False,
    check: Check = False,
    store_only: StoreOnly = False,
) -> int:
    """Bring the control plane of a cluster back from a backup. It is put in its place in one step at the end:
    until then, whatever goes wrong, nothing has changed. Every node is in quarantine afterwards, where what
    runs goes on and nothing is changed, until `kohakuriver node accept`.
    """
    if check:
        return _check(backups)
    vps = _of_a_vps(backups)
    if len(backups) > 1:
        hint = vps or "look at several with --check"
        raise failures.UsageError("one backup is restored at a time", hint=hint)
    if store_only and replace:
        raise failures.UsageError("--store-only and --replace exclude each other")
    if vps:
        raise failures.UsageError(f'there is no backup of a control plane "{backups[0]}" here', hint=vps)
    try:
        return _restore(backups[0], to, replace=replace, store_only=store_only)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.ConfigError(
                f"nothing was restored: {error.strerror}", hint="make room on that disk, then do it again"
            ) from None
        raise


def _of_a_vps(words: list[str]) -> str:
    """What to type where a VPS may be meant, as by `restore dev` and `restore dev before`; else nothing."""
    if not _VPS.fullmatch(words[0]) or len(words) > _VPS_AND_SNAPSHOT or any(map(os.path.exists, words)):
        return ""
    return f"the files of a VPS: kohakuriver vps restore {' '.join(words)}"


def _check(backups: list[str]) -> int:
    broken = 0
    for name in backups:
        try:
            with _opened(name) as stream:
                found = archive.read(stream)
        except errors.KohakuRiverError as error:
            screen.fail(f"{name}: {error.message}")
            broken += 1
            continue
        screen.out(f"{'the backup on stdin' if name == STDIN else name} is whole: {_described(found)}")
    return 1 if broken else 0


def _described(found: Manifest) -> str:
    return (
        f"cluster {found.cluster} as of {found.when()}, {found.folder} on {found.host}, {found.records} keys "
        f"of etcd at revision {found.revision}, by KohakuRiver {found.version}; {manifest.KEYS[found.keys]}"
    )


def _opened(name: str) -> IO[bytes]:
    return sys.stdin.buffer if name == STDIN else Path(name).open("rb")


def _restore(name: str, to: Path | None, *, replace: bool, store_only: bool) -> int:
    with contextlib.ExitStack() as stack, _opened(name) as stream:
        one = Restoring(to, stack, replace=replace, store_only=store_only)
        found = archive.read(stream, one.prepare)
        for line in one.finish(found):
            screen.out(line)
    return 0
