"""Nobody gets at another's files through the name of an image, on a real engine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agent.agent_kit import a_manifest
from tests.agent.docker_node import SMALL, DockerNode, a_docker_node
from tests.agent.past_the_rules import name_image

pytestmark = [pytest.mark.docker, pytest.mark.fault(71)]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[DockerNode]:
    async with a_docker_node(tmp_path) as made:
        yield made


def short_ids(node: DockerNode, reference: str) -> list[str]:
    """The image's id, as short as the engine takes it for this image, and as long as it is."""
    with contextlib.closing(node.docker) as client:
        whole = client.inspect_image(reference)["Id"]
        digits = whole.removeprefix("sha256:")
        for length in range(4, len(digits)):
            with contextlib.suppress(Exception):  # it is the beginning of another's too
                if client.inspect_image(digits[:length])["Id"] == whole:
                    return [digits[:length], digits, whole]
    raise AssertionError(f"the engine takes nothing for {whole}")


async def test_the_id_of_anothers_image_however_short_or_its_name_makes_no_container(
    node: DockerNode,
) -> None:
    await node.place(a_manifest("alice", resources=SMALL))
    await node.until("alice", phase="running")
    await asyncio.to_thread(node.run, "/bin/sh", "-c", "echo hers > /secret")
    await node.change("alice", env={"A": "1"}, restartRequest="r1")
    await node.until("alice", restartRequest="r1")
    await node.until("alice", phase="running")
    async with asyncio.timeout(60):
        while True:
            if len(await asyncio.to_thread(node.ids)) == 1:
                break
            await asyncio.sleep(0.05)
    (commit,) = await asyncio.to_thread(node.commits)
    hers = await asyncio.to_thread(node.run, "cat", "/secret")
    assert hers == "hers"
    images = [*await asyncio.to_thread(short_ids, node, commit), commit, f"docker.io/{commit}"]
    for number, image in enumerate(images):
        bob = f"bob{number}"
        await node.bind(await name_image(node.api, image, bob, imagePullPolicy="Never", resources=SMALL))
        vps = await node.until(bob, reason="ImageOfAnother" if "/" in image else "ImageNotOnNode")
        assert image in vps["status"]["message"]
    assert len(await asyncio.to_thread(node.ids)) == 1
