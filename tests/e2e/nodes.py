"""A cluster of several real nodes on one machine, in which everything can be hurt.

etcd, API server and controllers are real processes in the root namespace; each node is a `Machine` with an
agent. Times are shrunk: a node is lost after four to six seconds of silence in place of ten to twelve.

    bed.nodes["n1"].cut()              # the cable
    bed.nodes["n1"].agent.kill()       # or freeze(), thaw(), start()
    bed.nodes["n1"].lose_power()       # everything on the machine; boot() afterwards
    bed.apiserver.kill(); bed.etcd.freeze(); bed.controllers[0].freeze()
"""

import contextlib
import json
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import docker

from tests.e2e.api import ALLOCATIONS, EVENTS, NODES, VPSES, Object, Record, Refused
from tests.e2e.bed_files import BedFiles
from tests.e2e.conftest import BUSYBOX, PATIENCE, eventually, free_port
from tests.e2e.deafness import Door
from tests.e2e.machines import Machine
from tests.e2e.node import Node
from tests.e2e.processes import Process
from tests.etcd import EtcdProcess

QUICK_CONTROLLER = ("--loss-timeout=4s", "--tick=250ms", "--hold=5s")
QUICK_AGENT = ("--renew=1s", "--relist=3s")
HURTABLE: dict[str, Any] = {  # its engines' answers can be lost, its GPUs can vanish, its agents are measured
    "deafen": True,
    "gpus": True,
    "agent": (*QUICK_AGENT, "--metrics-listen=0.0.0.0:9102"),
}


class Bed:
    """One cluster on these machines."""

    def __init__(
        self,
        folder: Path,
        machines: Sequence[Machine],
        *,
        controllers: int = 1,
        controller: Sequence[str] = QUICK_CONTROLLER,
        agent: Sequence[str] = QUICK_AGENT,
        deafen: bool = False,
        clocks: bool = False,
        gpus: bool = False,
    ) -> None:
        self.folder = folder
        self._gpus = gpus
        self._deafen, self._clocks = deafen, clocks
        self.files = BedFiles(folder, server=machines[0].server, nodes=[one.name for one in machines])
        self.api = self.files.api()
        self.etcd = EtcdProcess(folder / "etcd")
        self.apiserver = self._program("apiserver", *self._apiserver())
        self.controllers = [
            self._program("controller", *self._config("controller"), *controller, number=number)
            for number in range(controllers)
        ]
        self.nodes: dict[str, Node] = {}
        self._uids: dict[str, str] = {}  # of the last VPS of each name
        self._machines = machines
        self._agent = agent

    def start(self) -> None:
        """Returns when all nodes are ready to take VPSes."""
        self.etcd.start()
        self.apiserver.start()
        self.await_api()
        for controller in self.controllers:
            controller.start()
        for machine in self._machines:
            self.nodes[machine.name] = self._new_node(machine)
            self.nodes[machine.name].agent.start()
        eventually(self._is_complete)

    def _is_complete(self) -> bool:
        for process in self.processes:
            assert process.is_alive, f"{process.name} ended with {process.code}"
        return all(self.is_ready(name) for name in self.nodes)

    def stop(self) -> None:
        """End everything, and leave the machines empty."""
        for process in self.processes:
            process.kill()
        self.etcd.kill()
        for node in self.nodes.values():
            _empty(node.engine)
            node.engine.close()
            if node.door is not None:
                node.door.close()
        shutil.rmtree(self.folder)

    @property
    def processes(self) -> list[Process]:
        agents = [node.agent for node in self.nodes.values()]
        return [self.apiserver, *self.controllers, *agents]

    def mend(self) -> None:
        """Everything runs and is connected, and no VPS is left."""
        with contextlib.suppress(AssertionError):
            self.etcd.thaw()
        for process in (self.apiserver, *self.controllers):
            process.thaw()
            if self._clocks:
                self.turn_clock(process.name, 0)
            if not process.is_alive:
                process.start()
        for node in self.nodes.values():
            node.machine.engine.thaw()
            node.machine.thaw_containers()
            node.heal()
            if node.door is not None:
                node.door.mend()
            if not node.machine.engine.is_alive:
                node.start_engine()
            if self._gpus:
                self.plug_gpus(node.name)
            node.agent.thaw()
            if self._clocks:
                self.turn_clock(node.agent.name, 0)
            if not node.agent.is_alive:
                node.agent.start()
        self.await_api()
        for name in self.nodes:
            if self.node(name)["spec"].get("drain") or self.node(name)["spec"].get("unschedulable"):
                self.set_node(name, drain=None, unschedulable=None)
        self.api.call("DELETE", VPSES)
        try:
            eventually(lambda: self.api.get(VPSES)["items"] == [])
        except AssertionError as error:
            left = {one["metadata"]["name"]: one["status"] for one in self.api.get(VPSES)["items"]}
            raise AssertionError(f"not gone: {left}") from error
        eventually(lambda: all(self.is_ready(name) for name in self.nodes))

    def await_api(self, *, within: float = PATIENCE) -> None:
        """Until the API server is ready."""

        def is_ready() -> bool:
            assert self.apiserver.is_alive, f"the API server ended with {self.apiserver.code}"
            return self.api.is_ready()

        eventually(is_ready, within=within)

    def create(self, name: str, **spec: Any) -> Object:
        """A small VPS without SSH, but for what is said otherwise."""
        whole = {
            "image": BUSYBOX,
            "resources": {"cores": "0.1", "memory": "64Mi"},
            "ssh": {"disabled": True},
            "stopGracePeriod": "1s",
            **spec,
        }
        body = {
            "apiVersion": "kohakuriver.io/v1alpha1",
            "kind": "VPS",
            "metadata": {"name": name},
            "spec": whole,
        }
        made = self.api.call("POST", VPSES, body)
        self._uids[name] = made["metadata"]["uid"]
        return made

    def running(self, name: str, *, node: str = "n1", **spec: Any) -> Object:
        """Make it on that node, and wait until it runs."""
        self.create(name, placement={"node": node}, **spec)
        return self.until(name, "running")

    def get(self, name: str) -> Object:
        return self.api.get(f"{VPSES}/{name}")

    def patch(self, name: str, **spec: Any) -> Object:
        return self.api.patch(f"{VPSES}/{name}", {"spec": spec})

    def delete(self, name: str, *, force: bool = False) -> None:
        self.api.call("DELETE", f"{VPSES}/{name}", {"gracePeriodSeconds": 0} if force else None)

    def exists(self, name: str) -> bool:
        try:
            self.get(name)
        except Refused as error:
            assert error.code == 404, error
            return False
        return True

    def phase(self, name: str) -> str:
        return str(self.get(name)["status"]["phase"])

    def message(self, name: str) -> str:
        return str(self.get(name)["status"].get("message", ""))

    def until(self, name: str, phase: str, *, within: float = PATIENCE) -> Object:
        """The VPS, once it is in that phase."""
        ends = time.monotonic() + within
        while True:
            found = self.get(name)
            if found["status"]["phase"] == phase:
                return found
            assert time.monotonic() < ends, f"not {phase} after {within} s: {found['status']}"
            time.sleep(0.05)

    def node(self, name: str) -> Object:
        return self.api.get(f"{NODES}/{name}")

    def set_node(self, name: str, **spec: Any) -> None:
        """Change the spec of a Node."""
        self.api.patch(f"{NODES}/{name}", {"spec": spec})

    def plug_gpus(self, node: str, *uuids: str) -> None:
        """The simulated GPUs of a node, by index; two where none are named."""
        found = uuids or (f"GPU-{node}-a", f"GPU-{node}-b")
        rows = [{"index": index, "uuid": uuid, "model": "A100"} for index, uuid in enumerate(found)]
        fresh = self.folder / f"{node}.gpus.new"
        fresh.write_text(json.dumps(rows))
        fresh.replace(self.folder / f"{node}.gpus")

    def condition(self, node: str, type_: str) -> Object:
        with contextlib.suppress(Refused):
            for condition in self.node(node).get("status", {}).get("conditions") or []:
                if condition["type"] == type_:
                    return dict(condition)
        return {"status": "", "reason": "", "message": ""}

    def is_ready(self, node: str) -> bool:
        return all(self.condition(node, type_)["status"] == "True" for type_ in ("Ready", "RuntimeReady"))

    def bookings(self, node: str) -> dict[str, Object]:
        """What is booked on a node, by the name of the VPS."""
        booked = self.api.get(f"{ALLOCATIONS}/{node}").get("bookings") or {}
        return {booking["name"]: booking for booking in booked.values()}

    def events(self, name: str) -> list[tuple[str, str]]:
        """Reason and message of what was told about a node, or about the last VPS of that name."""
        wanted = ("uid", self._uids[name]) if name in self._uids else ("name", name)
        found = self.api.get(EVENTS)["items"]
        return [
            (event["reason"], event["message"])
            for event in found
            if wanted in event["involvedObject"].items()
        ]

    def lost_nodes(self) -> int:
        """How often a node was said to be lost, in the whole life of this cluster."""
        found = self.api.get(EVENTS)["items"]
        return sum(
            event.get("count") or 1
            for event in found
            if event["reason"] == "NodeLost" and event["involvedObject"]["kind"] == "Node"
        )

    def told(self, name: str, reason: str, *, within: float = PATIENCE) -> str:
        """The message of that Event, once it is there."""
        return str(
            eventually(lambda: [said for why, said in self.events(name) if why == reason], within=within)[0]
        )

    def recording(self, name: str) -> contextlib.AbstractContextManager[Record]:
        """Everything a watch tells of that VPS while the block runs."""
        return self.api.recording(VPSES, name)

    def logs(self) -> Iterator[tuple[str, str]]:
        """The end of what each program said. An agent that lives and is silent first says where it stands."""
        for name, node in self.nodes.items():
            with contextlib.suppress(Refused, OSError):
                if node.agent.is_alive and not self.is_ready(name):
                    node.agent.abort()
        for process in self.processes:
            yield process.name, process.tail(without="who=admin verb=get")

    def _program(
        self, name: str, *arguments: str, number: int = 0, inside: Sequence[str] = (), label: str = ""
    ) -> Process:
        label = label or (f"{name}-{number}" if number else name)
        # Before all else on the machine: times are shrunk here, and a busy machine makes nobody silent.
        module = f"kohakuriver.{name}"
        command = ["nice", "-n", "-10", *inside, sys.executable, "-P", "-m", module, *arguments]
        environment = {"PYTHONFAULTHANDLER": "1", **(self._clock(label) if self._clocks else {})}
        return Process(label, command, self.folder / f"{label}.log", environment)

    def turn_clock(self, program: str, seconds: int) -> None:
        """Set the clock of a program, and of nothing else, so many seconds beside the machine's."""
        file = self.folder / f"{program}.clock"
        new = file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(file)  # in one step: the program may read it at any moment, and ends at an empty one

    def _clock(self, program: str) -> dict[str, str]:
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        assert library is not None, "no libfaketime on this machine: apt-get install faketime"
        self.turn_clock(program, 0)
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / f"{program}.clock"),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            # Left to itself the library tries out at each start which of two ways to wait it should take. On
            # a busy machine it takes the wrong one, and threads then wait for each other by the set clock.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    @contextlib.contextmanager
    def another_apiserver(self) -> Iterator[int]:
        """A second one on the same store, `apiserver-2`, as long as the block runs; its port."""
        port = free_port()
        server = self._program("apiserver", *self._apiserver(port), label="apiserver-2")
        server.start()
        try:
            eventually(self.files.api(port=port).is_ready)
            yield port
        finally:
            server.kill()

    def _apiserver(self, port: int = 0) -> list[str]:
        files = self.files
        return [
            f"--etcd={self.etcd.url}",
            f"--listen={files.server}:{port or files.port}",
            f"--tls-cert={files.pki}/apiserver.crt",
            f"--tls-key={files.pki}/apiserver.key",
            f"--token-file={files.tokens}",
        ]

    def config(self, who: str) -> Path:
        """The config file of an identity."""
        return self.files.config(who)

    def _config(self, who: str) -> list[str]:
        return ["--config", str(self.files.config(who))]

    def agent_named(self, name: str, *, on: Machine, engine: str = "", port: int = 0) -> Process:
        """An agent with the credential of the node of that name, not started yet; it begins at the first API
        server where no other is named by its port."""
        label = f"agent-{name}" if name == on.name else f"agent-{name}-on-{on.name}"
        return self._program(
            "agent",
            *self._config(self.files.config_at(name, port=port) if port else name),
            f"--node={name}",
            f"--data-dir={self.folder / label}",
            f"--docker-host={engine or on.socket}",
            "--cores=2",
            "--cpu-overcommit=1",
            "--memory=4Gi",
            "--reserve-memory=0%",
            "--ssh-port-range=30000-30009",
            *self._agent,
            *self._simulated(name),
            inside=on.inside_since_boot,
            label=label,
        )

    def _simulated(self, name: str) -> list[str]:
        if not self._gpus:
            return []
        self.plug_gpus(name)
        return [f"--gpu-inventory={self.folder / f'{name}.gpus'}"]

    def _new_node(self, machine: Machine) -> Node:
        if not self._deafen:
            return Node(machine, self.agent_named(machine.name, on=machine), machine.client())
        door = Door(self.folder / f"{machine.name}.sock", engine=machine.folder / "docker.sock")
        agent = self.agent_named(machine.name, on=machine, engine=f"unix://{door.path}")
        return Node(machine, agent, machine.client(), door)


def _empty(engine: docker.APIClient) -> None:
    for container in engine.containers(all=True):
        with contextlib.suppress(docker.errors.APIError):
            engine.remove_container(container["Id"], force=True, v=True)
    for network in engine.networks():
        if re.match("kohakuriver-", network["Name"]):
            with contextlib.suppress(docker.errors.APIError):
                engine.remove_network(network["Id"])
