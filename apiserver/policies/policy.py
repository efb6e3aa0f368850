"""One Policy as the server goes by it: which namespaces it chooses, and what may be at most. Pure.

It is read part by part. A part that cannot be read, by the hand of somebody at the store or from another
version, holds nevertheless: a selector that cannot be read chooses every namespace, and a limit that cannot
be read allows the default alone. All else of the Policy holds as it is written.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import pydantic

from kohakuriver import durations, image_name
from kohakuriver.apiserver.objects.selectors import Selection, by_labels
from kohakuriver.apiserver.store import codec
from kohakuriver.resources import meta
from kohakuriver.resources import policy as shapes

T = TypeVar("T")

_IMAGES = pydantic.TypeAdapter(shapes.Images)
_GRACE: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(meta.Grace)
_DURATION: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(meta.Duration)
_PRIORITY = pydantic.TypeAdapter(int)


@dataclasses.dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in the place of a part that cannot be read."""

    why: str  # with the path of the field


@dataclasses.dataclass(frozen=True, slots=True)
class Limit(Generic[T]):
    """The most that is allowed, and how the Policy writes that."""

    most: T
    written: str


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """What one Policy says; None where it does not speak of something."""

    name: str
    chosen: Selection | Unreadable
    registries: tuple[str, ...] | Unreadable | None
    grace: Limit[float] | Unreadable | None  # seconds
    priority: Limit[int] | Unreadable | None
    token_life: Limit[float] | Unreadable | None  # seconds

    @classmethod
    def of(cls, name: str, stored: Any) -> "Policy":
        """From what is stored under that name, whatever it is."""
        spec = stored.get("spec") if isinstance(stored, Mapping) else None
        if spec is None:
            spec = {}  # as one without a spec is taken in
        if not isinstance(spec, Mapping):
            bad = Unreadable("spec: it is not an object")
            return cls(name, bad, bad, bad, bad, bad)
        return cls(
            name=name,
            chosen=_read(spec, "namespaceSelector", by_labels) or Selection(),
            registries=_read(spec, "images", _registries),
            grace=_read(spec, "longestStopGracePeriod", _duration(_GRACE)),
            priority=_read(spec, "highestPriority", _priority),
            token_life=_read(spec, "longestTokenLife", _duration(_DURATION)),
        )

    def chooses(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds in the namespace with these labels."""
        return isinstance(self.chosen, Unreadable) or self.chosen.matches(labels, {})

    @property
    def troubles(self) -> list[str]:
        """Why parts of it cannot be read."""
        parts = (self.chosen, self.registries, self.grace, self.priority, self.token_life)
        return sorted({part.why for part in parts if isinstance(part, Unreadable)})


def _read(spec: Mapping[str, Any], field: str, read: Callable[[Any], T]) -> T | Unreadable | None:
    value = spec.get(field)
    if value is None:
        return None
    try:
        return read(value)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        path = ".".join(["spec", field, *map(str, first["loc"])])
        return Unreadable(f"{path}: {first['msg'].removeprefix('Value error, ')[:200]}")
    except codec.NONSENSE as error:
        return Unreadable(f"spec.{field}: {str(error)[:200]}")


def _registries(value: Any) -> tuple[str, ...]:
    return tuple(image_name.place(one) for one in _IMAGES.validate_python(value).registries)


def _duration(adapter: pydantic.TypeAdapter[Any]) -> Callable[[Any], Limit[float]]:
    def read(value: Any) -> Limit[float]:
        valid = adapter.validate_python(value, strict=True)
        seconds = durations.parse(valid)
        return Limit(seconds, valid if isinstance(valid, str) else f"{valid}s")

    return read


def _priority(value: Any) -> Limit[int]:
    most = _PRIORITY.validate_python(value, strict=True)
    return Limit(most, str(most))
