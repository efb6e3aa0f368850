"""The folder that a restore is prepared in, beside the place where it is to be, and its step into that place.

Until that step nothing of what was there has changed; after it all is there. Whoever was killed before it
has left a folder that the next restore takes away.
"""

import contextlib
import datetime
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from kohakuriver import errors, private_file
from kohakuriver.cli.local.cluster_files import ClusterFiles

_NAME = ".{name}.restoring"


def place(target: Path) -> Path:
    """Where what is to be at `target` is prepared: on the same file system."""
    return target.with_name(_NAME.format(name=target.name.lstrip(".")))


@contextlib.contextmanager
def prepared(target: Path) -> Iterator[ClusterFiles]:
    """An empty folder, held alone; gone afterwards where it was not put in its place. Raises ConfigError."""
    staged = ClusterFiles(place(target))
    private_file.make_folder(staged.root)
    inode = staged.root.stat().st_ino
    is_ours = True
    try:
        with staged.locked() as is_ours:
            if not is_ours:
                raise errors.ConfigError(
                    f"another kohakuriver restore prepares {target} right now", hint="wait for its end"
                )
            _empty(staged.root)
            yield staged
    finally:
        with contextlib.suppress(FileNotFoundError):
            if is_ours and staged.root.stat().st_ino == inode:
                shutil.rmtree(staged.root)


def _empty(folder: Path) -> None:
    for one in folder.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        elif one.name != "lock":
            one.unlink()


def put(staged: Path, target: Path, *, set_aside: datetime.datetime | None = None) -> Path | None:
    """Have it be at `target`, and what is there under a name with that time, which is returned. Without a
    time nothing is there; what has come meanwhile is left. Raises ConfigError."""
    aside = None
    if set_aside is not None:
        aside = _free(target, set_aside)
        try:
            target.rename(aside)
        except OSError as error:
            raise _not_put(target, error) from None
    try:
        staged.rename(target)  # onto an empty folder, or none
    except OSError as error:
        if aside is not None:
            aside.rename(target)
        raise _not_put(target, error) from None
    private_file.sync_folder(target.parent)
    return aside


def _not_put(target: Path, error: OSError) -> errors.ConfigError:
    return errors.ConfigError(
        f"nothing was restored, as {target} cannot be replaced: {error.strerror}",
        hint="where it is the root of a file system, name a folder below it with --to",
    )


def _free(target: Path, now: datetime.datetime) -> Path:
    name = f"{target.name}.replaced-{now.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}"
    path, count = target.with_name(name), 1
    while path.exists():
        count += 1
        path = target.with_name(f"{name}-{count}")
    return path


def take_along(present: Path, staged: Path, names: tuple[str, ...]) -> list[str]:
    """Take files of the folder that is to be replaced along into the new one; large ones as links. Which."""
    taken = []
    for name in names:
        source, target = present / name, staged / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            for one in sorted(source.rglob("*")):
                _take(one, target / one.relative_to(source))
            taken.append(name)
        elif source.is_file():
            _take(source, target)
            taken.append(name)
    return taken


_LARGE = 1024**2


def _take(source: Path, target: Path) -> None:
    if source.is_symlink() or not source.is_file():
        return
    private_file.make_folder(target.parent)
    if source.stat().st_size > _LARGE:
        with contextlib.suppress(OSError):  # another file system
            os.link(source, target)
            return
    private_file.write(target, source.read_bytes())
