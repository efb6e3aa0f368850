"""The control plane of several machines: an etcd of three members is copied and filled over its own API."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kohakuriver.cli.local.backups import manifest
from tests.cli.backups.kit import CLUSTER, a_backup
from tests.etcd import Certificates, EtcdCluster

pytestmark = pytest.mark.etcd

HEAD = {
    "copy": "kohakuriver store", "format": 1, "revision": 812, "cluster": CLUSTER, "history": "h1",
    "offset": 0, "takenAt": "2026-12-01T09:45:00Z", "etcd": "3.4.23",
}  # fmt: skip
VALUES = {f"registry/vpses/default/{n}": f'{{"n": {n}}}' for n in range(3)} | {"meta/proof": "secret"}


def a_store() -> bytes:
    kept = [{"key": key, "created": n, "text": text} for n, (key, text) in enumerate(VALUES.items(), 1)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in [HEAD, *kept, {"records": len(kept)}])


def settings(folder: Path, tls: Certificates, url: str) -> Path:
    folder.mkdir()
    (folder / "etcd-ca.crt").write_bytes(tls.ca.read_bytes())
    (folder / "etcd.crt").write_bytes(tls.cert.read_bytes())
    (folder / "etcd.key").write_bytes(tls.key.read_bytes())
    (folder / "encryption-keys").write_text("key1 …")
    (folder / "cluster.env").write_text(
        f"ETCD_ENDPOINTS={url}\nAPISERVER_OPTIONS=--encryption-keys {folder}/encryption-keys\n"
    )
    return folder


def kohakuriver(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "kohakuriver.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def objects(backup: Path) -> dict[str, str]:
    done = subprocess.run(["tar", "xOf", backup, manifest.STORE], capture_output=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["key"]: line["text"] for line in lines if "key" in line}


def test_a_backup_fills_an_etcd_that_is_empty_once_and_is_taken_of_it(tmp_path):
    tls = Certificates.make(tmp_path / "tls")
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    first.write_bytes(a_backup({"cluster.env": b""}, store=a_store(), kind=manifest.SETTINGS))
    with EtcdCluster(tmp_path / "etcd", tls=tls) as etcd:
        folder = settings(tmp_path / "kohakuriver", tls, ",".join(etcd.urls))
        nothing = kohakuriver("backup", second, "--settings", folder)
        assert nothing.returncode == 1 and "holds no cluster yet" in nothing.stderr

        for _ in range(2):  # somebody who was not sure types it twice
            done = kohakuriver("restore", first, "--store-only", "--to", folder)
            assert done.returncode == 0, done.stderr
            assert "kohakuriver node accept NODE" in done.stdout

        done = kohakuriver("backup", second, "--settings", folder, "--without-keys")
        assert done.returncode == 0, done.stderr
        assert "NOT inside (--without-keys)" in done.stderr
        assert "the keys of the authorities" in done.stderr
        other = kohakuriver("restore", second, "--store-only", "--to", folder)
        assert other.returncode == 1
        assert "holds meta/cluster and more already" in other.stderr
    assert objects(second) == VALUES
    names = subprocess.run(["tar", "tf", second], capture_output=True, text=True, check=True).stdout.split()
    assert "files/etcd.key" in names and "files/encryption-keys" not in names
    assert {one.name for one in tmp_path.iterdir()} >= {"first.tar", "second.tar", "kohakuriver"}
    assert not list(tmp_path.glob(".*"))


def test_an_etcd_that_is_not_there_is_told_in_words_and_leaves_nothing(tmp_path):
    tls = Certificates.make(tmp_path / "tls")
    folder = settings(tmp_path / "kohakuriver", tls, "https://127.0.0.1:9")
    done = kohakuriver("backup", tmp_path / "river.tar", "--settings", folder)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the store was not copied: ") and "Traceback" not in done.stderr
    assert {one.name for one in tmp_path.iterdir()} == {"tls", "kohakuriver"}
