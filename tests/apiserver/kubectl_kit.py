"""Stock kubectl with a config of its own, against the real API server on a store."""

import asyncio
import contextlib
import dataclasses
import datetime
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from kohakuriver import certificates
from kohakuriver.apiserver.store.base import Store
from kohakuriver.clock import SystemClock
from tests.apiserver.api import Api, running_api

KUBECTL = Path(sys.executable).with_name("kubectl")


@dataclasses.dataclass(frozen=True)
class Said:
    """What kubectl printed and how it ended."""

    code: int
    out: str
    err: str


@dataclasses.dataclass(frozen=True)
class Kubectl:
    """kubectl with a config of its own."""

    api: Api
    environment: dict[str, str]
    program: Path = KUBECTL

    async def __call__(self, *words: str, stdin: str = "", **environment: str) -> Said:
        process = await self.start(*words, **environment)
        async with asyncio.timeout(30):
            out, err = await process.communicate(stdin.encode())
        return Said(process.returncode or 0, out.decode(), err.decode())

    async def start(self, *words: str, **environment: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            self.program, *words, stdin=pipe, stdout=pipe, stderr=pipe, env=self.environment | environment
        )


@contextlib.asynccontextmanager
async def kubectl_at_work(
    folder: Path, store: Store | None = None, *, program: Path = KUBECTL
) -> AsyncIterator[Kubectl]:
    """An API server over TLS, in memory unless there is a store, and a kubectl that is its administrator."""
    now = datetime.datetime.now(datetime.UTC)
    authority = certificates.new_authority("test", now=now)
    authority.save(folder, "ca")
    certificates.sign(authority, "server", hosts=["127.0.0.1"], now=now).save(folder, "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    async with running_api(store, clock=SystemClock(), tls=context) as api:
        cluster = {"server": api.url, "certificate-authority": str(folder / "ca.crt")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": api.token("admin")}}],
        }
        (folder / "config").write_text(json.dumps(config))
        environment = {"KUBECONFIG": str(folder / "config"), "HOME": str(folder), "PATH": os.environ["PATH"]}
        yield Kubectl(api, environment, program)
