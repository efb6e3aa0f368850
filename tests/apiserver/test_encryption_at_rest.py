"""API servers with keys on a real etcd: what lies there, a change of keys, and a server that lacks one."""

import asyncio
import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.resources import kinds
from tests.apiserver.program import HEADERS, ROOT, a_server
from tests.etcd import EtcdProcess

pytestmark = pytest.mark.etcd
VPSES = kinds.VPS.path(namespace="default")
LINES = [f"{name} {base64.b64encode(name.encode() * 8).decode()}" for name in ("key1", "key2")]


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    with EtcdProcess(tmp_path / "etcd") as process:
        yield process


def keys(folder: Path, *lines: str) -> tuple[str, str]:
    file = folder / "keys"
    file.write_text("".join(f"{line}\n" for line in lines))
    file.chmod(0o600)
    return "--encryption-keys", str(file)


async def stored(etcd: EtcdProcess) -> bytes:
    store = await EtcdStore.connect([etcd.url], prefix="/kohakuriver")
    try:
        return b"".join(record.value for record in (await store.list("")).records)
    finally:
        await store.aclose()


async def run(etcd: EtcdProcess, *words: str) -> tuple[int, str]:
    """A server that ends: its code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kohakuriver.apiserver", "--etcd", etcd.url, *words),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def env_of(url: str, name: str) -> str:
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.get(f"{url}{VPSES}/{name}") as reply,
    ):
        return str((await reply.json())["spec"]["env"]["PASSWORD"])


async def make(url: str, name: str) -> None:
    kind = {"apiVersion": kinds.VPS.api_version, "kind": kinds.VPS.kind}
    body = {**kind, "metadata": {"name": name}, "spec": {"env": {"PASSWORD": "hunter2"}}}
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.post(url + VPSES, json=body) as reply,
    ):
        assert reply.status == 201


async def test_etcd_holds_nothing_of_what_a_vps_is_told_and_keys_can_be_changed(
    etcd: EtcdProcess, tmp_path: Path
) -> None:
    async with a_server(etcd, tmp_path) as (url, _):
        await make(url, "before")
    assert b"hunter2" in await stored(etcd)
    async with a_server(etcd, tmp_path, *keys(tmp_path, LINES[0])) as (url, _):
        await make(url, "dev")
        assert await env_of(url, "before") == await env_of(url, "dev") == "hunter2"
    code, said = await run(etcd, *keys(tmp_path, LINES[1], LINES[0]), "--rewrite-values")
    assert (code, said) == (0, "3 of 3 values were written anew\n")  # with the secret for proofs
    there = await stored(etcd)
    assert b"hunter2" not in there and b"key1" not in there and b"key2" in there
    async with a_server(etcd, tmp_path, *keys(tmp_path, LINES[1])) as (url, _):
        assert await env_of(url, "before") == await env_of(url, "dev") == "hunter2"

    (tmp_path / "tokens").write_text(json.dumps({"sha256": "0" * 64, "user": "u", "role": "admin"}) + "\n")
    door = ("--insecure-http", "--listen", "127.0.0.1:0", "--token-file", str(tmp_path / "tokens"))
    for more in ((), keys(tmp_path, LINES[0])):
        code, said = await run(etcd, *door, *more)
        assert code == 2
        assert 'is encrypted with key "key2", which this API server does not have' in said
        assert "--encryption-keys" in said
        assert "Traceback" not in said
