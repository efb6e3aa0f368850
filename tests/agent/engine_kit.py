"""A container engine on a unix socket that answers what a test wants, and never what it does not want."""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import web

from kohakuriver.agent.runtime.base import CLUSTER_LABEL

Json = dict[str, Any]
CLUSTER = "c1"


class SocketEngine:
    """Containers by id. A call in `hangs`, as ("inspect", id), is answered once `release` was called."""

    def __init__(self, *ids: str) -> None:
        self.ids = list(ids)
        self.hangs: set[tuple[str, str]] = set()
        self.warnings: list[str] = []  # to a create
        self.pid = 0  # of each container; 0 says nothing
        self.status = "Up 2 hours"
        self.memory_stats: Json = {}  # of each container, as the kernel has them
        self.readings: list[Json] = []  # the rest of what it says one uses, time after time; the last stays
        self.versions = {"ApiVersion": "1.41"}
        self.spoken: set[str] = set()  # versions of its API that it was asked at
        self.calls: collections.Counter[tuple[str, str]] = collections.Counter()
        self.came = asyncio.Condition()
        self._released = asyncio.Event()

    def release(self) -> None:
        self.hangs.clear()
        self._released.set()

    async def until_asked(self, *wanted: tuple[str, str]) -> None:
        async with self.came:
            await self.came.wait_for(lambda: all(self.calls[call] for call in wanted))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts[-1] == "version":
            return web.json_response(self.versions)
        self.spoken.add(parts[0])
        if parts[1] == "images":  # it has every one
            return web.json_response({"Id": "sha256:i", "Size": 1, "RepoTags": ["/".join(parts[2:-1])]})
        if parts[1:] == ["containers", "create"]:
            self.ids.append("new")
            return web.json_response({"Id": "new", "Warnings": self.warnings})
        if parts[1:] == ["containers", "json"]:
            return web.json_response([self._row(id_) for id_ in self.ids])
        id_, verb = parts[2], "remove" if request.method == "DELETE" else parts[-1]
        verb = "inspect" if verb == "json" else verb
        async with self.came:
            self.calls[verb, id_] += 1
            self.came.notify_all()
        if (verb, id_) in self.hangs:
            await self._released.wait()
        if id_ not in self.ids:
            return web.json_response({"message": f"No such container: {id_}"}, status=404)
        if verb == "remove":
            self.ids.remove(id_)
        if verb == "stats":
            said = self.readings[0] if self.readings else {}
            if len(self.readings) > 1:
                del self.readings[0]
            return web.json_response({"memory_stats": self.memory_stats, **said})
        if verb == "update":
            return web.json_response({"Warnings": []})
        if verb in ("remove", "start", "stop"):
            return web.Response(status=204)
        return web.json_response(self._whole(id_))

    def _row(self, id_: str) -> Json:
        labels = {CLUSTER_LABEL: CLUSTER}
        named = {"Id": id_, "Names": [f"/{id_}"], "Image": "i", "ImageID": "sha256:i", "Labels": labels}
        return {**named, "State": "running", "Status": self.status}

    def _whole(self, id_: str) -> Json:
        return {
            "Id": id_,
            "Name": f"/{id_}",
            "Image": "sha256:i",
            "Config": {"Image": "i", "Labels": {CLUSTER_LABEL: CLUSTER}},
            "State": {"Status": "running", "StartedAt": "2026-01-01T00:00:00Z", "Pid": self.pid},
            "Created": "2026-01-01T00:00:00Z",
        }


@contextlib.asynccontextmanager
async def a_socket_engine(folder: Path, *ids: str) -> AsyncIterator[tuple[SocketEngine, str]]:
    """The engine, and the path of its socket."""
    engine = SocketEngine(*ids)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    socket = str(folder / "engine.sock")
    await web.UnixSite(runner, socket).start()
    try:
        yield engine, socket
    finally:
        engine.release()
        await runner.cleanup()
