"""With which Snapshot the files of a VPS are compared: what the agent is told, and what is refused."""

import asyncio
from typing import Any

import orjson
import pytest

from kohakuriver import errors
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.streaming.test_streams import MERGE, an_agent, asked, bring, dialer, place

pytestmark = pytest.mark.looptime

CHANGES = kinds.VPS.path(namespace="default", name="dev", subresource="changes")
VOLUME = {"name": "home", "target": "/home", "size": 7, "digest": "sha256:" + "a" * 64}


async def a_snapshot(api: Api, name: str = "base", **status: Any) -> dict[str, Any]:
    body = {"metadata": {"name": name, "namespace": "default"}, "spec": {"vps": {"name": "dev"}}}
    made = await api.create(kinds.SNAPSHOT, body)
    if status:
        path = kinds.SNAPSHOT.path(namespace="default", name=name, subresource="status")
        report = {"metadata": {"uid": made["metadata"]["uid"]}, "status": status}
        reply = await api.call("PATCH", path, report, user="n1", headers=MERGE)
        assert reply.code == 200, reply.body
    return made


async def told(api: Api, *params: tuple[str, str]) -> dict[str, Any]:
    """What the agent is asked for, once somebody has opened the stream."""
    async with an_agent(api) as control:
        opening = asyncio.create_task(dialer(api, "alice").stream(CHANGES, params))
        wanted = await asked(control)
        far = await bring(api, wanted["id"])
        near = await opening
        near.framed.abort()
        far.framed.abort()
        return wanted


@pytest.mark.parametrize("state", ["running", "stopped", "paused"])
async def test_without_a_snapshot_the_agent_is_told_nothing_more_in_whichever_state_it_is(state):
    async with running_api() as api:
        await place(api, state)
        wanted = await told(api, ("volumes", "[]"), ("x", "y"))
        assert (wanted["kind"], wanted["params"]) == ("changes", {})


async def test_the_agent_is_told_the_uid_and_the_volumes_and_believes_no_visitor():
    async with running_api() as api:
        await place(api)
        made = await a_snapshot(
            api, phase="Ready", volumes=[VOLUME, {**VOLUME, "name": None, "target": "/i"}]
        )
        wanted = await told(api, ("snapshot", "base"), ("volumes", '[{"target": "/etc"}]'))
        params = wanted["params"]
        assert params.keys() == {"snapshot", "volumes"}
        assert params["snapshot"] == [made["metadata"]["uid"]]
        assert [orjson.loads(one) for one in params["volumes"]] == [
            [{"name": "home", "target": "/home"}, {"target": "/i"}]
        ]


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        ({}, errors.Conflict, "Snapshot base has no files to compare with: it is still being taken"),
        (
            {"phase": "Failed", "message": "short of disk space"},
            errors.Conflict,
            "Snapshot base has no files to compare with: short of disk space",
        ),
    ],
)
async def test_one_without_files_is_refused_in_words(status, error, says):
    async with running_api() as api:
        await place(api)
        await a_snapshot(api, **status)
        async with an_agent(api):
            with pytest.raises(error, match=says):
                await dialer(api, "alice").stream(CHANGES, [("snapshot", "base")])


async def test_one_that_is_not_there_or_on_another_node_is_refused_in_words():
    async with running_api() as api:
        await place(api)
        await a_snapshot(api, phase="Ready")
        async with an_agent(api):
            with pytest.raises(errors.NotFound, match="other"):
                await dialer(api, "alice").stream(CHANGES, [("snapshot", "other")])
            key = codec.key(kinds.SNAPSHOT, "default", "base")
            stored = codec.decode(await api.store.get(key))
            stored["spec"]["vps"]["node"] = "n2"
            revision = await api.store.commit(expect={}, writes=[Put(key, codec.encode(stored))])
            await api.server.cache.wait_for(revision)
            with pytest.raises(errors.Conflict, match="base is on node n2, and dev on n1"):
                await dialer(api, "alice").stream(CHANGES, [("snapshot", "base")])
