"""What k9s, Headlamp, Freelens and VS Code ask at their start and for a shell: replayed, not run.

Their requests are written down from their sources, in their order. Each is asked as a user with a namespace.
"""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from kohakuriver.apiserver.kubelet.channels import V4, V5
from kohakuriver.resources import kinds
from tests.apiserver.api import Api
from tests.apiserver.kubelet.kit import POD, Dev, a_vps, status, told

pytestmark = pytest.mark.looptime

CORE, RIVER = "/api/v1", "/apis/kohakuriver.io/v1alpha1"
NAMESPACE = f"{CORE}/namespaces/default"
AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)
TABLE = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,"
    "application/json"
)
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
HEADLAMP = "base64.binary.k8s.io"  # the first sub-protocol of everything that it opens
CHANNELS = (V4, "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")


async def read(api: Api, path: str, accept: str = "application/json", **params: str) -> Any:
    """What alice is answered, which must be good."""
    reply = await api.get(path, user="alice", headers={"Accept": accept}, params=params)
    assert reply.code == 200, (path, reply.body)
    return reply.body


async def may(api: Api, verb: str, resource: str, part: str = "", group: str = "", **where: str) -> bool:
    """A SelfSubjectAccessReview of alice's."""
    attributes = {"verb": verb, "group": group, "resource": resource, "namespace": "default", **where}
    attributes |= {"subresource": part} if part else {}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    reply = await api.call("POST", path, review, user="alice")
    assert reply.code == 201, reply.body
    return bool(reply.body["status"]["allowed"])


async def preferred(api: Api) -> dict[str, list[str]]:
    """Every kind of every group and version, asked one by one, with what can be done with it."""
    found = {}
    groups = (await read(api, "/apis"))["groups"]
    versions = [f"/apis/{one['groupVersion']}" for group in groups for one in group["versions"]]
    for path in [CORE, *versions]:
        for entry in (await read(api, path))["resources"]:
            found[f"{path}/{entry['name']}"] = entry["verbs"]
    assert (await read(api, "/api"))["versions"] == ["v1"]
    return found


@contextlib.asynccontextmanager
async def a_shell(
    dev: Dev, params: list[tuple[str, str]], *protocols: str, part: str = "exec"
) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Any, dict[str, Any]]]:
    opening = asyncio.create_task(dev.websocket(part, params, *protocols))
    wanted = await dev.asked()
    inside = await dev.bring(wanted["id"])
    client = await opening
    try:
        yield client, inside, wanted
    finally:
        await client.close()
        inside.framed.abort()


@contextlib.asynccontextmanager
async def watched(api: Api, path: str, **params: str) -> AsyncIterator[Any]:
    """A watch as Headlamp's: by WebSocket, of text messages."""
    url, asks = api.url + path, {"watch": "1", **params}
    opened = api.session.ws_connect(url, params=asks, headers=api.headers("alice"), protocols=(HEADLAMP,))
    async with opened as socket:
        assert socket.protocol == HEADLAMP

        async def following() -> tuple[str, str]:
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.TEXT
            event = orjson.loads(message.data)
            return event["type"], event["object"]["metadata"]["name"]

        yield following


async def test_k9s_opens_on_pods_and_gets_a_shell() -> None:
    async with a_vps() as dev:
        api = dev.api
        assert (await read(api, "/version"))["gitVersion"].startswith("v1.")
        metrics = [one for one in (await read(api, "/apis"))["groups"] if one["name"] == "metrics.k8s.io"]
        assert "v1beta1" in [version["version"] for version in metrics[0]["versions"]]
        assert await may(api, "list", "pods") and await may(api, "watch", "pods")
        assert not await may(api, "list", "services")
        found = await preferred(api)
        assert found[f"{CORE}/pods"] == ["get", "list", "watch"]
        assert f"{RIVER}/vpses" in found and "/apis/events.k8s.io/v1/events" in found
        await read(api, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        table = await read(api, f"{NAMESPACE}/pods", TABLE)
        assert table["kind"] == "Table" and table["rows"][0]["cells"][0] == "dev"
        version = table["metadata"]["resourceVersion"]
        watch = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "1"}
        await read(api, f"{NAMESPACE}/pods", **watch)
        for verb in ("get", "create"):
            assert await may(api, verb, "pods", "portforward", name="dev")
            assert await may(api, verb, "pods", "exec", name="dev")
        assert await may(api, "get", "pods", "log", name="dev")
        assert (await read(api, POD))["status"]["phase"] == "Running"
        script = "command -v bash >/dev/null && exec bash || exec sh"
        command = [("command", word) for word in ("sh", "-c", script)]
        flags = [("container", "vps"), ("stdin", "true"), ("stdout", "true"), ("tty", "true")]
        async with a_shell(dev, [*command, *flags], V5) as (client, inside, wanted):
            assert (wanted["kind"], wanted["params"]["command"]) == ("terminal", ["sh", "-c", script])
            assert await told(client) == (1, b"")
            await inside.send(b"dev:~# ")
            assert await told(client) == (1, b"dev:~# ")


async def test_headlamp_lists_follows_shows_a_log_and_gets_a_shell() -> None:
    async with a_vps() as dev:
        api = dev.api
        await read(api, "/version")
        assert (await api.get("/healthz", user="alice")).body == "ok"
        for group, kind, spec in (
            ("authorization.k8s.io", "SelfSubjectRulesReview", {"namespace": "default"}),
            ("authentication.k8s.io", "SelfSubjectReview", {}),
        ):
            path = f"/apis/{group}/v1/{kind.lower()}s"
            review = {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec}
            assert (await api.call("POST", path, review, user="alice")).code == 201
        core = await read(api, "/api", AGGREGATED)
        assert core["kind"] == "APIGroupDiscoveryList"
        assert (await read(api, "/apis", AGGREGATED))["kind"] == "APIGroupDiscoveryList"
        listed = await read(api, f"{NAMESPACE}/pods")
        for path in (
            f"{CORE}/nodes",
            f"{NAMESPACE}/events",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        ):
            await read(api, path)
        refused = await api.get("/apis/metrics.k8s.io/v1beta1/nodes", user="alice")
        assert refused.code == 403, "the tile of what nodes use is for administrators"
        assert await may(api, "create", "pods", "exec") and await may(api, "get", "pods", "log")
        async with watched(
            api, f"{NAMESPACE}/pods", resourceVersion=listed["metadata"]["resourceVersion"]
        ) as event:
            await api.create(kinds.VPS, {"metadata": {"name": "other"}, "spec": {"image": "x"}})
            assert await event() == ("ADDED", "other")

        asks = {
            "container": "vps",
            "previous": "false",
            "timestamps": "false",
            "follow": "true",
            "tailLines": "100",
        }
        async with a_shell(dev, list(asks.items()), HEADLAMP, part="log") as (client, inside, wanted):
            assert (wanted["kind"], wanted["params"]) == ("logs", {"tail": ["100"], "follow": ["1"]})
            assert client.protocol == HEADLAMP
            await inside.send("größe\n".encode())
            message = await client.receive()
            assert message.type is aiohttp.WSMsgType.TEXT
            assert base64.b64decode(message.data).decode() == "größe\n"
            await inside.send_control({"end": {"reason": "Ended", "message": "that is all"}})
            assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE and client.close_code == 1000

        flags = [("container", "vps"), ("command", "sh")]
        flags += [(name, "1") for name in ("stdin", "stderr", "stdout", "tty")]
        async with a_shell(dev, flags, HEADLAMP, *CHANNELS) as (client, inside, wanted):
            assert client.protocol == V4, "what it lists first has no channels"
            assert wanted["kind"] == "terminal"
            assert await told(client) == (1, b"")
            await client.send_bytes(b'\x04{"Width":80,"Height":24}')
            assert await inside.receive() == {"resize": {"cols": 80, "rows": 24}}


async def test_a_log_that_a_page_has_closed_is_read_no_more() -> None:
    async with a_vps() as dev:
        async with a_shell(dev, [("follow", "true")], "binary.k8s.io", part="log") as (client, inside, _):
            await inside.send(b"\xff\x00")
            message = await client.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.BINARY, b"\xff\x00")
            await client.close()
            assert await inside.receive() is None
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dev.websocket("log", [("previous", "true")], HEADLAMP)
        assert refused.value.status == 400
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dev.websocket("log", [], HEADLAMP, user="viewer")
        assert refused.value.status == 403


async def test_freelens_finds_a_cluster_its_kinds_and_its_pods() -> None:
    async with a_vps() as dev:
        api = dev.api
        await read(api, "/version")
        found = await preferred(api)
        assert {"pods", "pods/exec", "pods/log", "nodes", "namespaces", "events"} <= {
            path.removeprefix(f"{CORE}/") for path in found if path.startswith(CORE)
        }
        assert not await may(api, "create", "*", group="*", namespace="kube-system")
        assert not await may(api, "watch", "*", group="*")
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": "default"},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        rules = (await api.call("POST", path, review, user="alice")).body["status"]["resourceRules"]
        listed = {name for rule in rules for name in rule["resources"] if "list" in rule["verbs"]}
        assert {"pods", "nodes", "vpses", "events"} <= listed
        cluster = await read(api, NAMESPACE)
        assert cluster["metadata"]["uid"]
        await read(api, f"{CORE}/nodes")
        assert [one["metadata"]["name"] for one in (await read(api, f"{NAMESPACE}/pods"))["items"]] == ["dev"]
        metadata = await read(api, f"{NAMESPACE}/pods", METADATA)
        assert metadata["kind"] == "PartialObjectMetadataList"


async def test_vs_code_finds_its_container_and_starts_its_server_in_it() -> None:
    async with a_vps() as dev:
        pod = await read(dev.api, POD)
        assert [one["name"] for one in pod["spec"]["containers"]] == ["vps"]
        assert pod["status"]["containerStatuses"][0]["state"].get("running") is not None
        command = [("command", word) for word in ("env", "VSCODE_A=b", "/bin/sh")]
        flags = [("container", "vps"), ("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
        async with a_shell(dev, [*command, *flags], V5) as (client, inside, wanted):
            assert wanted["params"] == {"command": ["env", "VSCODE_A=b", "/bin/sh"], "stdin": ["1"]}
            assert await told(client) == (1, b"")
            await client.send_bytes(b"\x00uname -m\n")
            assert await inside.receive() == b"uname -m\n"
            await inside.send(b"x86_64\n")
            assert await told(client) == (1, b"x86_64\n")
            await client.send_bytes(b"\xff\x00")
            assert await inside.receive() == {"eof": True}
            await inside.send_control({"exit": {"code": 0}})
            assert (await status(client))["status"] == "Success"
