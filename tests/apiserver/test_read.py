"""GET one and GET many through the real server."""

import pytest

from kohakuriver.apiserver.objects.query import Resume
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api

VPSES = kinds.VPS.path(namespace="default")
EVERYWHERE = kinds.VPS.path()
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


async def some(api: Api, count: int) -> list[dict]:
    return [await api.create(kinds.VPS, {"metadata": {"name": f"v{n}"}}) for n in range(count)]


def names(reply) -> list[str]:
    return [item["metadata"]["name"] for item in reply.body["items"]]


async def test_a_list_is_in_order_and_says_of_which_revision_it_is():
    async with running_api() as api:
        made = await some(api, 3)
        reply = await api.get(VPSES)
        assert reply.code == 200
        assert (reply.body["kind"], reply.body["apiVersion"]) == ("VPSList", kinds.API_VERSION)
        assert names(reply) == ["v0", "v1", "v2"]
        assert reply.body["items"] == made
        assert int(reply.body["metadata"]["resourceVersion"]) >= int(made[-1]["metadata"]["resourceVersion"])


async def test_one_object_is_given_as_it_was_stored():
    async with running_api() as api:
        [made] = await some(api, 1)
        assert (await api.get(f"{VPSES}/v0")).body == made
        missing = await api.get(f"{VPSES}/nothing")
        assert (missing.code, missing.body["reason"]) == (404, "NotFound")
        assert missing.body["message"] == 'vpses.kohakuriver.io "nothing" not found'
        assert missing.body["details"] == {"name": "nothing", "group": "kohakuriver.io", "kind": "vpses"}


@pytest.mark.fault(45)
async def test_pages_show_one_revision_whatever_happens_between_them():
    async with running_api() as api:
        await some(api, 5)
        first = await api.get(VPSES, params={"limit": "2"})
        assert names(first) == ["v0", "v1"]
        assert first.body["metadata"]["remainingItemCount"] == 3
        await api.call("DELETE", f"{VPSES}/v3")
        await api.create(kinds.VPS, {"metadata": {"name": "v2a"}})
        token = first.body["metadata"]["continue"]
        second = await api.get(VPSES, params={"limit": "2", "continue": token})
        assert names(second) == ["v2", "v3"]
        third = await api.get(VPSES, params={"limit": "2", "continue": second.body["metadata"]["continue"]})
        assert names(third) == ["v4"]
        assert "continue" not in third.body["metadata"]
        revisions = {page.body["metadata"]["resourceVersion"] for page in (first, second, third)}
        assert len(revisions) == 1


async def test_pages_of_a_selection_are_full_until_the_last():
    async with running_api() as api:
        for number in range(9):
            labels = {"odd": str(number % 2)}
            await api.create(kinds.VPS, {"metadata": {"name": f"v{number}", "labels": labels}})
        found, token = [], ""
        while True:
            query = {"limit": "2", "labelSelector": "odd=1"} | ({"continue": token} if token else {})
            page = await api.get(VPSES, params=query)
            found.append(names(page))
            token = page.body["metadata"].get("continue", "")
            if not token:
                break
        assert found == [["v1", "v3"], ["v5", "v7"]] or found == [["v1", "v3"], ["v5", "v7"], []]


async def test_an_old_page_is_expired_once_the_store_has_forgotten_it():
    async with running_api() as api:
        await some(api, 3)
        token = (await api.get(VPSES, params={"limit": "1"})).body["metadata"]["continue"]
        latest = await api.create(kinds.VPS, {"metadata": {"name": "later"}})
        await api.store.compact(int(latest["metadata"]["resourceVersion"]))
        reply = await api.get(VPSES, params={"limit": "1", "continue": token})
        assert (reply.code, reply.body["reason"]) == (410, "Expired")


async def test_a_list_can_be_of_an_exact_revision():
    async with running_api() as api:
        made = await some(api, 2)
        at = {"resourceVersion": made[0]["metadata"]["resourceVersion"], "resourceVersionMatch": "Exact"}
        reply = await api.get(VPSES, params=at)
        assert names(reply) == ["v0"]
        assert reply.body["metadata"]["resourceVersion"] == at["resourceVersion"]
        newer = at | {"resourceVersionMatch": "NotOlderThan"}
        assert names(await api.get(VPSES, params=newer)) == ["v0", "v1"]


@pytest.mark.looptime
async def test_a_revision_that_is_not_there_yet_is_waited_for_and_then_too_large():
    async with running_api() as api:
        reply = await api.get(VPSES, params={"resourceVersion": "999999"})
        assert (reply.code, reply.body["reason"]) == (504, "Timeout")
        assert reply.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_selectors_choose_and_unknown_fields_are_refused():
    async with running_api() as api:
        await api.create(kinds.VPS, {"metadata": {"name": "a", "labels": {"app": "web"}}})
        await api.create(kinds.VPS, {"metadata": {"name": "b"}})
        assert names(await api.get(VPSES, params={"labelSelector": "app in (web)"})) == ["a"]
        assert names(await api.get(VPSES, params={"fieldSelector": "metadata.name!=a"})) == ["b"]
        assert names(await api.get(EVERYWHERE, params={"fieldSelector": "status.phase=pending"})) == [
            "a",
            "b",
        ]
        refused = await api.get(VPSES, params={"fieldSelector": "spec.image=x"})
        assert (refused.code, refused.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "x"},
        {"resourceVersion": "abc"},
        {"continue": "!!!"},
        {"continue": "e30="},
        {"labelSelector": "a in"},
        {"resourceVersionMatch": "Exact"},
        {"resourceVersionMatch": "Perhaps", "resourceVersion": "1"},
        {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
        {"sendInitialEvents": "true"},
        {"watch": "perhaps"},
    ],
)
async def test_a_query_that_contradicts_itself_is_the_clients_mistake(query):
    async with running_api() as api:
        assert (await api.get(VPSES, params=query)).code in (400, 422)


@pytest.mark.fault(47)
async def test_a_node_sees_only_what_is_bound_to_it():
    async with running_api() as api:
        node = {"metadata": {"name": "n1"}, "spec": {}}
        await api.create(kinds.NODE, node, user="n1")
        await some(api, 1)
        assert names(await api.get(EVERYWHERE, user="n1")) == []
        assert (await api.get(f"{VPSES}/v0", user="n1")).code == 404
        assert names(await api.get(kinds.NODE.path(), user="n2")) == []
        assert names(await api.get(kinds.NODE.path(), user="n1")) == ["n1"]


async def test_a_table_has_a_row_for_every_object():
    async with running_api() as api:
        await some(api, 2)
        reply = await api.get(VPSES, headers=TABLE)
        assert (reply.body["kind"], reply.body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        shown = [column["name"] for column in reply.body["columnDefinitions"] if not column["priority"]]
        assert shown == ["Name", "Status", "Node", "Cores", "Memory", "GPUs", "SSH-Port", "Age"]
        assert reply.body["rows"][0]["cells"][:2] == ["v0", "pending"]
        assert reply.body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        whole = await api.get(f"{VPSES}/v1", headers=TABLE, params={"includeObject": "Object"})
        assert whole.body["rows"][0]["object"]["spec"]["runState"] == "Running"
        bare = await api.get(VPSES, headers=TABLE, params={"includeObject": "None"})
        assert "object" not in bare.body["rows"][0]


async def test_a_form_that_is_not_served_is_not_acceptable():
    async with running_api() as api:
        reply = await api.get(VPSES, headers={"Accept": "application/vnd.kubernetes.protobuf"})
        assert reply.code == 406


async def test_deletecollection_removes_what_is_selected_and_nothing_else():
    async with running_api() as api:
        await api.create(kinds.VPS, {"metadata": {"name": "a", "labels": {"old": "yes"}}})
        await api.create(kinds.VPS, {"metadata": {"name": "b"}})
        reply = await api.call("DELETE", VPSES, params={"labelSelector": "old=yes"})
        assert names(reply) == ["a"]
        assert names(await api.get(VPSES)) == ["b"]


@pytest.mark.fault(47)
async def test_a_continue_token_opens_no_other_list():
    async with running_api() as api:
        await some(api, 3)
        for after in ("registry/", "registry/nodes/x", "", "registry/vpses/other/x"):
            token = Resume(revision=8, after=after).to_token()
            reply = await api.get(VPSES, params={"continue": token}, user="alice")
            assert reply.code == 400
