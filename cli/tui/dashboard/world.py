"""The cluster as of now: what the watches brought, in the order in which it is shown. Draws nothing."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from kohakuriver.cli.tui.dashboard.link import Link
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType
from kohakuriver.resources.view import VPS

Object = dict[str, Any]

ORDERS: Final = ("name", "status", "node", "age")
_SETTLED = 0.2  # seconds that a VPS is selected before its events are asked for


class World:
    """One cluster, seen by one identity."""

    def __init__(
        self,
        connection: Connection,
        *,
        namespace: str | None,
        selector: str = "",
        clock: Clock,
        timeout: float,
        changed: Callable[[], None],
    ) -> None:
        """`namespace` None: all of them. `changed` is called for every change, however many there are."""
        self._connection, self._timeout = connection, timeout
        self._namespace, self._selector = namespace, selector
        self._clock, self._changed = clock, changed
        self._events: Link | None = None
        self._about = ""  # the uid of the VPS whose events are followed

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        async with Client(self._connection, program="kohakuriver", timeout=self._timeout) as client:
            self._client = client
            self.vpses = self._link(kinds.VPS, namespace=self._namespace, labels=self._selector)
            self.nodes = self._link(kinds.NODE)
            self.bookings = self._link(kinds.NODE_ALLOCATION)
            async with asyncio.TaskGroup() as group:
                for link in (self.vpses, self.nodes, self.bookings):
                    group.create_task(link.run())

    async def follow_events(self, vps: Object) -> None:
        """Those of one VPS, until cancelled."""
        metadata = vps["metadata"]
        if self._about != metadata["uid"]:
            self._about, self._events = metadata["uid"], None
        await asyncio.sleep(_SETTLED)
        fields = f"involvedObject.kind=VPS,involvedObject.name={metadata['name']}"
        fields += f",involvedObject.uid={metadata['uid']}"
        self._events = self._link(kinds.EVENT, namespace=metadata["namespace"], fields=fields)
        await self._events.run()

    def _link(
        self, resource: ResourceType, *, namespace: str | None = None, fields: str = "", labels: str = ""
    ) -> Link:
        return Link(
            self._client,
            resource,
            clock=self._clock,
            listener=lambda _: self._changed(),
            told=lambda _: self._changed(),
            namespace=namespace,
            selectors=(fields, labels),
        )

    @property
    def is_known(self) -> bool:
        """Whether the VPSes have come in."""
        return hasattr(self, "vpses") and self.vpses.objects.synced

    @property
    def trouble(self) -> str:
        """Why nothing comes in; "" when all is well."""
        if not hasattr(self, "vpses"):
            return ""
        links = [self.vpses, self.nodes, self.bookings, *([self._events] if self._events else [])]
        return next((link.error.message for link in links if link.is_lost and link.error), "")

    @property
    def allocations(self) -> Mapping[str, Object] | None:
        """By node; None for somebody who may not read them."""
        if self.bookings.is_refused:
            return None
        return {str(one["metadata"]["name"]): one for one in self.bookings.objects}

    def node_keys(self) -> list[ObjectKey]:
        return sorted(ObjectKey("", str(one["metadata"]["name"])) for one in self.nodes.objects)

    def vps_keys(self, words: str, order: str) -> list[ObjectKey]:
        """Those that the filter means."""
        found = [vps for vps in self.vpses.objects if matches(vps, words)]
        found.sort(key=_key)
        if order != "name":
            found.sort(key=_BY[order], reverse=order == "age")
        return [_key(vps) for vps in found]

    def events_of(self, vps: Object) -> list[Object] | None:
        """What has come in of them; None for somebody who may not read them."""
        if self._events is None or self._about != vps["metadata"]["uid"]:
            return []
        return None if self._events.is_refused else list(self._events.objects)

    def node_of(self, vps: Object) -> Object | None:
        return self.nodes.objects.get(ObjectKey("", VPS.of(vps).node))


def matches(vps: Object, words: str) -> bool:
    """Whether a filter means a VPS: each word is in its name, phase, node, a label …; `!word` is not."""
    wanted = words.lower().split()
    return not wanted or all(_holds(word, _texts(vps)) for word in wanted)


def _holds(word: str, texts: list[str]) -> bool:
    is_wanted = not word.startswith("!")
    bare = word.removeprefix("!")
    return not bare or any(bare in text for text in texts) is is_wanted


def _texts(vps: Object) -> list[str]:
    found = VPS.of(vps)
    texts = [found.name, found.namespace, found.word, found.node, found.spec.image, found.spec.environment]
    texts += [f"{key}={value}" for key, value in found.labels.items()]
    return [text.lower() for text in texts]


def _key(vps: Object) -> ObjectKey:
    return ObjectKey(str(vps["metadata"]["namespace"]), str(vps["metadata"]["name"]))


_BY: Final[dict[str, Callable[[Object], str]]] = {
    "status": lambda vps: VPS.of(vps).word,
    "node": lambda vps: VPS.of(vps).node or "~",  # those without one last
    "age": lambda vps: VPS.of(vps).created,
}
