"""A server that is told to stop is gone within two seconds, in simulated time: watches end at once, and who
takes nothing is not waited for.
"""

import asyncio
import socket

import pytest

from kohakuriver.apiserver.program import ENDS_WITHIN
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api

pytestmark = pytest.mark.looptime
VPSES = kinds.VPS.path(namespace="default")


async def stopping(api: Api) -> float:
    """How long it takes to stop as the program does."""
    told = asyncio.get_running_loop().time()
    api.server.cache.close()
    await api.runner.cleanup()
    return asyncio.get_running_loop().time() - told


@pytest.mark.fault(36)
async def test_watches_end_in_no_time_when_the_server_stops() -> None:
    async with running_api(ends_within=ENDS_WITHIN) as api:
        params, headers = {"watch": "1"}, api.headers("admin")
        async with api.session.get(api.url + VPSES, params=params, headers=headers) as watch:
            assert await stopping(api) == 0
            assert await watch.content.read() == b""


@pytest.mark.fault(36)
async def test_who_takes_nothing_of_an_answer_does_not_keep_the_server() -> None:
    async with running_api(ends_within=ENDS_WITHIN) as api:
        for number in range(40):
            note = {"note": "x" * 200_000}
            await api.create(kinds.VPS, {"metadata": {"name": f"v{number}", "annotations": note}})
        host, _, port = api.url.partition("://")[2].partition(":")
        with socket.create_connection((host, int(port))) as wire:
            authorization = f"Authorization: {api.headers('admin')['Authorization']}"
            wire.sendall(f"GET {VPSES} HTTP/1.1\r\nHost: x\r\n{authorization}\r\n\r\n".encode())
            await api.get(VPSES)
            assert len(api.connections()) == 2
            assert await stopping(api) <= 2
