"""A field that stands twice in a body is found, however the JSON is written."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.serving import body

NAMES = st.sampled_from(["a", "b", "a:b", 'c":', "d"])
LEAVES = st.one_of(st.integers(0, 3), st.sampled_from(["", ":", '":"', "n:1"]))


class Fields(list[tuple[str, Any]]):
    """An object as it is written, with every one of its fields."""


VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(st.tuples(NAMES, inner), max_size=4).map(Fields)
    ),
    max_leaves=12,
)


def written(value: Any, colon: str) -> str:
    if isinstance(value, Fields):
        fields = (f"{json.dumps(name)}{colon}{written(inner, colon)}" for name, inner in value)
        return "{" + ",".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(inner, colon) for inner in value) + "]"
    return json.dumps(value)


def has_doubles(value: Any) -> bool:
    if isinstance(value, Fields):
        names = [name for name, _ in value]
        return len(set(names)) < len(names) or any(has_doubles(inner) for _, inner in value)
    return isinstance(value, list) and any(map(has_doubles, value))


@given(VALUES, st.sampled_from([":", " : ", ": "]))
def test_doubled_fields_are_told_and_nothing_else_is(value: Any, colon: str) -> None:
    told: list[str] = []
    body._json(written(value, colon).encode(), told.append)
    assert bool(told) is has_doubles(value)
