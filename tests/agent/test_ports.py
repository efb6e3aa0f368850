"""Ports of a bridge in memory."""

import pytest

from tests.agent.ports_contract import PortsContract
from tests.agent.test_runtime_fake import FakeWorld
from tests.fakes.ports import FakePorts

pytestmark = pytest.mark.looptime


class TestFakePorts(PortsContract):
    @pytest.fixture
    def ports(self) -> FakePorts:
        return FakePorts()

    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()

    @pytest.fixture
    async def bridge(self, world: FakeWorld) -> str:
        return await world.runtime.ensure_network(world.network)
