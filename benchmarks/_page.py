"""A stand-in for the API server, from which the web page gets all it asks for; and a browser to open it in.

So many VPSes and nodes, a watch on which they change, a log, a shell whose output never ends.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import WSMsgType, web
from playwright.async_api import Browser, async_playwright

from kohakuriver.apiserver.pages import files

OURS = "/apis/kohakuriver.io/v1alpha1"
VPSES, NODES, GPUS, LINES = 1000, 1000, 8, 5000
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
CREATED = "2026-01-01T00:00:00Z"


def vps(number: int, *, message: str = "") -> dict[str, Any]:
    """One of many: most run, each tenth waits and says why."""
    waits = number % 10 == 0
    node = f"n{number % NODES + 1}"
    grant = {"cores": "2", "memory": "4Gi", "sshPort": 31000 + number % 900, "gpus": []}
    status: dict[str, Any] = {"phase": "running", "assignment": {"node": node, "epoch": 1, "grant": grant}}
    if waits:
        status = {"phase": "pending", "reason": "Unschedulable", "message": "0 of 1000 nodes fit"}
    if message:
        status["message"] = message
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "VPS",
        "metadata": {
            "name": f"v{number:04}",
            "namespace": f"team-{number % 5}",
            "uid": f"uid-{number}",
            "resourceVersion": "1",
            "creationTimestamp": CREATED,
            "labels": {"course": f"c{number % 7}"},
        },
        "spec": {"image": "kohakuriver/debian-ssh", "resources": {"cores": "2", "memory": "4Gi"}},
        "status": status,
    }


def node(number: int) -> dict[str, Any]:
    gpus = [
        {"index": at, "uuid": f"GPU-{number}-{at}", "model": "NVIDIA A100", "memory": "40Gi"}
        for at in range(GPUS)
    ]
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": CREATED}
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "Node",
        "metadata": {"name": f"n{number}", "uid": f"node-{number}", "resourceVersion": "1"},
        "spec": {},
        "status": {
            "capacity": {"cores": "64", "memory": "512Gi"},
            "allocatable": {"cores": "60", "memory": "500Gi"},
            "sshPorts": {"first": 31000, "last": 31899},
            "gpus": gpus,
            "conditions": [ready],
        },
    }


def allocation(number: int) -> dict[str, Any]:
    bookings = {
        f"uid-{number}-{at}": {
            "namespace": "team",
            "name": f"v{number}-{at}",
            "cores": "4",
            "memory": "32Gi",
            "gpus": [f"GPU-{number}-{at}"],
            "sshPort": 31000 + at,
        }
        for at in range(4)
    }
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "NodeAllocation",
        "metadata": {"name": f"n{number}", "resourceVersion": "1"},
        "bookings": bookings,
    }


def logged(number: int) -> str:
    """A line as a program writes it: a time, a level in colour, words."""
    level = "\x1b[33mWARN\x1b[0m" if number % 9 == 0 else "\x1b[32mINFO\x1b[0m"
    at = f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number % 10**9:09}Z"
    said = f"step \x1b[1m{number}\x1b[0m of the work, loss 0.{number % 10**6:06}, and so on, a hundred or so"
    return f"{at} {level} {said}\n"


@dataclasses.dataclass
class StandIn:
    """What the page asks an API server for, from memory."""

    url: str = ""
    watchers: dict[str, list[web.WebSocketResponse]] = dataclasses.field(default_factory=dict)
    revision: int = 1
    pause: float = 0.0
    """Seconds between lines of a log and of a shell, once the first have come; 0 for no more of them."""

    async def change(self, kind: str, thing: dict[str, Any]) -> None:
        """Everybody who watches these hears of it."""
        self.revision += 1
        thing["metadata"]["resourceVersion"] = str(self.revision)
        for socket in self.watchers.get(kind, []):
            with contextlib.suppress(ConnectionError):
                await socket.send_str(json.dumps({"type": "MODIFIED", "object": thing}))

    async def listed(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        if "watch" in request.query:
            return await self._watched(request, kind)
        made: dict[str, Callable[[int], dict[str, Any]]] = {
            "vpses": vps,
            "nodes": node,
            "nodeallocations": allocation,
        }
        wanted = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        count = {"vpses": VPSES}.get(kind, NODES)
        items = [made[kind](number) for number in range(1, count + 1)] if kind in made else []
        if wanted:
            items = [one for one in items if one["metadata"]["name"] == wanted]
        # In pages, as the API server does it.
        first, size = int(request.query.get("continue", 0)), int(request.query.get("limit", 500))
        metadata = {"resourceVersion": "1"}
        if first + size < len(items):
            metadata["continue"] = str(first + size)
        return web.json_response({"metadata": metadata, "items": items[first : first + size]})

    async def _watched(self, request: web.Request, kind: str) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.watchers.setdefault(kind, []).append(socket)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        self.watchers[kind].remove(socket)
        return socket

    async def log(self, request: web.Request) -> web.StreamResponse:
        """All of it as fast as it goes, in pieces as an engine's."""
        socket = web.WebSocketResponse()
        with contextlib.suppress(ConnectionError):  # whoever looked has gone
            await self._logged(request, socket)
        return socket

    async def _logged(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        await socket.prepare(request)
        whole = "".join(logged(number) for number in range(LINES)).encode()
        for at in range(0, len(whole), 32768):
            await socket.send_bytes(whole[at : at + 32768])
        number = LINES
        while self.pause and not socket.closed:
            await socket.send_str('{"channel": "stdout"}')
            await socket.send_bytes(logged(number).encode())
            number += 1
            await asyncio.sleep(self.pause)
        async for _ in socket:
            pass

    async def shell(self, request: web.Request) -> web.StreamResponse:
        """One whose program writes lines without end, and which takes what is typed."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if "list" in request.query:
            await socket.send_json({"sessions": []})
            return socket
        facts = {"session": request.query["session"], "created": True, "attachment": 1000000, "output": 0}
        await socket.send_json(
            {"attached": facts | {"input": 0, "missed": 0, "detachedFor": 60, "pings": True}}
        )
        shown = taken = sent = 0

        async def write() -> None:
            nonlocal sent
            for number in itertools.count():
                line = f"\x1b[3{number % 8}m{number:>8}\x1b[0m of a program that goes on and on\r\n".encode()
                if sent + len(line) - shown < 256 * 1024:
                    await socket.send_bytes(line)
                    sent += len(line)
                await asyncio.sleep(self.pause or 0.05)

        writing = asyncio.create_task(write())
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    taken += len(message.data)
                    await socket.send_json({"input": taken})
                    continue
                said = json.loads(message.data)
                shown = said.get("output", shown)
                if "ping" in said:
                    await socket.send_json({"pong": said["ping"]})
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writing
        return socket

    async def usage(self, request: web.Request) -> web.StreamResponse:
        one = {"cpu": "500m", "memory": "1Gi"}
        items = [
            {"metadata": vps(number)["metadata"], "containers": [{"usage": one}]}
            for number in range(1, VPSES + 1)
        ]
        return web.json_response({"items": items})

    async def page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=(files.FOLDER / "index.html").read_text(), content_type="text/html")

    async def who(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"user": "admin", "role": "admin", "namespaces": []})


@contextlib.asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    async with async_playwright() as playing:
        browser = await playing.chromium.launch(executable_path=found, args=[*QUIET])
        yield browser
        await browser.close()


@contextlib.asynccontextmanager
async def standing_in() -> AsyncIterator[StandIn]:
    one = StandIn()
    server = web.Application()
    server.router.add_static("/ui/assets", files.FOLDER / "assets")
    server.router.add_get("/ui/session", one.who)
    server.router.add_get("/ui/{path:.*}", one.page)
    server.router.add_get(OURS + "/namespaces/{namespace}/vpses/{name}/logs", one.log)
    server.router.add_get(OURS + "/namespaces/{namespace}/vpses/{name}/terminal", one.shell)
    server.router.add_get(OURS + "/namespaces/{namespace}/{kind}", one.listed)
    server.router.add_get(OURS + "/{kind}", one.listed)
    server.router.add_get("/api/v1/namespaces/{namespace}/{kind}", one.listed)
    server.router.add_get("/apis/metrics.k8s.io/v1beta1/pods", one.usage)
    runner = web.AppRunner(server, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()
