"""Going back to this version: fields that only a later one knows are kept, and in nobody's way."""

import orjson
import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime
DEV = kinds.VPS.path(namespace="default", name="dev")
MERGE = {"Content-Type": "application/merge-patch+json"}


async def test_an_object_of_a_later_version_is_read_changed_and_deleted():
    store = MemoryStore()
    async with running_api(store) as api:
        made = await api.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {"priority": 3}})
        later = {**made, "spec": {**made["spec"], "fromLater": {"on": True}}}
        await store.commit(
            expect={}, writes=[Put(codec.key(kinds.VPS, "default", "dev"), orjson.dumps(later))]
        )
    async with running_api(store) as api:
        read = await api.get(DEV)
        assert read.code == 200
        assert read.body["spec"]["fromLater"] == {"on": True}
        changed = await api.call("PATCH", DEV, {"metadata": {"labels": {"a": "b"}}}, headers=MERGE)
        assert changed.code == 200
        assert changed.body["spec"]["priority"] == 3
        assert changed.body["spec"]["fromLater"] == {"on": True}, "for the later version, when it comes back"
        assert (await api.call("DELETE", DEV)).code == 200
