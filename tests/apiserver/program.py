"""`python -m kohakuriver.apiserver` as a process on a real etcd, on its way to being hurt."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp

from kohakuriver import certificates
from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.clock import SystemClock
from tests.etcd import EtcdProcess, free_port

ROOT = Path(__file__).parents[2]
HEADERS = {"Authorization": "Bearer secret"}
ADMIN = {"sha256": fingerprint("secret"), "user": "admin", "role": "admin"}


def with_tls(folder: Path) -> tuple[str, ...]:
    """The options for a certificate of 127.0.0.1 that a client has to take unseen."""
    now = SystemClock().now()
    authority = certificates.new_authority("test", now=now)
    certificates.sign(authority, "server", hosts=["127.0.0.1"], now=now).save(folder, "server")
    return ("--tls-cert", str(folder / "server.crt"), "--tls-key", str(folder / "server.key"))


@contextlib.asynccontextmanager
async def a_server(
    etcd: EtcdProcess, folder: Path, *more: str, users: Sequence[dict[str, object]] = ()
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A server process that is ready, and its URL; with plain HTTP unless `more` has it else."""
    port = free_port()
    (folder / "tokens").write_text("".join(f"{json.dumps(line)}\n" for line in (ADMIN, *users)))
    plain = () if "--tls-cert" in more else ("--insecure-http",)
    with (folder / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kohakuriver.apiserver", "--etcd", etcd.url, *plain),
            *("--listen", f"127.0.0.1:{port}", "--token-file", str(folder / "tokens"), *more),
            cwd=ROOT,
            env=os.environ | {"PYTHONWARNINGS": "error"},
            stderr=log,
        )
        try:
            url = f"{'http' if plain else 'https'}://127.0.0.1:{port}"
            await until_answers(url + "/readyz", 200)
            yield url, process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def until_answers(url: str, code: int, *, within: float = 60) -> None:
    async with asyncio.timeout(within), aiohttp.ClientSession(headers=HEADERS) as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url, ssl=False) as reply:
                    if reply.status == code:
                        return
            await asyncio.sleep(0.05)
