"""kill -9 hides nothing that has begun: the line of a stream is on its file before the node is asked."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kohakuriver.apiserver.identity.identity import fingerprint
from tests.apiserver.api import USERS, Api, token_of
from tests.apiserver.program import a_server
from tests.apiserver.streaming.test_streams import FORWARD, STREAMS, asked, bring, dialer, place
from tests.etcd import EtcdProcess

EXEC = FORWARD.replace("forward", "exec")


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    with EtcdProcess(tmp_path / "etcd") as process:
        yield process


def lines_of(user: str) -> dict[str, Any]:
    [found] = [one for one in USERS if one.name == user]
    line = {"sha256": fingerprint(token_of(user)), "user": user, "role": found.role.value}
    more = {"node": found.node, "namespaces": list(found.namespaces)}
    return line | {name: value for name, value in more.items() if value}


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.etcd
async def test_a_server_that_is_killed_has_told_of_every_stream_that_was_open(etcd, tmp_path):
    users = [lines_of(user) for user in ("admin", "controller", "alice", "n1")]
    audit = tmp_path / "audit.jsonl"
    async with (
        a_server(etcd, tmp_path, "--audit-log", str(audit), users=users) as (url, process),
        aiohttp.ClientSession() as session,
    ):
        api = Api(url, None, None, None, session, None)  # type: ignore[arg-type]  # it is in another process
        made = await place(api)
        control = await dialer(api, "n1").stream(STREAMS)
        opening = asyncio.create_task(
            dialer(api, "alice").stream(EXEC, [("command", "rm"), ("command", "a b")])
        )
        wanted = await asked(control)
        await bring(api, wanted["id"])
        await opening
        process.kill()
        await process.wait()
    [line] = [line for line in told(audit) if line.get("kind") == "exec"]
    assert (line["event"], line["who"], line["command"]) == ("open", "alice", "rm 'a b'")
    assert (line["uid"], line["node"], line["from"]) == (made["metadata"]["uid"], "n1", "127.0.0.1")
    assert audit.stat().st_mode & 0o777 == 0o600
    control.framed.abort()
