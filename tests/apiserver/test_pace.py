"""What the answer to a renewal says: how soon to renew again, and who the API servers are."""

import asyncio

import pytest

from kohakuriver.apiserver.registration import Registration
from kohakuriver.apiserver.serving.pace import NEWS_AFTER, RENEWALS, period
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime
LEASES = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE)


async def renewed(api: Api) -> Reply:
    held = await api.get(f"{LEASES}/n1", user="n1")
    lease = {**held.body, "spec": {"holderIdentity": "n1", "leaseDurationSeconds": 10}}
    return await api.call("PUT", f"{LEASES}/n1", lease, user="n1")


@pytest.mark.parametrize("nodes", [0, 1, 150, 1_000, 1_050, 2_500, 5_000, 50_000])
def test_a_node_renews_every_three_seconds_and_all_of_them_together_not_too_often(nodes: int) -> None:
    assert period(nodes) >= 3.0
    assert nodes / period(nodes) <= RENEWALS * 1.02
    assert nodes > 3 * RENEWALS or period(nodes) == 3.0, "no longer than it must be"


async def test_a_renewal_hears_of_the_pace_and_of_the_servers_and_nothing_else_does() -> None:
    lease = {"apiVersion": kinds.LEASE.api_version, "kind": "Lease", "metadata": {"name": "n1"}, "spec": {}}
    async with running_api() as api:
        await api.call("POST", LEASES, lease, user="n1")
        first = await renewed(api)
        for name in ("a", "b"):
            await Registration(api.store, LoopClock(), id_=name, url=f"https://{name}:6443").step()
        await asyncio.sleep(NEWS_AFTER)
        second = await renewed(api)
        others = [
            await api.get(f"{LEASES}/n1", user="n1"),
            await api.call("PUT", f"{LEASES}/n1", lease, user="n2"),
            await api.call("PUT", f"{LEASES}/n1", lease, headers={"Authorization": "Bearer nobodys"}),
        ]
    assert (first.headers[kinds.RENEW_HEADER], first.headers[kinds.SERVERS_HEADER]) == ("3", "")
    assert second.headers[kinds.SERVERS_HEADER] == "https://a:6443 https://b:6443"
    assert [other.code for other in others] == [200, 403, 401]
    for other in others:
        assert kinds.SERVERS_HEADER not in other.headers
