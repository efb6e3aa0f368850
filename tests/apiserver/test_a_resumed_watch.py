"""A watch that resumes after thousands of changes is written a piece at a time, with turns for others."""

import pytest

from kohakuriver.apiserver.cache.history import Event
from kohakuriver.apiserver.cache.watchers import AT_ONCE
from kohakuriver.resources.kinds import VPS
from tests import cost
from tests.apiserver.api import Api, running_api

pytestmark = [pytest.mark.looptime, pytest.mark.fault(45)]
MISSED = 500
PATH = VPS.path(namespace="default")
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


async def changed(api: Api) -> str:
    """One VPS, changed so often; the revision from before that."""
    body = {"apiVersion": VPS.api_version, "kind": "VPS", "metadata": {"name": "dev"}}
    made = (await api.call("POST", PATH, body)).body
    for number in range(MISSED):
        change = {"metadata": {"labels": {"n": str(number)}}}
        headers = {"Content-Type": "application/merge-patch+json"}
        assert (await api.call("PATCH", f"{PATH}/dev", change, headers=headers)).code == 200
    return str(made["metadata"]["resourceVersion"])


async def resumed(api: Api, since: str, headers: dict[str, str], **query: str) -> int:
    """How many events the watch brings."""
    params = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "2", **query}
    headers = api.headers("viewer") | headers
    async with api.session.get(api.url + PATH, params=params, headers=headers) as reply:
        return (await reply.read()).count(b"\n")


async def test_what_it_missed_comes_whole_and_in_pieces() -> None:
    async with running_api() as api:
        since = await changed(api)
        for headers in ({}, TABLE):
            with cost.turns(Event.line) as written:
                assert await resumed(api, since, headers) == MISSED
            assert written.most <= AT_ONCE
        with cost.turns(Event.type_for) as looked_at:
            assert await resumed(api, since, {}, labelSelector="n=7") == 2
        assert (looked_at.total, looked_at.most) == (MISSED, AT_ONCE)
