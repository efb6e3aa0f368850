"""Which VPSes of this node are having their files taken, and who must make way for what is declared of them.

Between taking.py and containers.py, which says so before it ends, freezes or starts a container: what is
declared comes first, and the snapshot fails. No call here waits for anything.
"""

import asyncio
from typing import Final

from kohakuriver.clock import Clock

STALE: Final = 5.0  # seconds after a thaw in which a look from before it may still say that it is frozen


class Take:
    """One of them. Once `why_not` says something it is to end."""

    def __init__(self, snapshot: str, *, uid: str, vps: str, container: str) -> None:
        self.snapshot = snapshot  # its name
        self.uid = uid  # of the Snapshot
        self.vps = vps  # its uid
        self.container = container  # its id
        self.is_frozen = False  # or is about to be, by us
        self.stays_frozen = False  # it is declared Paused meanwhile: nobody thaws it afterwards
        self.has_them = False  # the files were taken: what is done to the container is no matter any more
        self.is_unwanted = False  # the Snapshot itself is deleted
        self.why_not = ""
        self.interrupted = asyncio.Event()

    def interrupt(self, why: str, *, is_unwanted: bool = False) -> None:
        """It fails, if it has not come to its end."""
        self.is_unwanted = self.is_unwanted or is_unwanted
        if not self.why_not:
            self.why_not = why
            self.interrupted.set()


class Takes:
    """Those of one node, of which there is one at a time."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._by_vps: dict[str, Take] = {}
        self._thawed: dict[str, tuple[float, str]] = {}  # when, and the name of the Snapshot

    def begin(self, take: Take) -> None:
        self._by_vps[take.vps] = take

    def thawed(self, take: Take) -> None:
        """It is frozen by us no more. A look from before that may still say that it is frozen."""
        if take.is_frozen and not take.stays_frozen:
            self._thawed[take.vps] = self._clock.monotonic(), take.snapshot
        take.is_frozen = False

    def end(self, take: Take) -> None:
        if self._by_vps.get(take.vps) is take:
            del self._by_vps[take.vps]

    def frozen_for(self, vps: str) -> str:
        """The Snapshot for which that VPS is frozen by us, or was until a moment ago; empty where none is."""
        take = self._by_vps.get(vps)
        if take is not None and take.is_frozen:
            return "" if take.stays_frozen else take.snapshot
        at, snapshot = self._thawed.get(vps, (0.0, ""))
        if snapshot and self._clock.monotonic() - at > STALE:
            del self._thawed[vps]
            return ""
        return snapshot

    def of_snapshot(self, uid: str) -> Take | None:
        """The one that this Snapshot is being made by."""
        return next((one for one in self._by_vps.values() if one.uid == uid), None)

    def make_way(self, vps: str, container: str, why: str, *, stays_frozen: bool = False) -> None:
        """Something is about to be done to that container of this VPS which its snapshot does not outlive."""
        take = self._by_vps.get(vps)
        if stays_frozen:
            self._thawed.pop(vps, None)
        if take is None or take.has_them or container not in ("", take.container):
            return
        take.stays_frozen = take.stays_frozen or stays_frozen
        take.interrupt(why)
