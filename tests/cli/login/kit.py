"""A server, a provider that it trusts, and a person with a config file, who types whole command lines."""

import asyncio
import contextlib
import dataclasses
import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from kohakuriver import certificates
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.clock import SystemClock
from tests.apiserver.api import Api, running_api
from tests.apiserver.oidc.configurations import entry, of
from tests.fakes.oidc import FakeProvider

BIN = Path(sys.executable).parent
# Goes where it is sent, as a browser does, and keeps the address for the test.
_BROWSER = """\
import sys, urllib.request
urllib.request.urlopen(sys.argv[1]).read()
"""


@dataclasses.dataclass
class Person:
    """Somebody at a terminal."""

    api: Api
    provider: FakeProvider
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def kept(self) -> Path:
        (found,) = self.logins
        return found

    @property
    def logins(self) -> list[Path]:
        return list((self.folder / "login").glob("*.json"))

    async def types(self, *words: str, program: str = "kohakuriver") -> tuple[int, str, str]:
        """The exit code, and what came on both streams."""
        browser = self.folder / "browser.py"
        browser.write_text(_BROWSER)
        environment = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "KOHAKURIVER_CONFIG": str(self.config),
            "KUBECONFIG": str(self.config),
            "BROWSER": f"{sys.executable} {browser} %s",
        }
        process = await asyncio.create_subprocess_exec(
            BIN / program,
            *words,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 60)
        except TimeoutError:
            process.kill()
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def logs_in(self, *words: str) -> tuple[int, str, str]:
        return await self.types("login", "--issuer", self.provider.url, "--client-id", "kohakuriver", *words)


@contextlib.asynccontextmanager
async def a_person(folder: Path, *, known: bool = True) -> AsyncIterator[Person]:
    """`known`: the server trusts the provider."""
    clock = SystemClock()
    async with FakeProvider().running() as provider:
        issuers = Issuers(of(entry(provider.url)) if known else None, now=clock.monotonic)
        now = clock.now()
        authority = certificates.new_authority("test", now=now)
        certificates.sign(authority, "server", hosts=["127.0.0.1"], now=now).save(folder, "server")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "server.crt", folder / "server.key")
        async with running_api(clock=clock, issuers=issuers, tls=tls) as api:
            person = Person(api, provider, folder)
            config.write(
                person.config, Connection(api.url, ca=authority.certificate), cluster="lab", user="nobody"
            )
            yield person
