"""One node of a test cluster: a machine, the agent on it, and what its engine has to say."""

import dataclasses
import time
from typing import Any

import docker

from tests.e2e.deafness import Door
from tests.e2e.machines import Machine
from tests.e2e.processes import Process


@dataclasses.dataclass
class Node:
    """A machine and the agent on it."""

    machine: Machine
    agent: Process
    engine: docker.APIClient
    door: Door | None = None  # between agent and engine, where a test wants events lost

    @property
    def name(self) -> str:
        return self.machine.name

    def cut(self) -> None:
        self.machine.cut()

    def heal(self) -> None:
        self.machine.heal()

    def lose_power(self) -> None:
        self.agent.kill()
        self.machine.lose_power()

    def boot(self) -> None:
        self.start_engine()
        self.agent.start()

    def start_engine(self) -> None:
        """Returns when it answers."""
        self.engine.close()
        self.machine.start()
        self.engine = self.machine.client()

    def containers(self, name: str = "", *, all: bool = True) -> list[dict[str, Any]]:
        """The containers of VPSes, or of those of one name, as `docker ps` tells them."""
        wanted = f"kohakuriver.io/name={name}" if name else "kohakuriver.io/name"
        return list(self.engine.containers(all=all, filters={"label": wanted}))

    def container(self, name: str) -> dict[str, Any]:
        """The one container of a VPS, as `docker inspect` tells it."""
        [found] = self.containers(name)
        return dict(self.engine.inspect_container(found["Id"]))

    def run(self, name: str, *command: str) -> str:
        """What a command in a VPS prints."""
        call = self.engine.exec_create(self.container(name)["Id"], list(command))
        return self.engine.exec_start(call["Id"]).decode()

    def happenings(self, name: str, since: float) -> list[str]:
        """What the engine did to containers of that VPS: actions, in order."""
        return [event["Action"] for event in self._told(name, since)]

    def pauses(self, name: str, since: float) -> list[float]:
        """Seconds from each end of that VPS's container to its next start."""
        found, ended = list[float](), 0.0
        for event in self._told(name, since):
            if event["Action"] == "die":
                ended = event["timeNano"] / 1e9
            elif event["Action"] == "start" and ended:
                found.append(event["timeNano"] / 1e9 - ended)
        return found

    def _told(self, name: str, since: float) -> list[dict[str, Any]]:
        wanted = {"label": f"kohakuriver.io/name={name}", "type": "container"}
        return list(self.engine.events(since=since, until=time.time(), decode=True, filters=wanted))
