"""Which objects name an owner: by the owner's uid, across all kinds. Filled by `cache.py` alone."""

import asyncio

from kohakuriver.apiserver.cache.entry import Entry


class Owned:
    """Keys of dependents by the uid of each owner."""

    def __init__(self) -> None:
        self.orphaned = asyncio.Event()  # set when an owner has gone; whoever collects clears it
        self._keys: dict[str, set[str]] = {}
        self._unjudged: set[str] = set()  # dependents that came or changed, or whose owner has gone

    def by(self, uid: str) -> list[str]:
        """The keys of the objects that name this owner."""
        return sorted(self._keys.get(uid, ()))

    def unjudged(self) -> list[str]:
        """The keys of the objects that may have lost an owner since they were asked for last."""
        keys, self._unjudged = self._unjudged, set()
        return sorted(keys)

    def judge_again(self, key: str) -> None:
        """Nobody could tell this time."""
        self._unjudged.add(key)

    def move(self, key: str, before: Entry | None, after: Entry | None) -> None:
        """An object has changed, come or gone."""
        was, will_be = before.owners if before else (), after.owners if after else ()
        for uid in was:
            if uid not in will_be:
                self._keys[uid].discard(key)
                if not self._keys[uid]:
                    del self._keys[uid]
        for uid in will_be:
            self._keys.setdefault(uid, set()).add(key)
        if will_be:
            self._unjudged.add(key)
        if before is not None and before.uid in self._keys and (after is None or after.uid != before.uid):
            self._unjudged |= self._keys[before.uid]
            self.orphaned.set()

    def clear(self) -> None:
        """Before everything is listed again."""
        self._keys = {}
        self._unjudged = set()
        self.orphaned.set()
