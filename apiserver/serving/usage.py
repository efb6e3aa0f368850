"""ResourceQuotas with what is taken of them at this moment, in any form: GET, LIST, WATCH and Tables.

A watch says what is taken whenever the quota itself changes. It has no event for a change of what is taken.
"""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import ClassVar

import orjson

from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.printers.forms import EventType, Form
from kohakuriver.apiserver.quota import usage
from kohakuriver.resources.kinds import RESOURCE_QUOTA, ResourceType


def filled(form: Form, cache: Cache, resource: ResourceType) -> Form:
    """The form in which objects of that kind are shown, with what no store holds of them."""
    return Filled(form, cache) if resource is RESOURCE_QUOTA else form


@dataclasses.dataclass(frozen=True, eq=False)
class Filled:
    """Quotas with their status, in another form."""

    costly: ClassVar[bool] = True
    kept: ClassVar[bool] = False  # it is another at every moment

    form: Form
    cache: Cache

    def one(self, raw: bytes, now: datetime.datetime) -> bytes:
        return self.form.one(self._with_status(raw), now)

    def rows(self, raws: Sequence[bytes], now: datetime.datetime) -> list[bytes]:
        return self.form.rows([self._with_status(raw) for raw in raws], now)

    def around(self, metadata: Mapping[str, object]) -> tuple[bytes, bytes]:
        return self.form.around(metadata)

    def event(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        return self.form.event(type_, self._with_status(raw), now)

    def bookmark(self, metadata: Mapping[str, object]) -> bytes:
        return self.form.bookmark(metadata)

    def _with_status(self, raw: bytes) -> bytes:
        quota = orjson.loads(raw)
        namespace = quota["metadata"].get("namespace") or ""
        amounts = usage.taken(self.cache.booked.of(namespace), self.cache.stored.used(namespace))
        return orjson.dumps({**quota, "status": usage.status(quota, amounts)})
