"""Makes Environments of VPSes of this node: an image of the files, and a tarball of that for other nodes.

Which are to be made follows from the Environments alone, so a restart in the middle begins again, under the
same names. One at a time. What it cannot do it says in the Environment's status, for good; only when the API
is away does it try again.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from typing import Any, Final

from kohakuriver import errors, image_name, private_file
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import COMMIT_CLUSTER_LABEL, Container, Runtime
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.agent.runtime.keepalive import FOLDER
from kohakuriver.agent.settings import Settings
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

AGAIN: Final = 5.0  # seconds, when the API did not take what was said


class Maker:
    """What is to be made here. `look` says that something may have changed."""

    def __init__(
        self, client: Client, informer: Informer, *, runtime: Runtime, roster: Roster, settings: Settings
    ) -> None:
        self._client = client
        self._informer = informer
        self._runtime = runtime
        self._roster = roster
        self._settings = settings
        self._changed = asyncio.Event()

    def look(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            done = await self.step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if done else AGAIN):
                    await self._changed.wait()

    async def step(self) -> bool:
        """Make what is due; whether the API has been told of all of it."""
        for environment in self._informer:
            if not is_due(environment, self._settings.node):
                continue
            try:
                await self._make(environment)
            except errors.KohakuRiverError as error:
                log.warning("an environment is not told of", extra={"error": error.message})
                return False
        return True

    async def _make(self, environment: Object) -> None:
        name = environment["metadata"]["name"]
        vps = environment["spec"]["vps"]
        title = f"{vps['namespace']}/{vps['name']}"
        container = self._container(vps["uid"])
        if container is None:
            await self._say(environment, phase="Failed", message=f"{title} has no container on this node")
            return
        await self._say(environment, phase="Making", message=f"taking the files of {title}")
        try:
            made = await self._made(environment, container)
        except (EngineError, OSError) as error:
            why = error.strerror or str(error) if isinstance(error, OSError) else error.message
            await self._say(
                environment, phase="Failed", message=f"the files of {title} were not taken: {why}"
            )
            return
        await self._say(environment, phase="Ready", message="", **made)
        log.info("environment made", extra={"environment": name, "from": title, **made})

    async def _made(self, environment: Object, container: Container) -> dict[str, Any]:
        """The image and its tarball. Raises EngineError and OSError."""
        reference = image_name.of_environment_vps(environment)
        folder = self._settings.environments / self._settings.cluster[:8]
        file = folder / f"{environment['metadata']['name']}-{environment['metadata']['uid'][:12]}.tar"
        marks = {COMMIT_CLUSTER_LABEL: self._settings.cluster}
        await self._runtime.snapshot(container.id, reference, marks, without=FOLDER)
        await self._say(environment, phase="Making", message="writing its tarball")
        await asyncio.to_thread(private_file.make_folder, folder)
        unfinished = file.with_suffix(".part")
        try:
            digest = await self._runtime.save(reference, unfinished)
            await asyncio.to_thread(os.replace, unfinished, file)
        finally:
            await asyncio.to_thread(unfinished.unlink, missing_ok=True)
        size = (await asyncio.to_thread(file.stat)).st_size
        return {"image": reference, "tarball": str(file), "digest": digest, "size": size}

    def _container(self, uid: str) -> Container | None:
        """The one that runs, where a re-creation has left two."""
        found = self._roster.containers_of(uid)
        return next((one for one in found if one.is_up), found[-1] if found else None)

    async def _say(self, environment: Object, **status: Any) -> None:
        metadata = environment["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        with contextlib.suppress(errors.NotFound):  # it was deleted meanwhile
            answer = await self._client.patch(kinds.ENVIRONMENT, metadata["name"], body, subresource="status")
            self._informer.overlay(answer)  # else the watch's older news would have it made again


def is_due(environment: Mapping[str, Any], node: str) -> bool:
    """Whether this node has yet to make it. Pure."""
    vps = (environment.get("spec") or {}).get("vps") or {}
    phase = (environment.get("status") or {}).get("phase")
    return vps.get("node") == node and phase not in ("Ready", "Failed")
