"""Backups to look at, made without a cluster."""

import io
from pathlib import Path

from kohakuriver.cli.local.backups import archive, manifest
from kohakuriver.cli.local.backups.manifest import Manifest

CLUSTER = "c6a1664b-ec1a-40ed-83cf-28b1e3de7a9b"
FILES = {
    "tokens": b"hash\n",
    "pki/ca.key": b"secret\n",
    "options.json": b'{"node": "n1"}\n',
    "cluster-id": CLUSTER.encode(),
}
STORE = b'{"copy":"kohakuriver store"}\n{"records":0}\n'


def a_manifest(**more: object) -> Manifest:
    words = {
        "kind": manifest.UP, "cluster": CLUSTER, "history": "h1", "revision": 812, "records": 0,
        "etcd": "3.4.23",
        "taken_at": "2026-12-01T09:45:00Z", "host": "river", "folder": "/root/.kohakuriver", "keys": "none",
        "not_inside": ("the files of VPSes",), "parts": {},
    }  # fmt: skip
    return Manifest(**{**words, **more})  # type: ignore[arg-type]


def a_backup(files: dict[str, bytes] | None = None, *, store: bytes = STORE, **more: object) -> bytes:
    stream = io.BytesIO()
    archive.write(stream, a_manifest(**more), io.BytesIO(store), FILES if files is None else files)
    return stream.getvalue()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
