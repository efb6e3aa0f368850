"""What of a Node is shown to those who see no VPSes but their own: not what it tells of everybody's.

A form around another one, so that GET, LIST, WATCH and Tables all go through it. What a Node has of their own
namespaces, such as a volume that was kept, they see.
"""

import dataclasses
import datetime
import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.printers.forms import EventType, Form
from kohakuriver.resources.kinds import NODE, ResourceType

REMEMBERED = 64  # lines of watches; a hundred watches of one credential want the same within milliseconds
WORTH_REMEMBERING = 256 * 1024  # bytes of one

_HIDDEN = "images"  # the engine has them for VPSes of any namespace
_BY_NAMESPACE = ("unknown", "volumes")  # of VPSes that are gone too


def narrowed(form: Form, user: User, resource: ResourceType) -> Form:
    """The form in which this user sees objects of that kind."""
    confined = user.role is Role.USER or (user.role is Role.VIEWER and bool(user.namespaces))
    return Narrowed(form, user.namespaces) if confined and resource is NODE else form


@dataclasses.dataclass(frozen=True)
class Narrowed:
    """Nodes without what is hidden, in another form."""

    costly: ClassVar[bool] = True
    kept: ClassVar[bool] = False  # for as long as the event: `_event` keeps it while watches want it

    form: Form
    namespaces: tuple[str, ...]

    def one(self, raw: bytes, now: datetime.datetime) -> bytes:
        return self.form.one(self.cut(raw), now)

    def rows(self, raws: Sequence[bytes], now: datetime.datetime) -> list[bytes]:
        return self.form.rows([self.cut(raw) for raw in raws], now)

    def around(self, metadata: Mapping[str, Any]) -> tuple[bytes, bytes]:
        return self.form.around(metadata)

    def event(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        make = _event if len(raw) <= WORTH_REMEMBERING else _event.__wrapped__
        return make(self, type_, raw, now)

    def bookmark(self, metadata: Mapping[str, Any]) -> bytes:
        return self.form.bookmark(metadata)

    def cut(self, raw: bytes) -> bytes:
        """What is left of a Node."""
        node = orjson.loads(raw)
        status = node.get("status")
        if not isinstance(status, dict):
            return raw
        shown = {field: value for field, value in status.items() if field != _HIDDEN}
        for field in _BY_NAMESPACE:
            own = self._own(shown.pop(field, None))
            if own:
                shown[field] = own
        return orjson.dumps({**node, "status": shown})

    def _own(self, told: Any) -> list[Any]:
        return [
            one
            for one in (told if isinstance(told, list) else ())
            if isinstance(one, dict) and one.get("namespace") in self.namespaces
        ]


@functools.lru_cache(maxsize=REMEMBERED)
def _event(form: Narrowed, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
    return form.form.event(type_, form.cut(raw), now)
