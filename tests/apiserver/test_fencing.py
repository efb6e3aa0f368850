"""Only who leads at that moment writes what rests on silence."""

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.fencing import Leader
from kohakuriver.resources.kinds import LEASE, NODE
from tests.apiserver.api import running_api

MERGE = {"Content-Type": "application/merge-patch+json"}
SILENT = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "silent"}


async def mark(api, leader, user="controller"):
    return await api.call(
        "PATCH",
        f"{NODE.path(name='n1')}/status",
        {"status": {"conditions": [SILENT]}},
        user=user,
        headers=MERGE,
        params={"leader": leader} if leader else None,
    )


async def a_leading(api, holder, transitions):
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 10, "leaseTransitions": transitions}
    meta = {"name": "controller", "namespace": "kohakuriver-system"}
    await api.create(LEASE, {"metadata": meta, "spec": spec})


async def test_the_leader_may_mark_a_node():
    async with running_api() as api:
        await api.create(NODE, {"metadata": {"name": "n1"}})
        await a_leading(api, "c1-ab", 3)
        reply = await mark(api, "controller,c1-ab,3")
    assert reply.code == 200, reply.body
    assert reply.body["status"]["conditions"][0]["status"] == "Unknown"


@pytest.mark.parametrize("leader", ["controller,c2-cd,3", "controller,c1-ab,2", "other,c1-ab,3"])
async def test_who_leads_no_more_is_refused_and_changes_nothing(leader):
    async with running_api() as api:
        await api.create(NODE, {"metadata": {"name": "n1"}})
        await a_leading(api, "c1-ab", 3)
        reply = await mark(api, leader)
        node = (await api.get(NODE.path(name="n1"))).body
    assert (reply.code, reply.body["reason"]) == (409, "Conflict")
    assert "does not lead any more" in reply.body["message"]
    assert not (node.get("status") or {}).get("conditions")


async def test_a_controller_that_names_no_leader_marks_no_node_silent():
    async with running_api() as api:
        await api.create(NODE, {"metadata": {"name": "n1"}})
        reply = await mark(api, "")
        node = (await api.get(NODE.path(name="n1"))).body
    assert (reply.code, reply.body["reason"]) == (403, "Forbidden")
    assert "status.conditions[Ready] rests on silence" in reply.body["message"]
    assert "?leader=" in reply.body["details"]["hint"]
    assert not (node.get("status") or {}).get("conditions")


async def test_an_administrator_leads_nothing_and_may_mark_a_node_all_the_same():
    async with running_api() as api:
        await api.create(NODE, {"metadata": {"name": "n1"}})
        assert (await mark(api, "", user="admin")).code == 200


@pytest.mark.fault(41)
async def test_a_lead_that_moves_between_the_look_and_the_commit_is_noticed():
    async with running_api() as api:
        await api.create(NODE, {"metadata": {"name": "n1"}})
        await a_leading(api, "c1-ab", 3)
        commit = api.store.commit
        moved = []

        async def late(**more):
            if not moved:
                moved.append(True)
                path = LEASE.path(namespace="kohakuriver-system", name="controller")
                change = {"spec": {"holderIdentity": "c2-cd", "leaseTransitions": 4}}
                assert (await api.call("PATCH", path, change, headers=MERGE)).code == 200
            return await commit(**more)

        api.store.commit = late
        reply = await mark(api, "controller,c1-ab,3")
    assert moved
    assert reply.code == 409


@pytest.mark.parametrize("text", ["", "c1", "a,b", "a,b,c", "a,,1", ",b,1"])
def test_what_names_no_leader_is_a_bad_request(text):
    with pytest.raises(errors.BadRequest):
        Leader.parse(text)
