"""What every `Ports` must do. test_ports.py and test_egress_docker.py run it on both."""

from typing import Any

from kohakuriver.agent.machine.ports import Ports
from kohakuriver.agent.runtime.base import Container
from tests.agent.runtime_contract import a_spec


class PortsContract:
    """Subclasses have fixtures `ports`, `world` (a world of runtime_contract.py) and `bridge`."""

    async def running(self, world: Any) -> Container:
        id_ = await world.runtime.create(a_spec(world, command=("sleep", "1000")))
        await world.runtime.start(id_)
        return await self.look(world, id_)

    async def look(self, world: Any, id_: str) -> Container:
        found: Container | None = await world.runtime.inspect(id_)
        assert found is not None
        return found

    async def test_each_container_that_runs_has_a_port_of_its_own_and_keeps_it(
        self, ports: Ports, world: Any, bridge: str
    ) -> None:
        first, second = await self.running(world), await self.running(world)
        found = await ports.find(bridge, [first, second])
        assert set(found) == {first.id, second.id}
        assert len(set(found.values())) == 2
        assert await ports.find(bridge, [second, first]) == found
        assert await ports.find(bridge, [second]) == {second.id: found[second.id]}

    async def test_what_does_not_run_has_none_and_what_runs_again_has_another(
        self, ports: Ports, world: Any, bridge: str
    ) -> None:
        one = await self.running(world)
        before = await ports.find(bridge, [one])
        await world.runtime.stop(one.id, grace=0)
        assert await ports.find(bridge, [await self.look(world, one.id)]) == {}
        await world.runtime.start(one.id)
        after = await ports.find(bridge, [await self.look(world, one.id)])
        assert set(after) == {one.id} and after != before
