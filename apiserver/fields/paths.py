"""Sets of fields: from values, between values, and as `fieldsV1` holds them. Pure."""

import dataclasses
import json
from collections.abc import Iterable, Set
from typing import Any

from kohakuriver.apiserver.fields.layout import Layout, Path

Json = dict[str, Any]
Paths = frozenset[Path]
NOTHING: Paths = frozenset()


@dataclasses.dataclass(slots=True)
class Difference:
    """What is in the new value alone, in the old alone, and in both but not the same."""

    added: set[Path] = dataclasses.field(default_factory=set)
    removed: set[Path] = dataclasses.field(default_factory=set)
    modified: set[Path] = dataclasses.field(default_factory=set)

    @property
    def written(self) -> set[Path]:
        """What whoever made the new value has set."""
        return self.added | self.modified


def of(layout: Layout, value: Any, at: Path = ()) -> set[Path]:
    """The fields that a value sets: its leaves, and the entries of its maps and lists."""
    parts = layout.parts(value)
    if parts is None:
        return {at} if at else set()
    found: set[Path] = set()
    for element, inner, below in parts:
        here = (*at, element)
        found |= of(below, inner, here)
        if inner == {} or not layout.is_field(element):
            found.add(here)
    return found


def between(layout: Layout, old: Any, new: Any) -> Difference:
    """How two values differ, field by field."""
    difference = Difference()
    _compare(layout, old, new, (), difference)
    return difference


def _compare(layout: Layout, old: Any, new: Any, at: Path, found: Difference) -> None:
    if old == new and type(old) is type(new):
        return
    before, after = layout.parts(old), layout.parts(new)
    if before is None or after is None:
        found.modified.add(at)
        return
    was = {element: inner for element, inner, _ in before}
    for element, inner, below in after:
        here = (*at, element)
        if element in was:
            _compare(below, was.pop(element), inner, here, found)
        else:
            _collect(below, inner, here, found.added)
    for element, inner, below in layout.parts(old) or ():
        if element in was:
            _collect(below, inner, (*at, element), found.removed)


def _collect(layout: Layout, value: Any, at: Path, into: set[Path]) -> None:
    """A place and everything below it."""
    into.add(at)
    for element, inner, below in layout.parts(value) or ():
        _collect(below, inner, (*at, element), into)


def closed(paths: Iterable[Path]) -> set[Path]:
    """These fields with all that they lie in."""
    return {path[:length] for path in paths for length in range(1, len(path) + 1)}


def to_fields(paths: Set[Path]) -> Json:
    """As `fieldsV1` has it; "." stands for the place itself beside what is below it."""
    root: Json = {}
    for path in sorted(paths):
        place = root
        for depth, element in enumerate(path[:-1], 1):
            place = place.setdefault(element, {})
            if path[:depth] in paths:
                place["."] = {}
        place.setdefault(path[-1], {})
    return root


def from_fields(fields: Any, at: Path = ()) -> set[Path]:
    """Raises ValueError for what is no `fieldsV1`."""
    if not isinstance(fields, dict):
        raise ValueError("fieldsV1 is an object of objects")
    found: set[Path] = set()
    for element, below in fields.items():
        if element == ".":
            found.add(at)
            continue
        if not isinstance(element, str) or element[:2] not in ("f:", "k:", "v:", "i:"):
            raise ValueError(f'"{element}" is not an element of fieldsV1')
        here = (*at, element)
        if not below:
            found.add(here)
        found |= from_fields(below, here)
    return found


def shown(path: Path) -> str:
    """As people read it: .spec.volumes[name="home"].target."""
    return "".join(_shown(element[0], element[2:]) for element in path)


def _shown(sort: str, text: str) -> str:
    if sort == "f":
        return f".{text}"
    if sort == "k":
        told = json.loads(text)
        return f"[{','.join(f'{key}={json.dumps(value)}' for key, value in told.items())}]"
    return f"[={text}]" if sort == "v" else f"[{text}]"
