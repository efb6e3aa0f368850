"""`GET /install/kohakuriver.tar`: what a machine that is to be a node needs, for who shows a join token.

    install.sh, join.sh, requirements.txt   as they are shipped beside the code
    kohakuriver-VERSION-py3-none-any.whl    made from the server's own files
    sha256                                  of that wheel

Made at the first request, beside the loop, and kept: all answers are the same bytes. Each costs so much of
its credential's share that a stolen token takes neither the network nor the processor.
"""

import asyncio
import dataclasses
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from kohakuriver import errors, shipped, wheel
from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.serving.middleware import SHARE

FILES: Final = ("install.sh", "join.sh", "requirements.txt")
MEDIA_TYPE: Final = "application/x-tar"


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """One archive, and the ETag that says which."""

    content: bytes
    tag: str


class Bundles:
    """The archive of this server, made once."""

    def __init__(self, make: Callable[[], Bundle]) -> None:
        self._make = make
        self._made: asyncio.Task[Bundle] | None = None

    async def get(self) -> Bundle:
        """Raises NotFound where this server cannot make it; the next one who asks has it tried again."""
        if self._made is None or (self._made.done() and (self._made.cancelled() or self._made.exception())):
            self._made = asyncio.create_task(asyncio.to_thread(self._make))
        try:
            return await asyncio.shield(self._made)
        except (errors.ConfigError, OSError) as error:
            raise errors.NotFound(
                f"this API server cannot hand out KohakuRiver: {error}",
                hint="install it on that machine by hand, and join: kohakuriver agent --join",
                details={},
            ) from error


BUNDLES = web.AppKey("bundles", Bundles)


def bundle(made: wheel.Wheel, folder: Path) -> Bundle:
    """The archive of this wheel and the files beside it. Raises FileNotFoundError."""
    digest = hashlib.sha256(made.content).hexdigest()
    files = {name: (folder / name).read_bytes() for name in FILES}
    content = tar(files | {made.file_name: made.content, "sha256": f"{digest}\n".encode()})
    return Bundle(content, f'"{hashlib.sha256(content).hexdigest()}"')


def tar(files: dict[str, bytes]) -> bytes:
    """An archive of these files, for their owner alone; the same files make the same bytes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


async def handed_out(request: web.Request) -> web.StreamResponse:
    request[SHARE].charge(weights.INSTALLATION)
    found = await request.app[BUNDLES].get()
    headers = {"ETag": found.tag, "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == found.tag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.content, content_type=MEDIA_TYPE, headers=headers)


def add(app: web.Application) -> None:
    """The route, and what it answers with."""
    app[BUNDLES] = Bundles(lambda: bundle(wheel.own(), shipped.path("install")))
    app[ENDPOINTS][app.router.add_route("GET", wheel.HANDED_OUT, handed_out)] = Endpoint("get")
