"""Thousands of refusals with the longest paths, at a real server: its logs are small and account for all."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from kohakuriver.apiserver.audit.refusals import LINES
from kohakuriver.resources import kinds
from tests.apiserver.program import HEADERS, a_server
from tests.etcd import EtcdProcess

LONG = kinds.VPS.path(namespace="n" * 3000, name="a" * 4000)
ADDRESSES, EACH = 100, 20
LONGEST_LINE = 1200  # bytes


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    with EtcdProcess(tmp_path / "etcd") as process:
        yield process


async def guess(url: str, address: str, token: str, code: int) -> None:
    """So many requests from one address, one after the other."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": token}) as session:
        for _ in range(EACH):
            async with session.get(url + LONG) as reply:
                assert reply.status == code


def grown(log: Path, before: int) -> int:
    return log.stat().st_size - before


@pytest.mark.etcd
async def test_logs_stay_small_whoever_is_refused_and_from_wherever(etcd, tmp_path):
    log, audit = tmp_path / "log", tmp_path / "audit.jsonl"
    async with a_server(etcd, tmp_path, "--audit-log", str(audit)) as (url, process):
        before = log.stat().st_size, audit.stat().st_size
        addresses = [f"127.0.1.{number + 1}" for number in range(ADDRESSES)]
        await asyncio.gather(*(guess(url, one, "Bearer a-guess", 401) for one in addresses))
        await guess(url, "127.0.0.1", HEADERS["Authorization"], 404)
        assert grown(log, before[0]) < (LINES + 1) * LONGEST_LINE
        assert grown(audit, before[1]) < (LINES + 1) * LONGEST_LINE
        process.terminate()
        await process.wait()
        assert grown(audit, before[1]) < (LINES + 20) * LONGEST_LINE
    told = [json.loads(line) for line in audit.read_text().splitlines()]
    lines = sum(line["event"] == "refused" for line in told)
    assert lines + sum(line.get("left_out", 0) for line in told) == (ADDRESSES + 1) * EACH, "each counts once"
