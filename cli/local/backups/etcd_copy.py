"""The store's part of a backup: an API server that copies etcd's content and serves nothing, and for a
restore an etcd of our own, which runs for as long as it is filled.
"""

import contextlib
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from kohakuriver import errors
from kohakuriver.cli import programs
from kohakuriver.cli.local import etcd_process, logfiles, process, stack
from kohakuriver.cli.local.cluster_files import ClusterFiles

_STARTS_WITHIN = 60.0  # seconds
_TAIL = 3  # lines of etcd's log that are shown where it does not start


class CopyFailed(errors.KohakuRiverError):
    """etcd's content could not be read, or not written."""


@contextlib.contextmanager
def saved(etcd: Sequence[str], folder: Path | None) -> Iterator[IO[bytes]]:
    """The copy, in a file without a name: nothing is left of it, whoever is killed. Raises CopyFailed."""
    with tempfile.TemporaryFile(dir=folder) as file:
        _run([*etcd, "--save-store"], stdout=file)
        file.seek(0)
        yield file


def ends(copy: IO[bytes]) -> tuple[dict[str, Any], int]:
    """What stands in its first line, and how many records its last one tells. Raises CopyFailed."""
    try:
        head, last = json.loads(copy.readline()), b""
        for line in copy:
            last = line
        copy.seek(0)
        return head, int(json.loads(last)["records"])
    except (ValueError, LookupError) as error:
        raise CopyFailed(f"etcd's content was not copied whole: {error}", hint="try again") from None


def load(etcd: Sequence[str], copy: Path) -> None:
    """Bring the copy into an etcd that holds nothing. Raises CopyFailed."""
    with copy.open("rb") as file:
        _run([*etcd, "--load-store"], stdin=file, stdout=subprocess.DEVNULL)


def _run(words: Sequence[str], **streams: Any) -> None:
    with tempfile.TemporaryFile() as told:
        done = subprocess.run(
            programs.command("apiserver", list(words)),
            stderr=told,
            cwd="/",
            preexec_fn=process.DieWithParent(),
            check=False,
            **{"stdin": subprocess.DEVNULL, **streams},
        )
        if done.returncode == 0:
            return
        told.seek(0)
        raise _failure(told.read().decode(errors="replace"), done.returncode)


def _failure(told: str, code: int) -> CopyFailed:
    """In the words of the program."""
    message = hint = ""
    for line in told.splitlines():
        message = line.removeprefix("error: ") if line.startswith("error: ") else message
        hint = line.removeprefix("hint: ") if line.startswith("hint: ") else hint
    return CopyFailed(message or f"the API server ended with code {code}: {told.strip()[-300:]}", hint=hint)


@contextlib.contextmanager
def running(files: ClusterFiles) -> Iterator[tuple[str, ...]]:
    """A private etcd on this folder, with the options by which an API server reaches it. Ends with this
    process, however that ends. Raises ConfigError, CopyFailed."""
    binary = etcd_process.find(etcd_process.parse_version(files.etcd_version()))
    etcd = stack.private_etcd(files, chance=random.Random())  # noqa: S311 - to spread, not to hide
    with logfiles.opened(files.log("etcd")) as log:
        child = subprocess.Popen(
            etcd.command(binary),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            preexec_fn=process.DieWithParent(),
        )
    try:
        _await(child, etcd, files.log("etcd"))
        yield (
            *("--etcd", etcd.url, "--etcd-ca", str(etcd.ca)),
            *("--etcd-cert", str(etcd.certificate), "--etcd-key", str(etcd.key)),
        )
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    files.remember_etcd(binary.version_text)


def _await(child: "subprocess.Popen[bytes]", etcd: etcd_process.Etcd, log: Path) -> None:
    give_up = time.monotonic() + _STARTS_WITHIN
    while missing := etcd.missing():
        if child.poll() is not None or time.monotonic() > give_up:
            lines = log.read_text(errors="replace").splitlines()[-_TAIL:]
            raise CopyFailed(
                f"etcd did not start ({missing} was waited for): {' | '.join(lines)[-600:]}",
                hint="is there room on the disk?",
            )
        time.sleep(0.05)
