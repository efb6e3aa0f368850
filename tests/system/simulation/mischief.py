"""More of what a history may do: to calls, disks, Environments, nodes and the way between them.

The verbs of play.py's `Player` that came with the troubles of troubles.py. What lasts ends after so many
seconds, or with None only once all is mended.
"""

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from kohakuriver.resources import kinds
from tests.system.simulation import disk
from tests.system.simulation.cluster import VPSES, Cluster
from tests.system.simulation.faulty import CALLS
from tests.system.simulation.machine import Machine

Json = dict[str, Any]
RENEWED, TWIN_STAYS = 3.5, 6.0  # seconds; a Lease is good for 10

OF_NODE: dict[str, Json] = {
    "cores": {"allocatable": {"cores": "lots", "memory": "8Gi"}},
    "memory": {"allocatable": {"cores": "6", "memory": "a great deal"}},
    "capacity": {"capacity": {"cores": "-3", "memory": "8Zi"}},
    "overcommit": {"cpuOvercommit": "often"},
    "numa": {"numa": [{"id": 0, "cpuset": "all"}]},
    "ports": {"sshPorts": {"address": "127.0.0.1", "first": 40000, "last": 1}},
    "gpus": {"gpus": [{"index": 0, "uuid": "GPU-0"}, {"index": 0, "uuid": "GPU-0", "numa": 99}]},
    "unknown": {"unknown": [{"container": "x", "uid": "u", "state": "running", "cores": "many"}]},
    "unknown-memory": {"unknown": [{"container": "", "state": "running", "memory": "1e", "gpus": [""]}]},
    "conditions": {"conditions": [{"type": "RuntimeReady", "status": "True", "reason": "x" * 500}]},
    "images": {"images": ["\n"] * 100},
}
OF_VPS: dict[str, Json] = {
    "cores": {"grant": {"cores": "lots"}},
    "memory": {"grant": {"memory": "-1"}},
    "cpuset": {"grant": {"cpuset": "all"}},
    "gpus": {"grant": {"gpus": ["GPU-0", ""]}},
    "restarts": {"container": {"restarts": -(2**40), "exitCode": 2**40}},
    "message": {"message": "x" * 20_000, "reason": "\n"},
    "ssh": {"ssh": {"state": "ready", "hostKey": "none"}},
}


class Mischief:
    """Verbs, each a method; the answer is for whoever reads the history."""

    cluster: Cluster

    def _after(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        raise NotImplementedError

    def _asked(self, name: str) -> None:
        raise NotImplementedError

    def _until(self, lasts: float | None, mend: Callable[[], object]) -> None:
        async def act() -> None:
            mend()

        if lasts is not None:
            self._after(lasts, act())

    def _machine_of(self, name: str) -> Machine | None:
        """The machine that a VPS is bound to."""
        vps = self.cluster.stored(name) or {}
        assignment = (vps.get("status") or {}).get("assignment") or {}
        return self.cluster.machines.get(assignment.get("node"))

    # Calls of an engine.

    async def slow_calls(self, node: str, call: str, most: float, lasts: float | None) -> None:
        """Each answer to such a call takes up to so many seconds; the engine acts somewhere within."""
        slow = self.cluster.machines[node].faults.slow
        slow[call] = most
        self._until(lasts, lambda: slow.pop(call, None))

    async def slow_machine(self, node: str, most: float, lasts: float | None) -> None:
        for call in CALLS:
            await self.slow_calls(node, call, most, lasts)

    async def late_call(self, node: str, call: str, waits: float, late: float) -> None:
        """The next such call is given up after some seconds, and comes through after some more."""
        self.cluster.machines[node].faults.late[call] = (waits, late)

    async def long_commits(self, node: str, seconds: float, lasts: float | None) -> None:
        """Every commit goes on for so long after its caller has given up."""
        faults = self.cluster.machines[node].faults
        faults.commits_last = seconds
        self._until(lasts, lambda: setattr(faults, "commits_last", 0.0))

    async def stick(self, name: str, lasts: float | None) -> str:
        """Whatever is asked of this container is not answered."""
        machine = self._machine_of(name)
        if machine is None:
            return "not bound"
        stuck = machine.faults.stuck
        stuck.add(name)
        self._until(lasts, lambda: stuck.discard(name))
        return machine.name

    # Disks.

    async def fill_disk(self, node: str, lasts: float | None) -> None:
        self._break_disk(node, disk.FULL, lasts)

    async def write_protect_disk(self, node: str, lasts: float | None) -> None:
        self._break_disk(node, disk.READ_ONLY, lasts)

    def _break_disk(self, node: str, fault: int, lasts: float | None) -> None:
        broken = self.cluster.machines[node].disk
        broken.fail(fault)
        self._until(lasts, broken.mend)

    # Environments and images.

    async def put_environment(self, name: str, image: str) -> str:
        """Makes it, or points it at another image: an administrator's doing, who asks no owner."""
        spec = {"image": image, "tarball": None}
        path = kinds.ENVIRONMENT.path(name=name)
        reply = await self.cluster.call("PATCH", path, {"spec": spec})
        if reply.code != 404:
            return str(reply.code)
        whole = {
            "apiVersion": kinds.ENVIRONMENT.api_version,
            "kind": kinds.ENVIRONMENT.kind,
            "metadata": {"name": name},
            "spec": {"image": image},
        }
        return str((await self.cluster.call("POST", kinds.ENVIRONMENT.path(), whole)).code)

    async def delete_environment(self, name: str) -> str:
        return str((await self.cluster.call("DELETE", kinds.ENVIRONMENT.path(name=name))).code)

    async def name_image(self, name: str, image: str | None, environment: str | None) -> str:
        """Its owner names another image, whatever becomes of the files."""
        vps = self.cluster.stored(name)
        if vps is not None:
            self.cluster.rules.replaced.add(vps["metadata"]["uid"])
        spec = {"image": image, "environment": environment}
        return str((await self.cluster.call("PATCH", f"{VPSES}/{name}", {"spec": spec})).code)

    # What a node says.

    async def lie_of_node(self, node: str, what: str, lasts: float | None) -> None:
        """It writes nonsense into its own status, again and again."""
        cluster = self.cluster
        cluster.lie(node, {"status": OF_NODE[what]})
        self._until(lasts, lambda: cluster.end_lies(node))

    async def lie_of_vps(self, name: str, what: str) -> str:
        """Its node writes nonsense into its status."""
        vps = self.cluster.stored(name) or {}
        assignment = (vps.get("status") or {}).get("assignment")
        if not assignment:
            return "not bound"
        observed = {"epoch": assignment["epoch"], **OF_VPS[what]}
        body = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": {"observed": observed}}
        path = f"{VPSES}/{name}/status"
        return str((await self.cluster.call("PATCH", path, body, user=assignment["node"])).code)

    async def forget_node(self, node: str) -> str:
        """Somebody says that a silent machine is destroyed, and it is not."""
        engine = self.cluster.machines[node].engine
        was, engine.is_given_up = engine.is_given_up, True
        asked = self.cluster.rules.asked
        for vps in self.cluster.store.objects("registry/vpses/").values():
            if ((vps.get("status") or {}).get("assignment") or {}).get("node") == node:
                asked.add(vps["metadata"]["uid"])
        path = f"{kinds.NODE.path(name=node)}/forget"
        reply = await self.cluster.call("POST", path, {"destroyed": True})
        if reply.code in (404, 409):
            engine.is_given_up = was
        return str(reply.code)

    async def join_again(self, node: str) -> str:
        """The machine that was given up joins with a new credential, its old containers still there."""
        with contextlib.suppress(AssertionError):
            await self.cluster.join_again(node)
            return ""
        return "no server answers"

    # The way between them.

    async def late_report(self, node: str, state: str, seconds: float) -> None:
        """The next report of a VPS in that state arrives so late, whoever still waits for the answer."""
        self.cluster.links[node].late = f'"{state}"'.encode(), seconds

    async def freeze_agent(self, node: str, seconds: float) -> None:
        """As SIGSTOP and SIGCONT do: what it was about to do it does then."""
        gate = self.cluster.machines[node].gate
        gate.close()
        self._until(seconds, gate.open)

    async def add_server(self, skew: float) -> None:
        """A second API server, whose wall clock is so many seconds off."""
        await self.cluster.add_api(skew)

    async def twin(self, node: str, number: int) -> str:
        """Another machine comes with the name and the credential of one that has renewed its Lease just now,
        for less time than that is good for."""
        if self.cluster.lookout.silence(node) > RENEWED:
            return "it is silent itself"
        await self.cluster.set_up_twin(node, number)
        self._after(TWIN_STAYS, self.cluster.remove_twins())
        return ""

    async def move(self, name: str, number: int) -> None:
        """That program goes to the API server of this number."""
        self.cluster.move(name, number)
