"""Random histories of every named transaction over two nodes: nothing is ever held twice or stays behind.

Users create, change, stop and delete, nodes fall silent and come back, are drained and given up, agents
report, finish, reject and confirm; all against the real writing half on the memory store.
"""

import contextlib
import random
from typing import Any

import pytest

from kohakuriver import cpuset, errors, quantity
from kohakuriver.resources import kinds
from tests.apiserver.writing import ADMIN, CONTROLLER, N1, N2, World, a_gpu, a_node, a_vps, a_world

pytestmark = pytest.mark.looptime

Json = dict[str, Any]

AGENTS = {"n1": N1, "n2": N2}
NODES = {
    name: a_node(
        name, cores="6", memory="8Gi", numa=("0-3", "4-5"), gpus=(a_gpu(0, node=name), a_gpu(1, node=name))
    )
    for name in AGENTS
}


class History:
    """One random history. `held` is what containers have, by (node, uid): what bookings must cover."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.dice = random.Random(seed)  # noqa: S311
        self.held: dict[tuple[str, str], Json] = {}
        self.silent: set[str] = set()

    async def run(self, steps: int) -> None:
        verbs = [self.create, self.bind, self.bind, *[self.work] * 5, self.change, self.stop, self.start,
                 self.delete, self.force, self.silence, self.wake, self.wake, self.forget, self.reject,
                 self.newport, self.drain, self.forget_node]  # fmt: skip
        for _ in range(steps):
            verb = self.dice.choice(verbs)
            with contextlib.suppress(errors.Conflict, errors.Invalid, errors.NotFound, errors.AlreadyExists):
                await verb()
            await self.check(verb.__name__)

    async def vpses(self) -> list[Json]:
        found = [await self.world.get(kinds.VPS, f"v{number}", "default") for number in range(5)]
        return [vps for vps in found if vps]

    async def pick(self, *, bound: bool = True) -> Json:
        fitting = [vps for vps in await self.vpses() if ("assignment" in vps["status"]) is bound]
        if not fitting:
            raise errors.NotFound("none such")
        return self.dice.choice(fitting)

    def spec(self) -> Json:
        exclusive = self.dice.random() < 0.4
        placement = self.dice.choice([{}, {}, {"numa": 0}, {"numa": 1}, {"gpus": {"count": 1}}])
        cores = self.dice.choice([1, 2]) if exclusive else self.dice.choice([0.5, 1, 2])
        return {
            "resources": {"cores": cores, "memory": "1Gi", "exclusive": exclusive},
            "placement": {"numa": None, "gpus": None, **placement},
        }

    async def create(self) -> None:
        await self.world.create(a_vps(f"v{self.dice.randrange(5)}", **self.spec()))

    async def bind(self) -> None:
        vps = await self.pick(bound=False)
        await self.world.act("bind", vps["metadata"]["name"], node=self.dice.choice(list(NODES)))

    async def change(self) -> None:
        await self.world.patch({"spec": self.spec()}, (await self.pick())["metadata"]["name"])

    async def stop(self) -> None:
        await self.world.patch({"spec": {"runState": "Stopped"}}, (await self.pick())["metadata"]["name"])

    async def start(self) -> None:
        name = (await self.pick())["metadata"]["name"]
        await self.world.patch({"spec": {"runState": "Running"}}, name)
        await self.world.act("regrant", name)

    async def delete(self) -> None:
        await self.world.delete(self.dice.choice(await self.vpses() or [a_vps()])["metadata"]["name"])

    async def force(self) -> None:
        await self.world.delete((await self.pick())["metadata"]["name"], gracePeriodSeconds=0)

    async def forget(self) -> None:
        await self.world.act("forget", (await self.pick())["metadata"]["name"], user=ADMIN)

    async def silence(self) -> None:
        node = self.dice.choice(list(NODES))
        self.silent.add(node)
        await self.ready(node, "Unknown")
        for vps in await self.vpses():
            if vps["status"].get("assignment", {}).get("node") == node:
                await self.world.silence(vps["metadata"]["name"])

    async def wake(self) -> None:
        """An agent comes back: tombstones first, then everything that is its own."""
        for node in sorted(self.silent):
            self.silent.discard(node)
            await self.ready(node, "True")
            for uid, entry in (await self.world.bookings(node)).items():
                if "tombstone" in entry:
                    self.held.pop((node, uid), None)
                    await self.world.confirm(uid, entry["epoch"], node=node, user=AGENTS[node])

    async def ready(self, node: str, status: str) -> None:
        body = {"status": {"conditions": [{"type": "Ready", "status": status}]}}
        await self.world.patch(body, node, user=CONTROLLER, resource=kinds.NODE, subresource="status")

    async def drain(self) -> None:
        node = self.dice.choice(list(NODES))
        on = self.dice.random() < 0.2
        await self.world.patch({"spec": {"drain": on}}, node, resource=kinds.NODE)

    async def reject(self) -> None:
        vps = await self.pick()
        node, uid = vps["status"]["assignment"]["node"], vps["metadata"]["uid"]
        if node not in self.silent and (node, uid) not in self.held:
            words = {"reason": "Refused", "message": "no"}
            await self.world.act("reject", vps["metadata"]["name"], user=AGENTS[node], **words)

    async def newport(self) -> None:
        vps = await self.pick()
        assignment = vps["status"]["assignment"]
        if assignment["node"] not in self.silent:
            agent, taken = AGENTS[assignment["node"]], [assignment["grant"]["sshPort"]]
            await self.world.act("newport", vps["metadata"]["name"], user=agent, taken=taken)

    async def forget_node(self) -> None:
        """The machine burns, a person says so, and another of that name is set up."""
        node = self.dice.choice(list(NODES))
        if self.dice.random() < 0.3 and node in self.silent:
            await self.world.forget_node(node)
            self.held = {place: what for place, what in self.held.items() if place[0] != node}
            self.silent.discard(node)
            await self.world.put(kinds.NODE, NODES[node])

    async def work(self) -> None:
        """One pass of an agent over one VPS of its own, and of the controller after it."""
        vps = await self.pick()
        name, assignment = vps["metadata"]["name"], vps["status"]["assignment"]
        place = (assignment["node"], vps["metadata"]["uid"])
        if assignment["node"] in self.silent:
            return
        agent = AGENTS[assignment["node"]]
        node = await self.world.get(kinds.NODE, assignment["node"]) or {}
        drained = bool(node.get("spec", {}).get("drain"))
        if vps["metadata"].get("deletionTimestamp"):
            self.held.pop(place, None)
            await self.world.act("finish", name, user=agent)
        elif vps["spec"]["runState"] == "Stopped" or drained or "cores" not in assignment["grant"]:
            self.held.pop(place, None)
            reason = "NodeDrained" if drained and vps["spec"]["runState"] == "Running" else "Stopped"
            await self.world.report(name, user=agent, state="stopped", observed={"reason": reason})
            await self.world.act("release", name)
        else:
            await self._run(name, place, vps, agent)

    async def _run(self, name: str, place: tuple[str, str], vps: Json, agent: Any) -> None:
        """Cores and memory are applied live, GPUs now and then, when the container is made anew."""
        has = dict(vps["status"]["assignment"]["grant"])
        if place in self.held and self.dice.random() < 0.5:
            has.pop("gpus", None)
            has |= {field: value for field, value in self.held[place].items() if field == "gpus"}
        self.held[place] = has
        applied = {field: value for field, value in has.items() if field not in ("sshPort", "numa")}
        observed = {"grant": applied, "container": {"id": name}}
        generation = vps["metadata"]["generation"]
        await self.world.report(name, user=agent, observed=observed, observedGeneration=generation)

    async def check(self, verb: str) -> None:
        """The rules of DESIGN section 5, at every moment."""
        bound = {
            (vps["status"]["assignment"]["node"], vps["metadata"]["uid"]): vps["status"]["assignment"]
            for vps in await self.vpses()
            if "assignment" in vps["status"]
        }
        for node in NODES:
            entries = await self.world.bookings(node)
            living = {uid for uid, entry in entries.items() if "tombstone" not in entry}
            assert living == {uid for at, uid in bound if at == node}, f"bookings without VPS after {verb}"
            check_disjoint(entries, f"after {verb}")
        for (node, uid), assignment in bound.items():
            entry = (await self.world.bookings(node))[uid]
            assert entry["epoch"] == assignment["epoch"] and entry["id"] == assignment["id"], verb
            assert entry["sshPort"] == assignment["grant"]["sshPort"], f"the port granted is booked: {verb}"
            check_covered(assignment["grant"], entry, f"granted more than is booked after {verb}")
        for (node, uid), has in self.held.items():
            entries = await self.world.bookings(node)
            assert uid in entries, f"a container without a booking after {verb}"
            check_covered(has, entries[uid], f"a container with more than is booked after {verb}")


def check_disjoint(entries: Json, when: str) -> None:
    sets = [cpuset.parse(entry.get("cpuset") or "") for entry in entries.values()]
    gpus = [uuid for entry in entries.values() for uuid in entry.get("gpus") or ()]
    ports = [entry["sshPort"] for entry in entries.values()]
    cores = sum(quantity.millicores(entry.get("cores", 0)) for entry in entries.values())
    memory = sum(quantity.size(entry.get("memory", 0)) for entry in entries.values())
    assert len(frozenset().union(*sets)) == sum(map(len, sets)), f"one exclusive core held twice {when}"
    assert len(set(gpus)) == len(gpus), f"one GPU held twice {when}"
    assert len(set(ports)) == len(ports), f"one port booked twice {when}"
    assert cores <= 6000 and memory <= 8 << 30, f"a node over-booked {when}"


def check_covered(part: Json, whole: Json, rule: str) -> None:
    assert quantity.millicores(part.get("cores", 0)) <= quantity.millicores(whole.get("cores", 0)), rule
    assert cpuset.parse(part.get("cpuset") or "") <= cpuset.parse(whole.get("cpuset") or ""), rule
    assert set(part.get("gpus") or ()) <= set(whole.get("gpus") or ()), rule


@pytest.mark.fault(23, 26, 27)
@pytest.mark.parametrize("seed", range(40))
async def test_nothing_of_a_node_is_ever_held_twice(seed: int) -> None:
    world = await a_world(*NODES.values())
    await History(world, seed).run(120)
