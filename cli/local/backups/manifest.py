"""What a backup says of itself: `manifest.json`, its first member. Pure.

manifest.json   which cluster, from when, by which version; size and SHA-256 of every other part
store.jsonl     all that etcd has of the cluster (`kohakuriver apiserver --save-store`)
files/…         certificates, keys, tokens and settings, as they lie below the folder they came from
SHA256SUMS      of all of them, as `sha256sum --check` reads it
"""

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from kohakuriver import __version__, clock, errors

FORMAT: Final = 1
FIRST, LAST, STORE, FILES = "manifest.json", "SHA256SUMS", "store.jsonl", "files/"
UP, SETTINGS = (
    "up",
    "settings",
)  # of a cluster of `up`; of one of several machines, with its folder of settings
LARGEST: Final = 16 * 1024**2  # bytes of the manifest itself
KEYS: Final = {
    "included": "the keys of encryption at rest are inside",
    "left out": "the keys of encryption at rest are NOT inside (--without-keys): keep them elsewhere, as "
    "nobody can read the VPSes in it without them",
    "elsewhere": "the keys of encryption at rest are NOT inside: keep them too, as nobody can read the VPSes "
    "in it without them",
    "none": "no keys of encryption at rest are inside, as this cluster uses none",
}
_NAME: Final = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[^/\0\n]+(/[^/\0\n]+)*")
_ANOTHER: Final = "take another backup; kohakuriver restore --check FILE says which are whole"


class BackupDamaged(errors.KohakuRiverError):
    """The file is no whole backup."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint=_ANOTHER)


class BackupTooNew(errors.KohakuRiverError):
    """A later version has made it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One member: how long it is, and what its content sums up to."""

    size: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """What there is to know before any other part is read."""

    kind: str
    cluster: str
    history: str
    revision: int
    records: int
    etcd: str
    taken_at: str
    host: str
    folder: str
    keys: str
    not_inside: tuple[str, ...]
    parts: Mapping[str, Part]
    version: str = __version__

    def render(self) -> bytes:
        content = {
            "backup": "kohakuriver",
            "format": FORMAT,
            "kohakuriver": self.version,
            "kind": self.kind,
            "cluster": self.cluster,
            "history": self.history,
            "takenAt": self.taken_at,
            "host": self.host,
            "folder": self.folder,
            "etcd": {"version": self.etcd, "revision": self.revision, "records": self.records},
            "encryptionKeys": self.keys,
            "notInside": list(self.not_inside),
            "parts": {name: dataclasses.asdict(one) for name, one in sorted(self.parts.items())},
        }
        return json.dumps(content, indent=2).encode() + b"\n"

    def sums(self, own: str) -> bytes:
        """The last member, where `own` is the manifest's SHA-256."""
        found = {FIRST: own} | {name: one.sha256 for name, one in self.parts.items()}
        return "".join(f"{digest}  {name}\n" for name, digest in sorted(found.items())).encode()

    def when(self) -> str:
        """From when it is, for a person."""
        return clock.in_words(self.taken_at)


def parse(content: bytes, *, ours: str = __version__) -> Manifest:
    """Raises BackupDamaged; BackupTooNew for one that a later version than `ours` has made."""
    try:
        found = json.loads(content)
        if found["backup"] != "kohakuriver":
            raise BackupDamaged("this is no backup of KohakuRiver")
        _check_version(int(found["format"]), str(found["kohakuriver"]), ours)
        return _parsed(found)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BackupDamaged(f"the manifest of this backup is damaged: {error}") from None


def _parsed(found: dict[str, Any]) -> Manifest:
    parts = {name: Part(int(one["size"]), str(one["sha256"])) for name, one in found["parts"].items()}
    for name in parts:
        if not (name == STORE or name.startswith(FILES)) or not _NAME.fullmatch(name):
            raise BackupDamaged(f'this backup has a part "{name}", which none has')
    if STORE not in parts or found["kind"] not in (UP, SETTINGS) or found["encryptionKeys"] not in KEYS:
        raise BackupDamaged("the manifest of this backup says something that none says")
    datetime.datetime.fromisoformat(found["takenAt"])
    return Manifest(
        kind=found["kind"],
        cluster=str(found["cluster"]),
        history=str(found["history"]),
        revision=int(found["etcd"]["revision"]),
        records=int(found["etcd"]["records"]),
        etcd=str(found["etcd"]["version"]),
        taken_at=str(found["takenAt"]),
        host=str(found["host"]),
        folder=str(found["folder"]),
        keys=found["encryptionKeys"],
        not_inside=tuple(map(str, found["notInside"])),
        parts=parts,
        version=str(found["kohakuriver"]),
    )


def _check_version(form: int, version: str, ours: str) -> None:
    """An older one is fine; what a later one has written may mean something else. Raises BackupTooNew."""
    if form > FORMAT or _numbers(version) > _numbers(ours):
        raise BackupTooNew(
            f"KohakuRiver {version} has made this backup, and this is {ours}, which is older",
            hint=f"install KohakuRiver {version} or a later one, and restore with that",
        )


def _numbers(version: str) -> tuple[int, ...]:
    """0.10.1 is after 0.9; what follows the numbers (rc1, +local) does not count."""
    found = re.match(r"\d+(\.\d+)*", version)
    if found is None:
        raise ValueError(f'"{version}" is no version')
    numbers = tuple(map(int, found[0].split(".")))
    return (*numbers, *(0,) * (4 - len(numbers)))
