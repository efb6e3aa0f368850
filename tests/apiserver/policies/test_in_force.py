"""What holds in a namespace is shown with it, to whoever may see it, and stored nowhere."""

from typing import Any

import orjson
import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.resources import core, kinds
from tests.apiserver.api import Api, running_api

pytestmark = pytest.mark.looptime

DEFAULT = kinds.NAMESPACE.path(name="default")
VPSES, BYTES = "count/vpses.kohakuriver.io", "kohakuriver.io/object-bytes"
NETWORKS = {
    "egress": {"deny": ["10.0.0.0/8"], "allow": ["169.254.169.254/32"]},
    "images": {"registries": ["ghcr.io"]},
    "highestPriority": 100,
    "longestStopGracePeriod": "60s",
    "longestTokenLife": "720h",
}


async def a_policy(api: Api, name: str, **spec: Any) -> None:
    await api.create(kinds.POLICY, {"metadata": {"name": name}, "spec": spec})


async def status(api: Api, user: str = "admin") -> dict[str, Any]:
    await api.server.cache.fresh()
    return dict((await api.get(DEFAULT, user=user)).body["status"])


@pytest.mark.parametrize("user", ["admin", "alice", "viewer"])
async def test_each_policy_that_chooses_it_is_a_line(user: str) -> None:
    async with running_api() as api:
        assert "policies" not in await status(api, user)
        await a_policy(api, "net", **NETWORKS)
        elsewhere = {"matchLabels": {"kubernetes.io/metadata.name": "other"}}
        await a_policy(api, "other", namespaceSelector=elsewhere, highestPriority=1)
        here = {"matchLabels": {"kubernetes.io/metadata.name": "default"}}
        await a_policy(api, "quiet", namespaceSelector=here, images={"registries": []})
        told = await status(api, user)
        assert told["policies"] == [
            "net: closed: 10.0.0.0/8; open: 169.254.169.254/32; images from ghcr.io; stopGracePeriod at most "
            "60s; priority at most 100; ttl of tokens at most 720h",
            "quiet: images from Environments and the nodes alone",
        ]
        core.Namespace.model_validate((await api.get(DEFAULT)).body)


async def test_the_default_is_shown_as_far_as_it_holds() -> None:
    async with running_api(default_quota={VPSES: 500, BYTES: 64 << 20}) as api:
        assert (await status(api))["defaultQuota"] == {VPSES: "500", BYTES: "64Mi"}
        quota = {"metadata": {"name": "own", "namespace": "default"}, "spec": {"hard": {VPSES: "9"}}}
        await api.create(kinds.RESOURCE_QUOTA, quota)
        assert (await status(api))["defaultQuota"] == {BYTES: "64Mi"}
        system = (await api.get(kinds.NAMESPACE.path(name=kinds.SYSTEM_NAMESPACE))).body
        assert "defaultQuota" not in system["status"], "it does not hold for the cluster's own"


async def test_what_was_read_may_be_written_back_and_is_not_kept() -> None:
    async with running_api(default_quota={VPSES: 500}) as api:
        await a_policy(api, "net", highestPriority=1)
        await status(api)
        read = (await api.get(DEFAULT)).body
        read["metadata"]["labels"]["team"] = "red"
        written = await api.call("PUT", DEFAULT, read, params={"fieldValidation": "Strict"})
        assert written.code == 200, written.body
        record = await api.store.get(codec.key(kinds.NAMESPACE, None, "default"))
        assert record is not None
        assert orjson.loads(record.value)["status"] == {"phase": "Active"}
