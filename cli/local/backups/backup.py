"""`backup`: the control plane of a cluster as one file: whole or not there, for its owner alone."""

import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from kohakuriver import errors, private_file
from kohakuriver.cli import failures, screen
from kohakuriver.cli.local.backups import archive, etcd_copy, manifest, retention, sources
from kohakuriver.cli.local.backups.manifest import Manifest
from kohakuriver.cli.local.backups.sources import Source
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.flags import DataDir
from kohakuriver.clock import Clock, SystemClock

EXAMPLES = """
kohakuriver backup river.tar
kohakuriver backup backups/ --keep 7
kohakuriver backup - | gzip >river.tar.gz
"""
STDOUT = "-"

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        show_default=False,
        help="A file, a directory (the name then tells the time), or - for stdout.",
    ),
]
SettingsFolder = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="DIR",
        help="Of a cluster on several machines: the folder of its settings here. "
        "[default: /etc/kohakuriver, where no cluster of `up` is]",
    ),
]
WithoutKeys = Annotated[
    bool,
    typer.Option("--without-keys", help="Leave out the keys of encryption at rest (--encryption-keys)."),
]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep",
        metavar="N",
        min=1,
        help="In a directory: remove older backups of this cluster, so that N are left.",
    ),
]


def backup(
    target: Target,
    data_dir: DataDir = None,
    settings: SettingsFolder = None,
    without_keys: WithoutKeys = False,
    keep: Keep = None,
) -> int:
    """Write what brings the control plane of this cluster back: all objects, the certificate authorities,
    keys, tokens and settings. The cluster runs on meanwhile. Files of VPSes are on their nodes, not inside.

    The file holds every secret of the cluster: keep it as you keep those, or encrypt it on its way.
    """
    _check(target, keep)
    source = _source(data_dir, settings, with_keys=not without_keys)
    clock = SystemClock()
    if target == STDOUT:
        with etcd_copy.saved(source.etcd, None) as store:
            made = archive.write(sys.stdout.buffer, _manifest(source, store), store, source.files)
            sys.stdout.buffer.flush()
        _tell(made, "wrote a backup to stdout")
        return 0
    path = Path(target)
    if target.endswith("/") or path.is_dir():
        _into_folder(source, path, keep, clock)
    else:
        _into_file(source, path)
    return 0


def _check(target: str, keep: int | None) -> None:
    if target == STDOUT and sys.stdout.isatty():
        raise failures.UsageError(
            "a backup is no text for a terminal", hint="kohakuriver backup FILE, or: kohakuriver backup - | …"
        )
    if keep is not None and not (target.endswith("/") or Path(target).is_dir()):
        raise failures.UsageError(
            "--keep goes with a directory", hint=f"kohakuriver backup DIRECTORY/ --keep {keep}"
        )


def _source(data_dir: Path | None, settings: Path | None, *, with_keys: bool) -> Source:
    if data_dir is not None and settings is not None:
        raise failures.UsageError(
            "--data-dir and --settings exclude each other",
            hint="--data-dir is of a cluster of `up`, --settings of one on several machines",
        )
    files = ClusterFiles.at(data_dir)
    if settings is None and (data_dir is not None or files.is_ours):
        return sources.of_up(files)
    folder = settings or sources.MACHINES
    if settings is None and not (folder / sources.ENVIRONMENT).is_file():
        raise errors.ConfigError(
            f"there is no cluster in {files.root}, and no settings of one in {folder}",
            hint="name its folder: --data-dir for a cluster of `up`, --settings for one on several machines",
        )
    return sources.of_settings(folder.absolute(), with_keys=with_keys)


def _manifest(source: Source, store: IO[bytes]) -> Manifest:
    head, records = etcd_copy.ends(store)
    return Manifest(
        kind=source.kind,
        cluster=head["cluster"],
        history=head["history"],
        revision=head["revision"],
        records=records,
        etcd=head["etcd"],
        taken_at=head["takenAt"],
        host=socket.gethostname(),
        folder=str(source.folder),
        keys=source.keys,
        not_inside=source.not_inside,
        parts={},
    )


def _into_folder(source: Source, folder: Path, keep: int | None, clock: Clock) -> None:
    private_file.make_folder(folder)
    with etcd_copy.saved(source.etcd, folder) as store:
        drawn = _manifest(source, store)
        path = folder / retention.name(drawn.cluster, clock.now())
        made = _write(path, drawn, store, source)
    _tell(made, f"wrote {path} ({_size(path)})")
    _remove_left_overs(folder)
    names = [one.name for one in folder.iterdir()]
    for name in retention.superfluous(names, made=path.name, keep=keep) if keep is not None else ():
        (folder / name).unlink(missing_ok=True)
        screen.note(f"removed {folder / name}, as --keep {keep} says")


def _into_file(source: Source, path: Path) -> None:
    if not path.parent.is_dir():
        raise errors.ConfigError(
            f"there is no folder {path.parent} to write {path.name} in",
            hint=f"make it: mkdir -p {path.parent}",
        )
    if path.exists() and not _is_ours(path):
        raise errors.ConfigError(
            f"{path} is there and is no backup of KohakuRiver", hint="name another file, or move it away"
        )
    with etcd_copy.saved(source.etcd, path.parent) as store:
        made = _write(path, _manifest(source, store), store, source)
    _tell(made, f"wrote {path} ({_size(path)})")


def _write(path: Path, drawn: Manifest, store: IO[bytes], source: Source) -> Manifest:
    """Write it beside its place, read it back, and only then put it there. What an interrupted one has left
    is written over."""
    part = path.with_name(path.name + retention.PART)
    with _alone(part) as file:
        try:
            made = archive.write(file, drawn, store, source.files)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            archive.read(file)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    private_file.sync_folder(path.parent)
    return made


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[IO[bytes]]:
    """An empty private file that nobody else writes now. The kernel lets go of it when its writer dies."""
    handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.ConfigError(
                f"another kohakuriver backup writes {part} right now", hint="wait for its end"
            ) from None
        os.fchmod(handle, 0o600)
        file.truncate()
        yield file


def _remove_left_overs(folder: Path) -> None:
    """What backups that were killed have left, and nobody writes."""
    for path in folder.iterdir():
        if retention.is_left_over(path.name):
            with contextlib.suppress(OSError, errors.ConfigError), _alone(path):
                path.unlink()


def _is_ours(path: Path) -> bool:
    """Whether it begins as a backup does: it may be damaged, and is to be replaced then all the more."""
    with path.open("rb") as file:
        begin = file.read(512)
    return not begin or begin.startswith(manifest.FIRST.encode() + b"\0")


def _size(path: Path) -> str:
    size = float(path.stat().st_size)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _tell(made: Manifest, where: str) -> None:
    """On stderr: stdout may be the backup itself."""
    screen.note(f"{where}: cluster {made.cluster}, {made.records} keys of etcd at revision {made.revision}")
    screen.note(
        "it holds every secret of this cluster, and who has it is an administrator there: keep it safe"
    )
    screen.note(manifest.KEYS[made.keys])
    screen.note(f"not inside: {'; '.join(made.not_inside)}")
