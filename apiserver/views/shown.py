"""A form around another one: each object is changed into what shows it, then put into the inner form.

What is asked for as a list, as a watch, as a Table or as metadata alone goes through it in the same way, at
the resourceVersion of the object that is stored. Nothing is made for whom nobody asks. Pure.
"""

import dataclasses
import datetime
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from kohakuriver.apiserver.printers.forms import EventType, Form

Json = dict[str, Any]
Change = Callable[[Json], Json]

REMEMBERED = 64  # lines of watches; many watches want the same one within milliseconds
WORTH_REMEMBERING = 64 * 1024  # bytes of one


@dataclasses.dataclass(frozen=True)
class Shown:
    """Objects as `change` shows them, in another form."""

    costly: ClassVar[bool] = True
    kept: ClassVar[bool] = False  # for as long as the event: `_event` keeps it while watches want it

    form: Form
    change: Change

    def one(self, raw: bytes, now: datetime.datetime) -> bytes:
        return self.form.one(self._changed(raw), now)

    def rows(self, raws: Sequence[bytes], now: datetime.datetime) -> list[bytes]:
        return self.form.rows([self._changed(raw) for raw in raws], now)

    def around(self, metadata: Mapping[str, Any]) -> tuple[bytes, bytes]:
        return self.form.around(metadata)

    def event(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        make = _event if len(raw) <= WORTH_REMEMBERING else _event.__wrapped__
        return make(self, type_, raw, now)

    def bookmark(self, metadata: Mapping[str, Any]) -> bytes:
        return self.form.bookmark(metadata)

    def made(self, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
        """One line of a watch, made anew."""
        return self.form.event(type_, self._changed(raw), now)

    def _changed(self, raw: bytes) -> bytes:
        return orjson.dumps(self.change(orjson.loads(raw)))


@functools.lru_cache(maxsize=REMEMBERED)
def _event(form: Shown, type_: EventType, raw: bytes, now: datetime.datetime) -> bytes:
    return form.made(type_, raw, now)
