"""One watch that goes on by itself, for somebody who looks on: it says when the link is gone, and when back.

The informer lists, watches, resumes and lists again; here is only what is told of it. A link counts as back
once an API server has answered, not when the next change happens to come.
"""

import asyncio
import functools
from collections.abc import Callable

from kohakuriver import errors
from kohakuriver.cli.api import readable
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, Listener
from kohakuriver.clock import Clock
from kohakuriver.resources.kinds import ResourceType

Told = Callable[["Link"], None]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0  # seconds between the tries
_STEADY = 10.0  # seconds that a watch lasts before it counts as one that works


class Link:
    """To the objects of one kind."""

    def __init__(
        self,
        client: Client,
        resource: ResourceType,
        *,
        clock: Clock,
        listener: Listener,
        told: Told,
        namespace: str | None = None,
        selectors: tuple[str, str] = ("", ""),
    ) -> None:
        """`namespace` None: all of them. `selectors`: of fields, and of labels."""
        fields, labels = selectors
        self.objects = Informer(
            client, resource, clock=clock, listener=listener, namespace=namespace,
            field_selector=fields, label_selector=labels,
            readable=functools.partial(readable.of, resource),
        )  # fmt: skip
        self._path = resource.path(namespace=namespace)
        self.error: errors.KohakuRiverError | None = None
        self._client = client
        self._clock = clock
        self._told = told
        self._pause = _FIRST_PAUSE

    @property
    def is_refused(self) -> bool:
        """Whether one may not read these at all."""
        return isinstance(self.error, errors.Forbidden)

    @property
    def is_lost(self) -> bool:
        return self.error is not None and not self.is_refused

    async def run(self) -> None:
        """Follow until cancelled, or until it turns out that one may not."""
        while not self.is_refused:
            begun = self._clock.monotonic()
            try:
                await self.objects.step()
            except errors.KohakuRiverError as error:
                self._tell(error)
                if self._clock.monotonic() - begun > _STEADY:
                    self._pause = _FIRST_PAUSE
                await self._come_back()

    async def _come_back(self) -> None:
        """Returns once a server answers."""
        while self.is_lost:
            await asyncio.sleep(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            try:
                await self._client.call("GET", self._path, params={"limit": "1"})
            except errors.KohakuRiverError as error:
                self._tell(error)
            else:
                self._tell(None)

    def _tell(self, error: errors.KohakuRiverError | None) -> None:
        self.error = error
        self._told(self)
