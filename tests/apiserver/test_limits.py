"""One credential's flood is that credential's own trouble."""

import asyncio

import pytest

from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api

pytestmark = pytest.mark.looptime
VPSES = kinds.VPS.path(namespace="default")
LEASES = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE)
A_LEASE = {
    "apiVersion": kinds.LEASE.api_version,
    "kind": "Lease",
    "metadata": {"name": "n1", "namespace": kinds.NODE_LEASE_NAMESPACE},
    "spec": {"holderIdentity": "n1", "leaseDurationSeconds": 10},
}
A_NODE = {"apiVersion": kinds.NODE.api_version, "kind": "Node", "metadata": {"name": "n1"}, "spec": {}}


async def flood(api: Api, user: str, times: int) -> list[Reply]:
    """All at once, and what they were answered, those that were served first."""
    replies = await asyncio.gather(*(api.get(f"{VPSES}/dev", user=user) for _ in range(times)))
    return sorted(replies, key=lambda reply: reply.code)


async def test_what_is_over_the_rate_is_429_and_told_when_to_come_again() -> None:
    async with running_api(limits=Limits(rate=2, burst=5)) as api:
        replies = await flood(api, "viewer", 8)
        assert [reply.code for reply in replies] == [404] * 5 + [429] * 3
        refused = replies[-1]
        assert refused.body["reason"] == "TooManyRequests"
        assert refused.headers["Retry-After"] == "1"
        assert refused.body["details"]["retryAfterSeconds"] == 1
        assert "viewer" in refused.body["message"] and "2 requests a second" in refused.body["message"]
        assert [reply.code for reply in await flood(api, "viewer", 3)] == [404, 404, 429]


async def test_a_flood_takes_nothing_from_other_credentials() -> None:
    async with running_api(limits=Limits(rate=1, burst=2)) as api:
        assert (await flood(api, "viewer", 3))[-1].code == 429
        assert (await api.get(VPSES, user="alice")).code == 200


async def test_a_nodes_flood_stops_neither_its_renewals_nor_its_status() -> None:
    async with running_api(limits=Limits(rate=1, burst=3)) as api:
        assert (await api.call("POST", kinds.NODE.path(), A_NODE, user="n1")).code == 201
        assert (await flood(api, "n1", 3))[-1].code == 429
        began = asyncio.get_running_loop().time()
        assert (await api.call("POST", LEASES, A_LEASE, user="n1")).code == 201
        status = {"status": {"nodeInfo": {"agentVersion": "1"}}}
        headers = {"Content-Type": "application/merge-patch+json"}
        path = kinds.NODE.path(name="n1", subresource="status")
        assert (await api.call("PATCH", path, status, user="n1", headers=headers)).code == 200
        assert asyncio.get_running_loop().time() - began < 0.5, "neither waits"
        assert (await flood(api, "n1", 3))[-1].code == 429, (
            "several credentials of one node got past the limit"
        )


async def test_a_users_leases_are_no_signs_of_life() -> None:
    async with running_api(limits=Limits(rate=1, burst=2)) as api:
        path = kinds.LEASE.path(namespace="default", name="mine")
        codes = [(await api.call("PUT", path, {}, user="alice")).code for _ in range(3)]
        assert codes[-1] == 429


async def test_the_controller_is_not_limited() -> None:
    async with running_api(limits=Limits(rate=1, burst=1)) as api:
        assert 429 not in [reply.code for reply in await flood(api, "controller", 5)]


async def test_health_is_asked_without_a_credential_and_without_a_limit() -> None:
    async with running_api(limits=Limits(rate=1, burst=1)) as api:
        for _ in range(5):
            async with api.session.get(f"{api.url}/healthz") as reply:
                assert reply.status == 200


async def test_a_credential_has_so_many_requests_under_way_and_open_watches_beside_them() -> None:
    async with running_api(limits=Limits(rate=1000, burst=1000, inflight=2)) as api:
        params = {"watch": "1", "timeoutSeconds": "5"}
        watches = [asyncio.create_task(api.get(VPSES, params=params)) for _ in range(4)]
        await asyncio.sleep(0.1)
        api.store.freeze()  # type: ignore[attr-defined]
        waiting = [asyncio.create_task(api.get(f"{VPSES}/dev")) for _ in range(5)]
        await asyncio.sleep(1.1)
        refused = [task.result().code for task in waiting if task.done()]
        assert refused == [429] * 3
        api.store.thaw()  # type: ignore[attr-defined]
        assert sorted([(await task).code for task in waiting]) == [404, 404, 429, 429, 429]
        assert [(await task).code for task in watches] == [200] * 4
        assert (await api.get(f"{VPSES}/dev")).code == 404, "whoever is done makes room"


async def test_a_credential_keeps_so_many_watches_and_streams_open() -> None:
    async with running_api(limits=Limits(rate=1000, burst=1000, lasting=2)) as api:
        params = {"watch": "1", "timeoutSeconds": "5"}
        watches = [asyncio.create_task(api.get(VPSES, params=params)) for _ in range(2)]
        await asyncio.sleep(0.1)
        refused = await api.get(VPSES, params=params)
        assert (refused.code, refused.body["reason"]) == (429, "TooManyRequests")
        assert (
            "has 2 watches and streams open" in refused.body["message"]
            and refused.headers["Retry-After"] == "5"
        )
        stream = kinds.VPS.path(namespace="default", name="dev", subresource="exec")
        assert (await api.get(stream)).code == 429, "streams and watches are one count"
        assert (await api.get(VPSES)).code == 200, "all else goes on"
        others = {**params, "timeoutSeconds": "1"}
        assert (await api.get(VPSES, params=others, user="alice")).code == 200
        assert [(await task).code for task in watches] == [200, 200]
        assert (await api.get(VPSES, params=others)).code == 200, "whoever ends one makes room"
