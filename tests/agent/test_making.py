"""Environments made of VPSes: by the node that has the files, once, and for the nodes that can have them."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver import image_name
from kohakuriver.agent.images import making
from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATIENCE, Node, a_manifest, a_node

pytestmark = pytest.mark.looptime
ENVIRONMENT = kinds.ENVIRONMENT.path(name="my-env")


async def made_from(node: Node, vps: dict, *, of: str = "n1") -> None:
    metadata = vps["metadata"]
    source = {"namespace": "default", "name": metadata["name"], "uid": metadata["uid"], "node": of}
    await node.api.create(kinds.ENVIRONMENT, {"metadata": {"name": "my-env"}, "spec": {"vps": source}})


async def until(node: Node, phase: str) -> dict:
    async with asyncio.timeout(PATIENCE):
        while True:
            body = (await node.api.get(ENVIRONMENT)).body
            if (body.get("status") or {}).get("phase") == phase:
                return dict(body)
            await asyncio.sleep(0.05)


def has_bytes(file: str) -> bool:
    return Path(file).stat().st_size > 0


async def test_the_files_of_a_vps_become_an_image_that_others_start_from(tmp_path):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest("dev"))
        vps = await node.until("dev", phase="running")
        await made_from(node, vps)
        status = (await until(node, "Ready"))["status"]
        assert has_bytes(status["tarball"])
        assert status["size"] > 0 and status["digest"].startswith("sha256:")
        wanted = {"environment": "my-env", "ssh": {"disabled": True}}
        await node.place({"metadata": {"name": "copy", "namespace": "default"}, "spec": wanted})
        copy = await node.until("copy", phase="running")
        assert copy["status"]["observed"]["container"]["image"] == status["image"]


async def test_it_is_made_once(tmp_path):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest("dev"))
        await made_from(node, await node.until("dev", phase="running"))
        before = await until(node, "Ready")
        await node.kill_agent()
        await node.start_agent()
        await asyncio.sleep(30)
        assert (await node.api.get(ENVIRONMENT)).body == before


async def test_a_vps_that_is_not_here_is_told(tmp_path):
    async with a_node(tmp_path) as node:
        await made_from(node, {"metadata": {"name": "dev", "uid": "gone"}})
        status = (await until(node, "Failed"))["status"]
        assert status["message"] == "default/dev has no container on this node"
        await node.place(
            {"metadata": {"name": "copy", "namespace": "default"}, "spec": {"environment": "my-env"}}
        )
        copy = await node.until("copy", state="failed")
        assert "could not be made: default/dev has no container" in copy["status"]["message"]


async def test_a_node_that_cannot_have_the_files_says_so_and_tries_again(tmp_path):
    async with a_node(tmp_path) as node:
        await made_from(node, {"metadata": {"name": "dev", "uid": "u"}}, of="n2")
        made = {
            "phase": "Ready",
            "image": "x:1",
            "tarball": "/nowhere.tar",
            "digest": "sha256:" + "0" * 64,
            "size": 1,
        }
        headers = {"Content-Type": "application/merge-patch+json"}
        path = f"{ENVIRONMENT}/status"
        reply = await node.api.call(
            "PATCH", path, {"status": made}, headers=headers | node.session, user="n1"
        )
        assert reply.code == 403  # it is not n1's to say
        reply = await node.api.call("PATCH", path, {"status": made}, headers=headers, user="n2")
        assert reply.code == 200
        await node.place(
            {"metadata": {"name": "copy", "namespace": "default"}, "spec": {"environment": "my-env"}}
        )
        copy = await node.until("copy", reason="ImagePullFailed")
        said = copy["status"]["message"]
        assert "/nowhere.tar cannot be read on this node: No such file or directory; next try in" in said


def test_only_what_is_not_made_yet_is_due_and_only_on_its_node():
    environment = {"metadata": {"name": "e", "uid": "1-2"}, "spec": {"vps": {"node": "n1"}}}
    assert making.is_due(environment, "n1")
    assert not making.is_due(environment, "n2")
    assert making.is_due({**environment, "status": {"phase": "Making"}}, "n1")
    assert not making.is_due({**environment, "status": {"phase": "Failed"}}, "n1")
    assert not making.is_due({"spec": {"image": "x"}}, "n1")
    assert image_name.of_environment_vps(environment) == "kohakuriver/environment-e:12"
