"""What has a line in the audit log, and what is in it: streams at opening and end, writes, refusals."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.audit.file import AuditFile
from kohakuriver.apiserver.audit.refusals import Refusals
from kohakuriver.apiserver.audit.visit import LOG
from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from tests.apiserver.api import Api, running_api
from tests.apiserver.streaming.test_streams import FORWARD, MERGE, an_agent, asked, bring, dialer, place
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime

EXEC = FORWARD.replace("forward", "exec")
VPSES = kinds.VPS.path(namespace="default")
VPS = kinds.VPS.path(namespace="default", name="dev")
LEASES = kinds.LEASE.path(namespace=kinds.SYSTEM_NAMESPACE)


class Audit:
    """The file, as far as it was not read yet."""

    def __init__(self, path: Path) -> None:
        self.path, self._read = path, 0

    def lines(self, *events: str) -> list[dict[str, Any]]:
        told = [json.loads(line) for line in self.path.read_text().splitlines()]
        told, self._read = told[self._read :], len(told)
        return [line for line in told if not events or line["event"] in events]


@pytest.fixture
def audit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Audit]:
    caplog.set_level(logging.INFO)
    handler = AuditFile(tmp_path / "audit.jsonl")
    LOG.addHandler(handler)
    yield Audit(tmp_path / "audit.jsonl")
    LOG.removeHandler(handler)
    handler.close()


def told(line: dict[str, Any], **fields: object) -> None:
    assert {name: line.get(name) for name in fields} == fields, line


async def test_a_stream_has_a_line_before_its_node_is_asked_and_one_at_its_end(audit: Audit) -> None:
    async with running_api() as api:
        made = await place(api)
        async with an_agent(api) as control:
            audit.lines()
            words = [("command", "sh"), ("command", "-c"), ("command", "echo 'x y'"), ("lang", "secret")]
            opening = asyncio.create_task(dialer(api, "alice").stream(EXEC, words))
            id_ = (await asked(control))["id"]
            [first] = audit.lines()
            uid = made["metadata"]["uid"]
            told(first, event="open", kind="exec", who="alice", role="user", node="n1", uid=uid)
            told(first, namespace="default", name="dev", command="""sh -c 'echo '"'"'x y'"'"''""")
            told(first, path=EXEC, resource="vpses", subresource="exec", **{"from": "127.0.0.1"})
            assert first["credential"].startswith("sha256:") and "secret" not in str(first)
            far, near = await bring(api, id_), await opening
            await near.send(b"12345")
            await far.receive()
            await far.send_control({"exit": {"code": 7}})
            far.close()
            while await near.receive() is not None:
                pass
            await asyncio.sleep(1)
        [last] = audit.lines("end")[:1]
        told(last, stream=first["stream"], uid=uid, exit=7, reason="the program ended", code=101)
        assert last["bytesIn"] > 5 and last["bytesOut"] > 5 and "ms" in last


@pytest.mark.parametrize("more", [[], [("refusal", "message")]])
async def test_a_stream_that_the_node_refuses_or_that_is_cut_off_ends_with_the_reason(
    audit: Audit, more: list[tuple[str, str]]
) -> None:
    async with running_api() as api:
        await place(api)
        async with an_agent(api) as control:
            opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD, [("port", "80"), *more]))
            refusal = errors.Conflict("nothing listens").to_status()
            await control.send_control({"refuse": {"id": (await asked(control))["id"], "status": refusal}})
            if more:
                near = await opening
                assert await near.receive() == {"error": refusal}
                await near.wait_closed()
                await asyncio.sleep(1)
            else:
                with pytest.raises(errors.Conflict):
                    await opening
            first, last = [line for line in audit.lines("open", "end") if line.get("kind") == "forward"]
            told(first, port="80")
            told(last, stream=first["stream"], code=409, reason="Conflict")
        await asyncio.sleep(1)
        told(audit.lines("end")[0], kind="control", node="n1", who="n1")


async def test_what_a_files_stream_reads_and_writes_is_told_before_the_node_hears_of_it(audit: Audit) -> None:
    async with running_api() as api:
        await place(api)
        async with an_agent(api) as control:
            opening = asyncio.create_task(dialer(api, "alice").stream(FORWARD.replace("forward", "files")))
            far, near = await bring(api, (await asked(control))["id"]), await opening
            await near.send_control({"request": {"op": "list", "path": "/root"}})
            await near.send_control({"request": {"op": "read", "path": "/root/secret"}})
            while (await far.receive())["request"]["op"] != "read":  # type: ignore[call-overload, index]
                pass
            [line] = audit.lines("file")
            told(line, op="read", file="/root/secret", who="alice", name="dev", kind="files")
            await far.send_control({"answer": {"count": 1}})
            await far.send_control({"failed": {"message": "/root/secret: there is no such file"}})
            for _ in range(2):
                await near.receive()
            near.close()
            await asyncio.sleep(1)
            failure = "/root/secret: there is no such file"
            told(audit.lines("end")[0], kind="files", succeeded=1, failed=1, failure=failure)


async def test_what_ends_with_its_credential_says_so(audit: Audit) -> None:
    async with running_api() as api:
        await place(api)
        spec = {"sha256": fingerprint("bob's"), "user": "bob", "role": "admin"}
        await api.create(kinds.TOKEN, {"metadata": {"name": "bob"}, "spec": spec})
        async with an_agent(api) as control:
            bob = Dialer(Connection(server=api.url, token="bob's"), program="test")
            opening = asyncio.create_task(bob.stream(FORWARD, [("port", "80")]))
            await bring(api, (await asked(control))["id"])
            near = await opening
            await api.call("DELETE", kinds.TOKEN.path(name="bob"))
            with contextlib.suppress(errors.Unreachable):
                await near.receive()
            await asyncio.sleep(1)
        [last] = [line for line in audit.lines("end") if line["who"] == "bob"]
        told(last, credential="bob", reason="its credential is over", code=499)


async def test_a_watch_has_a_line_at_its_opening(audit: Audit) -> None:
    async with (
        running_api() as api,
        api.session.get(api.url + VPSES, params={"watch": "1"}, headers=api.headers("alice")),
    ):
        told(audit.lines()[-1], event="open", kind="watch", who="alice", resource="vpses")


async def test_every_write_has_a_line_with_the_uid_and_reads_have_none(audit: Audit) -> None:
    async with running_api() as api:
        made = await api.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {}}, user="alice")
        uid = made["metadata"]["uid"]
        await api.get(VPS)
        await api.get(kinds.VPS.path())
        labels = {"metadata": {"labels": {"a": "b"}}}
        await api.call("PATCH", VPS, labels, headers=MERGE)
        await api.call("PATCH", VPS, labels, headers=MERGE, params={"dryRun": "All"})
        await api.call("DELETE", VPS)
        for name in ("one", "two"):
            await api.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await api.call("DELETE", VPSES)
        created, patched, tried, deleted, _, _, many = audit.lines()
        told(
            created,
            event="write",
            verb="create",
            who="alice",
            namespace="default",
            name="dev",
            uid=uid,
            code=201,
        )
        told(patched, event="write", verb="patch", who="admin", name="dev", uid=uid, code=200, dryRun=None)
        told(tried, event="write", dryRun=True)
        told(deleted, event="write", verb="delete", name="dev", uid=uid)
        told(many, event="write", verb="deletecollection", deleted=2, names="one two")


async def lease(api: Api, verb: str, path: str, holder: str, user: str, version: str = "") -> str:
    namespace, name = path.split("/")[-3], path.split("/")[-1]
    body: dict[str, Any] = {
        "apiVersion": kinds.LEASE.api_version,
        "kind": "Lease",
        "metadata": {"name": name, "namespace": namespace}
        | ({"resourceVersion": version} if version else {}),
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10},
    }
    where = path if verb == "PUT" else path.rpartition("/")[0]
    reply = await api.call(verb, where, body, user=user)
    assert reply.code in (200, 201), reply.body
    return str(reply.body["metadata"]["resourceVersion"])


async def test_a_leader_that_is_new_has_a_line_and_renewals_have_none(audit: Audit) -> None:
    async with running_api() as api:
        leader = kinds.LEASE.path(namespace=kinds.SYSTEM_NAMESPACE, name="controller")
        version = await lease(api, "POST", leader, "c1", "controller")
        told(audit.lines()[-1], event="write", verb="create", name="controller", holder="c1")
        for _ in range(3):
            version = await lease(api, "PUT", leader, "c1", "controller", version)
        assert audit.lines() == []
        await lease(api, "PUT", leader, "c2", "controller", version)
        [taken] = audit.lines()
        told(taken, event="write", verb="update", name="controller", holder="c2", who="controller")


async def test_a_refusal_says_who_from_where_and_why(audit: Audit) -> None:
    async with running_api() as api:
        await api.call("DELETE", VPS, user="viewer")
        await api.get(VPS, headers={"Authorization": "Bearer nobody's"})
        forbidden, unknown = audit.lines()
        told(
            forbidden, event="refused", who="viewer", verb="delete", code=403, reason="Forbidden", name="dev"
        )
        told(unknown, event="refused", who="-", code=401, reason="Unauthorized", path=VPS)


async def test_a_collection_of_which_only_some_is_deleted_has_a_line_each_time(audit: Audit) -> None:
    refusals = Refusals(LoopClock())
    LOG.addFilter(refusals)
    try:
        async with running_api() as api:
            for number in range(3):
                await api.create(kinds.VPS, {"metadata": {"name": f"v{number}"}, "spec": {}})
            listed = (await api.get(VPSES)).body["items"]
            audit.lines()
            for vps in listed[:2]:
                body = {"preconditions": {"uid": vps["metadata"]["uid"]}}
                assert (await api.call("DELETE", VPSES, body)).code == 409
            first, second = audit.lines()
            told(first, event="write", code=409, names="v0")
            told(second, event="write", code=409, names="v1")
    finally:
        LOG.removeFilter(refusals)


async def test_an_answer_that_cannot_be_given_is_refused_before_anything_is_written(audit: Audit) -> None:
    async with running_api() as api:
        headers = {"Accept": "text/plain"}
        body = {"metadata": {"name": "dev"}, "spec": {}}
        assert (await api.call("POST", VPSES, body, headers=headers)).code == 406
        assert (await api.get(VPS)).code == 404
        await api.create(kinds.VPS, body)
        patched = await api.call(
            "PATCH", VPS, {"spec": {"runState": "Stopped"}}, headers={**MERGE, **headers}
        )
        assert patched.code == 406
        assert (await api.get(VPS)).body["spec"]["runState"] == "Running"


async def test_a_stream_that_ends_with_its_credential_leaves_no_connection_behind() -> None:
    async with running_api() as api:
        await place(api)
        async with an_agent(api) as control:
            before = len(api.runner.server.connections)
            for number in range(3):
                secret = f"of bob{number}"
                spec = {"sha256": fingerprint(secret), "user": "bob", "role": "admin"}
                await api.create(kinds.TOKEN, {"metadata": {"name": f"bob{number}"}, "spec": spec})
                bob = Dialer(Connection(server=api.url, token=secret), program="test")
                opening = asyncio.create_task(bob.stream(FORWARD))
                far = await bring(api, (await asked(control))["id"])
                near = await opening
                await api.call("DELETE", kinds.TOKEN.path(name=f"bob{number}"))
                for end in (near, far):
                    with contextlib.suppress(errors.Unreachable):
                        assert await end.receive() is None
            await asyncio.sleep(20)
            assert len(api.runner.server.connections) <= before
            assert all(one.transport is not None for one in api.runner.server.connections)
