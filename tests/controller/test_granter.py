"""Who takes the lead looks at every VPS, a few at a time."""

import asyncio
import random

import pytest

from kohakuriver.client.config import Connection
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client
from kohakuriver.controller import granter
from kohakuriver.controller.deciding import grants
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.granter import Granter
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes
from tests import cost
from tests.fakes.clock import LoopClock

pytestmark = [pytest.mark.looptime, pytest.mark.fault(66)]
VPSES = 2_000


def a_bound_vps(number):
    grant = {"cores": "1", "memory": "1Gi"}
    return {
        "metadata": {
            "name": f"v{number}",
            "namespace": "default",
            "uid": f"u{number}",
            "resourceVersion": "7",
        },
        "spec": {"runState": "Running", "resources": grant},
        "status": {"assignment": {"node": "n1", "epoch": 1, "grant": grant}},
    }


async def test_taking_the_lead_holds_nobody_up():
    clock, chance = LoopClock(), random.Random(1)  # noqa: S311 - jitter, the same in every run
    async with Client(Connection(server="http://127.0.0.1:9"), program="test") as client:
        world = World(client, clock=clock, chance=chance)
        for number in range(VPSES):
            world.vpses.overlay(a_bound_vps(number))
        led = Granter(
            world,
            Writes(client, term=str),
            Recorder(client, clock=clock, component="controller"),
            fleet=Fleet(),
            chance=chance,
            is_leading=lambda: True,
        )
        task = asyncio.create_task(led.run())
        led.poke()
        with cost.turns(grants.decide) as decided:
            await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert decided.total >= VPSES
    assert decided.most <= granter.BATCH
