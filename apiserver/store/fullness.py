"""How full the store is: asked every few seconds, so that users stop writing before nobody can.

etcd out of space takes no writes at all, renewals among them, until somebody has made room by hand. What is
left above a user's part is for those: renewals, reports, the controller, deletes, and admins who make room.
"""

import asyncio
import logging

from kohakuriver.apiserver.store.base import Space, Store, StoreError

LOG = logging.getLogger(__name__)

EVERY = 5.0  # seconds; all users of one server together write less than a hundred megabytes meanwhile
USED = 0.80  # of the quota, by what is stored: it falls by itself when old revisions are compacted
FILE = 0.95  # of the quota, by the file, which shrinks when it is defragmented; etcd counts this one


class Fullness:
    """Of one store, as it was a moment ago."""

    def __init__(self, store: Store) -> None:
        self.why = ""  # users may not write; empty where they may
        self._store = store

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(EVERY)

    async def step(self) -> None:
        try:
            space = await self._store.space()
        except StoreError as error:
            LOG.warning("how full the store is could not be asked", extra={"error": str(error)})
            return
        before, self.why = self.why, judged(space)
        if bool(self.why) != bool(before):
            level = logging.WARNING if self.why else logging.INFO
            state = {"used": space.used, "file": space.file, "quota": space.quota}
            LOG.log(level, "users may not write" if self.why else "users may write again", extra=state)


def judged(space: Space) -> str:
    """Why users may not write; empty where they may."""
    if space.used >= USED * space.quota:
        return f"what is stored takes {space.used / space.quota:.0%} of etcd's quota"
    if space.file >= FILE * space.quota:
        return f"etcd's file takes {space.file / space.quota:.0%} of its quota, and has to be defragmented"
    return ""
