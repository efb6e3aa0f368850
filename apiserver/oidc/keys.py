"""The keys of one issuer as they are known here. They are asked for when a token first needs them.

    a key that is not known ──► one question at a time, at most every 30 s ──► all keys anew
    keys known for an hour  ──► the same, while requests go on with those that are known

Where the issuer does not answer, those that are known stay, and the next question waits longer each time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from kohakuriver.apiserver.oidc.provider import WITHIN, Away, Provider
from kohakuriver.apiserver.oidc.verification import Key
from kohakuriver.backoff import Backoff

LOG = logging.getLogger(__name__)

BETWEEN: Final = 30.0  # seconds at least between two questions that are answered
OLD: Final = 3600.0  # seconds after which keys are asked for again, so that one that was withdrawn goes
FAILING: Final = Backoff(first=1.0, longest=30.0)


class KeyRing:
    """One issuer's keys."""

    def __init__(self, issuer: str, provider: Provider, *, now: Callable[[], float]) -> None:
        self.keys: tuple[Key, ...] = ()
        self.trouble = ""  # why the last question was not answered
        self._issuer, self._provider, self._now = issuer, provider, now
        self._asked: float | None = None  # when it was last answered
        self._next = float("-inf")  # before then nothing is asked
        self._failures = 0
        self._asking: asyncio.Task[None] | None = None

    async def wait_for(self, found: Callable[[], bool]) -> None:
        """Until what is looked for is among the keys, or is known not to be; a bounded time."""
        if found():
            if self._asked is not None and self._now() - self._asked >= OLD:
                self._ask()
            return
        task = self._ask()
        if task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), WITHIN + 1)

    async def close(self) -> None:
        """End a question that is under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _ask(self) -> asyncio.Task[None] | None:
        """The question that is under way, or a new one; None while it is too early for that."""
        if self._asking is not None and not self._asking.done():
            return self._asking
        if self._now() < self._next:
            return None
        self._asking = asyncio.create_task(self._answered())
        return self._asking

    async def _answered(self) -> None:
        try:
            keys = await self._provider.keys()
        except Away as error:
            self._failed(str(error))
        except Exception as error:
            LOG.exception("asking an issuer for its keys failed in a way nobody expected")
            self._failed(type(error).__name__)
        else:
            self.keys, self.trouble, self._failures = keys, "", 0
            self._asked = self._now()
            self._next = self._asked + BETWEEN

    def _failed(self, why: str) -> None:
        self._failures += 1
        self.trouble = why
        self._next = self._now() + FAILING.pause(self._failures)
        LOG.warning("the keys of an issuer did not come", extra={"issuer": self._issuer, "error": why})
