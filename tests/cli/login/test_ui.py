"""`kohakuriver ui`: the address that logs a browser in, whom it is for, and what is said beside it."""

import asyncio
import os
import ssl
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path

import pexpect
import pytest

from kohakuriver import certificates
from kohakuriver.certificates import Pair
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.clock import SystemClock
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.pages.kit import Browser, a_page
from tests.cli.shell import Shell
from tests.cli.starting import Starter

DIMENSIONS, TIMEOUT = (40, 300), 30


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Shell]:
    async with running_api(clock=SystemClock(), page=a_page(tmp_path)) as api:
        yield Shell(api, tmp_path, capsys)


def code_in(api: Api, address: str) -> str:
    """The code that an address of this server bears, where no server sees it."""
    parts = urllib.parse.urlsplit(address)
    assert (f"{parts.scheme}://{parts.netloc}", parts.path, parts.query) == (api.url, "/ui/", "")
    return parts.fragment.removeprefix("code=")


async def test_a_script_gets_the_address_alone_and_it_lets_one_browser_in(shell: Shell) -> None:
    code, out, err = await shell("ui", user="alice")
    assert (code, err) == (0, "") and out.count("\n") == 1
    browser = Browser(shell.api)
    reply = await browser.redeems(code_in(shell.api, out.strip()))
    assert (reply.code, reply.body["user"]) == (201, "alice")
    assert token_of("alice") not in out


async def test_a_server_without_a_page_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_api(clock=SystemClock(), page=tmp_path / "none") as api:
        code, out, err = await Shell(api, tmp_path, capsys)("ui")
    assert (code, out) == (1, "")
    assert "error: this API server has no web page" in err and "make web" in err


async def test_a_machines_token_opens_no_page(shell: Shell) -> None:
    code, out, err = await shell("ui", user="n1")
    assert (code, out) == (1, "") and 'cannot create path "/ui/codes"' in err


class Home:
    """Somebody at a terminal, with a cluster whose authority no browser knows."""

    def __init__(self, folder: Path, api: Api, authority: Pair, start: Starter) -> None:
        self.folder, self.api, self.authority = folder, api, authority
        self._start = start
        self.opened = folder / "opened"
        browser = folder / "browser"
        browser.write_text(f'#!/bin/sh\nprintf %s "$1" >{self.opened}\n')
        browser.chmod(0o755)
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "HOME": str(folder),
            "TERM": "xterm",
            "NO_COLOR": "1",
            "KOHAKURIVER_CONFIG": str(folder / "config"),
            "BROWSER": f"{browser} %s",
        }
        self.writes(Connection(api.url, token=token_of("alice"), ca=authority.certificate))

    def writes(self, connection: Connection) -> None:
        config.write(self.folder / "config", connection, cluster="lab", user="alice")

    async def types(self, *words: str) -> tuple[int, str]:
        return await asyncio.to_thread(self._types, words)

    def _types(self, words: tuple[str, ...]) -> tuple[int, str]:
        command = self._start(
            list(words), env=self._environment, cwd=self.folder, dimensions=DIMENSIONS, timeout=TIMEOUT
        )
        command.expect(pexpect.EOF)
        return command.wait(), str(command.before)


@pytest.fixture
async def at_home(tmp_path: Path, start: Starter) -> AsyncIterator[Home]:
    now = SystemClock().now()
    authority = certificates.new_authority("test", now=now)
    certificates.sign(authority, "server", hosts=["127.0.0.1"], now=now).save(tmp_path, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    async with running_api(clock=SystemClock(), tls=tls, page=a_page(tmp_path)) as api:
        yield Home(tmp_path, api, authority, start)


def address_in(shown: str) -> str:
    return next(line.strip() for line in shown.splitlines() if "/ui/#code=" in line)


async def test_at_a_terminal_the_browser_is_opened_and_how_to_trust_the_cluster_is_said(
    at_home: Home,
) -> None:
    code, shown = await at_home.types("ui")
    assert code == 0, shown
    assert at_home.opened.read_text() == address_in(shown)
    assert len(code_in(at_home.api, address_in(shown))) == 43
    assert "does not know this cluster's own authority" in shown and "--ca-file FILE" in shown
    assert "within 30 seconds" in shown


async def test_no_browser_is_opened_where_none_is_wanted(at_home: Home) -> None:
    code, shown = await at_home.types("ui", "--no-browser")
    assert code == 0 and address_in(shown) and not at_home.opened.exists()


async def test_the_file_that_a_browser_has_to_trust_is_named(at_home: Home) -> None:
    file = at_home.folder / "river.crt"
    code, shown = await at_home.types("ui", "--no-browser", "--ca-file", str(file))
    assert code == 0 and f"import {file}" in shown
    assert file.read_bytes() == at_home.authority.certificate
    pki = at_home.folder / "pki"
    pki.mkdir()
    (pki / "ca.crt").write_bytes(at_home.authority.certificate)
    assert f"import {pki / 'ca.crt'}" in (await at_home.types("ui", "--no-browser"))[1]
    (pki / "ca.crt").write_bytes(b"another cluster's")
    assert "pki" not in (await at_home.types("ui", "--no-browser"))[1]


async def test_where_there_is_no_browser_that_is_said(at_home: Home) -> None:
    (at_home.folder / "browser").write_text("#!/bin/sh\nexit 1\n")
    code, shown = await at_home.types("ui")
    assert code == 0 and "there is no browser here" in shown
