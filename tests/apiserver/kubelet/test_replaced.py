"""A VPS that is made again by the same name is another one: no forward to the first goes on to it."""

import asyncio

import pytest

from kohakuriver.apiserver.kubelet.channels import V4
from kohakuriver.resources import kinds
from tests.apiserver.kubelet.kit import Dev, a_vps, told
from tests.apiserver.kubelet.test_portforward import NOT_UP, WAYS, a_forward, brought, connect, refuse
from tests.apiserver.views.kit import a_vps as stored
from tests.apiserver.views.kit import put

pytestmark = pytest.mark.looptime


async def replace(dev: Dev) -> None:
    """The same name and node, and another uid."""
    await put(dev.api, kinds.VPS, stored("dev"))


async def asked_for_nothing_more(dev: Dev) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await dev.asked()


@WAYS
async def test_a_forward_ends_whole_at_its_first_connection_to_another_vps(way):
    async with a_vps() as dev, a_forward(dev, way) as client:
        await connect(client, 0)
        await brought(dev)
        await replace(dev)
        await connect(client, 1)
        async with asyncio.timeout(60):
            with pytest.raises(AssertionError, match="the server closed the connection"):
                await client.frame(99)
        await asked_for_nothing_more(dev)


async def test_and_one_by_channels_is_told_in_words():
    async with a_vps() as dev:
        client = await dev.websocket("portforward", [("ports", "80")], V4)
        await told(client), await told(client)
        await replace(dev)
        await refuse(dev, NOT_UP)
        assert await told(client) == (1, b"dev is another VPS now; forward to it anew")
        await asked_for_nothing_more(dev)
