"""Images that nobody uses are removed while the disk is nearly full; on a fake engine."""

import asyncio

import pytest

from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.runtime.base import COMMIT_CLUSTER_LABEL
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.resources import kinds
from tests.agent.agent_kit import CLUSTER, Node, a_manifest, a_node
from tests.fakes.switches import FakeImage, Pull

pytestmark = pytest.mark.looptime

GI = 1 << 30


def fill(node: Node, others: int) -> None:
    """From now on the disk is so full, and each image that goes makes room."""
    before = len(node.engine.images)

    def disk() -> Disk:
        used = others + 4 * (len(node.engine.images) - before)
        return Disk("/var/lib/fake", 100 * GI, (100 - used) * GI)

    node.look_at_disk = disk


async def pulled(node: Node, *names: str) -> None:
    """VPSes were made of these images, and are gone."""
    for name in names:
        node.engine.registry[name] = Pull(FakeImage(f"sha256:{name}"))
        await node.place(a_manifest(f"of-{name}", image=name))
        await node.until(f"of-{name}", phase="running")
        await node.delete(f"of-{name}")
        await node.until_gone(f"of-{name}")


async def until_images(node: Node, *gone: str) -> None:
    await asyncio.sleep(70)
    assert not set(gone) & set(node.engine.images)


async def test_those_go_that_the_agent_brought_until_there_is_room_and_no_others(tmp_path):
    async with a_node(tmp_path) as node:
        node.engine.images["stranger"] = FakeImage("sha256:stranger")
        left = {COMMIT_CLUSTER_LABEL: CLUSTER}
        node.engine.images["kohakuriver/commit-00000000:1"] = FakeImage("sha256:commit", labels=left)
        await pulled(node, "old", "newer")
        await node.place(a_manifest("user", image="old"))
        await node.until("user", phase="running")
        fill(node, 86)
        await until_images(node, "kohakuriver/commit-00000000:1", "newer")
        assert {"old", "stranger", "kohakuriver/busybox", "kohakuriver/debian-ssh"} <= set(node.engine.images)
        told = [event["message"] for event in await node.events("ImageRemoved")]
        assert any("docker.io/library/newer:latest" in words for words in told)


async def test_below_the_high_mark_all_stay_and_what_one_agent_brought_the_next_one_knows(tmp_path):
    async with a_node(tmp_path) as node:
        await pulled(node, "old")
        fill(node, 84)
        await asyncio.sleep(130)
        assert "old" in node.engine.images
        await node.agent.data_dir.flush(within=2.0)
        await node.kill_agent()
        await node.start_agent()
        fill(node, 90)
        await until_images(node, "old")


async def test_one_that_the_engine_does_not_let_go_keeps_no_other_there(tmp_path):
    async with a_node(tmp_path) as node:
        await pulled(node, "old", "newer")
        node.engine.switches.refusals["remove_image"] = EngineRefused("conflict: it is in use")
        fill(node, 90)
        await asyncio.sleep(70)
        assert {"old", "newer"} <= set(node.engine.images)
        assert node.engine.calls["remove_image"] >= 2
        del node.engine.switches.refusals["remove_image"]
        await until_images(node, "old", "newer")


async def test_what_an_environment_is_just_being_made_of_stays_and_what_a_crash_left_of_that_goes(tmp_path):
    async with a_node(tmp_path) as node:
        source = {"namespace": "default", "name": "dev", "uid": "u", "node": "elsewhere"}
        made = {"metadata": {"name": "my-env"}, "spec": {"vps": source}}
        body = await node.api.create(kinds.ENVIRONMENT, made)
        tag = body["metadata"]["uid"].replace("-", "")[:12]
        under_way = f"kohakuriver/environment-my-env:{tag}-whole"
        left = "kohakuriver/environment-gone:1-whole"
        for name in (under_way, left):
            node.engine.images[name] = FakeImage(f"sha256:{name}", labels={COMMIT_CLUSTER_LABEL: CLUSTER})
        fill(node, 95)
        while await node.agent.collector.step():
            pass
        assert left not in node.engine.images
        assert under_way in node.engine.images
