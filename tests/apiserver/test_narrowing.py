"""What a Node tells of everybody's VPSes is not shown to those who see no VPSes but their own."""

import asyncio
import json

import pytest

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.printers.narrowing import Narrowed
from kohakuriver.resources import kinds
from tests import cost
from tests.apiserver.api import Api, running_api
from tests.apiserver.writing import a_node

pytestmark = [pytest.mark.looptime, pytest.mark.fault(47)]

EVE = User("eve", Role.VIEWER, namespaces=("default",))
TELLING = {
    "images": ["registry.example/secret-image:1"],
    "unknown": [
        {"container": "secret-container", "namespace": "team-b", "vps": "secret", "uid": "secret-uid"},
        {"container": "of-nobody-secret"},
        {"container": "own-container", "namespace": "default", "vps": "own"},
    ],
    "volumes": [
        {"namespace": "team-b", "vps": "secret", "name": "secret-volume"},
        {"namespace": "default", "vps": "own", "name": "own-volume"},
    ],
}
MERGE = {"Content-Type": "application/merge-patch+json"}
NODE = kinds.NODE.path(name="n1")
NODES = kinds.NODE.path()
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


async def telling_node(api: Api) -> str:
    """Makes it; the resourceVersion before it told anything."""
    made = await api.create(kinds.NODE, {"metadata": {"name": "n1"}, "spec": {}}, user="n1")
    status = {"status": {**a_node("n1")["status"], **TELLING}}
    reply = await api.call("PATCH", f"{NODE}/status", status, user="n1", headers=MERGE)
    assert reply.code == 200, reply.body
    return str(made["metadata"]["resourceVersion"])


async def everything_read(api: Api, user: str, before: str) -> list[str]:
    """Each way to read a Node, as its text."""
    watch = {"watch": "1", "timeoutSeconds": "1"}
    whole = {"includeObject": "Object"}
    found = []
    for path in (NODE, f"{NODE}/status", NODES):
        for headers in ({}, TABLE):
            found.append(await api.get(path, user=user, params=whole, headers=headers))
    for headers in ({}, TABLE):
        found.append(await api.get(NODES, user=user, params={**watch, **whole}, headers=headers))
        told = {**watch, **whole, "resourceVersion": before}
        found.append(await api.get(NODES, user=user, params=told, headers=headers))
    assert [reply.code for reply in found] == [200] * len(found)
    return [json.dumps(reply.body) for reply in found]


async def test_a_user_and_a_narrowed_viewer_see_nothing_of_others_in_any_reading_of_a_node() -> None:
    async with running_api(users=(EVE,)) as api:
        before = await telling_node(api)
        for user in ("alice", "eve"):
            for text in await everything_read(api, user, before):
                assert "secret" not in text, user
                assert "own-volume" in text and "own-container" in text, "and what is their own is there"


async def test_who_sees_all_vpses_sees_all_of_a_node() -> None:
    async with running_api() as api:
        before = await telling_node(api)
        for user in ("admin", "controller", "viewer", "n1"):
            for text in await everything_read(api, user, before):
                assert all(field in text for field in ("secret-image", "secret-uid", "secret-volume")), user


async def test_a_change_of_a_node_is_cut_once_for_all_watches_of_one_user() -> None:
    async with running_api() as api:
        await telling_node(api)
        since = str(await api.store.revision())
        query = {"watch": "1", "timeoutSeconds": "3", "resourceVersion": since}
        watches = [
            asyncio.create_task(api.get(NODES, user="alice", params=query, headers=headers))
            for headers in ({}, TABLE)
            for _ in range(20)
        ]
        await asyncio.sleep(1)
        with cost.turns(Narrowed.cut) as cut:
            status = {"status": {"nodeInfo": {"agentVersion": "2"}}}
            assert (await api.call("PATCH", f"{NODE}/status", status, user="n1", headers=MERGE)).code == 200
            replies = await asyncio.gather(*watches)
        assert all('"MODIFIED"' in json.dumps(reply.body).replace("\\", "") for reply in replies)
        assert cut.total == 2, "once in each form"
