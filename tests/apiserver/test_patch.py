import copy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kohakuriver import errors
from kohakuriver.apiserver.write import patch
from kohakuriver.resources import kinds
from tests.apiserver.writing import JSON_PATCH, MERGE, STRATEGIC

Json = dict[str, Any]

OBJECT: Json = {"metadata": {"name": "dev", "finalizers": ["a"]}, "spec": {"env": {"A": "1"}, "list": [1, 2]}}


def test_a_merge_patch_merges_objects_removes_nulls_and_replaces_the_rest() -> None:
    made = patch.apply(
        OBJECT,
        content_type=MERGE,
        patch={"spec": {"env": {"A": None, "B": "2"}, "list": [3], "new": {"x": {"y": None}}}},
    )
    assert made["spec"] == {"env": {"B": "2"}, "list": [3], "new": {"x": {}}}
    assert OBJECT["spec"]["env"] == {"A": "1"}, "the object handed in stays"


@pytest.mark.parametrize(
    ("target", "change", "result"),
    [  # the cases of RFC 7386's appendix
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_do_what_the_rfc_says(target: Any, change: Any, result: Any) -> None:
    assert patch.merge(target, change) == result


def test_a_json_patch_reaches_into_lists() -> None:
    steps = [
        {"op": "test", "path": "/spec/list/0", "value": 1},
        {"op": "add", "path": "/spec/list/-", "value": 3},
        {"op": "remove", "path": "/spec/list/0"},
        {"op": "replace", "path": "/spec/env/A", "value": "9"},
    ]
    made = patch.apply(OBJECT, content_type=JSON_PATCH, patch=steps)
    assert made["spec"] == {"env": {"A": "9"}, "list": [2, 3]}
    assert OBJECT["spec"]["list"] == [1, 2], "the object handed in stays"


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"op": "test", "path": "/spec/env", "value": 0}, "a test failed at '/spec/env'"),
        ({"op": "test", "path": "/spec/env/A", "value": {}}, "a test failed at '/spec/env/A'"),
        ({"op": "test", "path": "/spec/nowhere", "value": 0}, "a test failed at '/spec/nowhere'"),
        ({"op": "remove", "path": "/spec/env/A/x"}, "remove at '/spec/env/A/x' does not fit the object"),
        ({"op": "add", "path": "/spec/nowhere/x", "value": 1}, "add at '/spec/nowhere/x' does not fit"),
        ({"op": "replace", "path": "/spec/env/A/x/y", "value": 1}, "replace at '/spec/env/A/x/y' does not"),
        ({"op": "copy", "path": "/spec/x", "from": "/spec/nowhere/y"}, "copy at '/spec/x' does not fit"),
        ({"op": "move", "path": "/spec/x", "from": "/spec/nowhere/y"}, "move at '/spec/x' does not fit"),
    ],
    ids=lambda part: f"{part['op']} {part['path']}" if isinstance(part, dict) else "",
)
def test_a_json_patch_that_fails_says_where_and_nothing_of_what_is_stored(step: Json, says: str) -> None:
    kept = {**OBJECT, "spec": {"env": {"A": "hunter2-secret"}}}
    with pytest.raises(errors.Invalid) as caught:
        patch.apply(kept, content_type=JSON_PATCH, patch=[step])
    assert says in caught.value.message
    assert "hunter2" not in str(caught.value.to_status())


@pytest.mark.parametrize(
    "step",
    [
        {"op": "test", "path": "/spec/list/0", "value": 7},
        {"op": "test", "path": "/nowhere", "value": 7},
        {"op": "remove", "path": "/nowhere"},
        {"op": "add", "path": "/nowhere/else", "value": 1},
        {"op": "replace", "path": "/spec/list/9", "value": 1},
        {"op": "add", "path": "/spec/list/x", "value": 1},
        {"op": "replace", "path": "", "value": 3},
        {"op": "remove", "path": "/metadata"},
        {"op": "remove", "path": ""},
    ],
    ids=lambda step: f"{step['op']} {step['path']}",
)
def test_a_json_patch_that_does_not_fit_the_object_is_invalid(step: Json) -> None:
    with pytest.raises(errors.Invalid) as caught:
        patch.apply(OBJECT, content_type=JSON_PATCH, patch=[step])
    assert caught.value.hint


@pytest.mark.parametrize(
    "body",
    [
        {},
        "x",
        ["x"],
        [5],
        [{}],
        [{"op": "zap", "path": "/spec"}],
        [{"op": "add", "path": "spec", "value": 1}],
        [{"op": "add", "path": 1, "value": 1}],
        [{"op": "add", "path": "/spec"}],
        [{"op": "move", "path": "/spec"}],
        [{"op": "add", "path": "/~3", "value": 1}],
    ],
    ids=str,
)
def test_what_is_no_json_patch_is_a_bad_request(body: Any) -> None:
    with pytest.raises(errors.BadRequest):
        patch.apply(OBJECT, content_type=JSON_PATCH, patch=body)


def test_a_json_patch_without_end_is_too_large() -> None:
    steps = [{"op": "test", "path": "/metadata/name", "value": "dev"}] * 10_001
    with pytest.raises(errors.TooLarge):
        patch.apply(OBJECT, content_type=JSON_PATCH, patch=steps)


def test_a_merge_patch_that_is_no_object_is_a_bad_request() -> None:
    bodies: list[Any] = [[], "x", 5, None]
    for body in bodies:
        with pytest.raises(errors.BadRequest):
            patch.apply(OBJECT, content_type=MERGE, patch=body)


def test_a_strategic_patch_joins_finalizers_and_refuses_directives_it_does_not_know() -> None:
    made = patch.apply(
        OBJECT,
        content_type=STRATEGIC,
        patch={
            "metadata": {"finalizers": ["b"], "$setElementOrder/finalizers": ["a", "b"]},
            "spec": {"list": [5]},
        },
    )
    assert made["metadata"]["finalizers"] == ["a", "b"]
    assert made["spec"] == {"env": {"A": "1"}, "list": [5]}
    with pytest.raises(errors.BadRequest, match="directive"):
        patch.apply(OBJECT, content_type=STRATEGIC, patch={"spec": {"$patch": "delete"}})


def test_our_own_kinds_refuse_strategic_patches_as_custom_resources_do() -> None:
    with pytest.raises(errors.UnsupportedMediaType) as caught:
        patch.check_type(STRATEGIC, kinds.VPS)
    assert caught.value.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )
    for kind in (kinds.NAMESPACE, kinds.EVENT, kinds.LEASE):
        patch.check_type(STRATEGIC, kind)


def test_a_patch_that_names_a_version_is_recognised() -> None:
    version = "/metadata/resourceVersion"
    assert patch.names({"metadata": {"resourceVersion": "5"}}, version)
    assert patch.names([{"op": "test", "path": version, "value": "5"}], version)
    for body in ({}, [], [5], {"metadata": 5}, {"metadata": {"name": "dev"}}):
        assert not patch.names(body, version)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_merging_twice_is_merging_once_and_changes_nothing_handed_in(target: Any, change: Any) -> None:
    before = copy.deepcopy((target, change))
    once = patch.merge(target, change)
    assert patch.merge(once, change) == once
    assert (target, change) == before


POINTERS = st.lists(
    st.sampled_from(["spec", "env", "A", "list", "0", "-", "x", "metadata", "~0"]), max_size=3
).map(lambda parts: "".join(f"/{part}" for part in parts))
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "zap"]) | JSON},
    optional={"path": POINTERS | JSON, "from": POINTERS | JSON, "value": JSON},
)


@example([{"op": "add", "path": "", "from": None}])
@example([{"op": "copy", "path": "/spec", "from": None}])
@example([{"op": "move", "path": "/spec", "from": 5}])
@given(st.lists(OPERATIONS | JSON, max_size=4) | JSON)
def test_any_json_patch_makes_an_object_or_an_error_of_the_client(body: Any) -> None:
    before = copy.deepcopy(OBJECT)
    try:
        made = patch.apply(OBJECT, content_type=JSON_PATCH, patch=body)
    except (errors.Invalid, errors.BadRequest):
        pass
    else:
        assert isinstance(made["metadata"], dict)
    assert before == OBJECT, "the object handed in stays"


def test_a_json_patch_that_doubles_what_it_copies_is_refused_before_it_fills_the_memory() -> None:
    steps = [{"op": "copy", "from": "/spec", "path": f"/spec/{step}"} for step in range(64)]
    with pytest.raises(errors.TooLarge, match="copies more than 3145728 bytes"):
        patch.apply(OBJECT, content_type=JSON_PATCH, patch=steps)


@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "add", "path": "/spec" + "/a" * depth, "value": {}} for depth in range(1, 300)],
        [{"op": "copy", "from": "/spec", "path": "/spec/env"}] * 300,
    ],
    ids=["add", "copy"],
)
def test_a_json_patch_that_makes_an_object_too_deep_to_be_written_is_invalid(steps: list[Json]) -> None:
    with pytest.raises(errors.Invalid, match=r"100|Recursion limit"):
        patch.apply(OBJECT, content_type=JSON_PATCH, patch=steps)


def test_a_json_patch_may_copy_and_move() -> None:
    steps = [
        {"op": "copy", "from": "/spec/env", "path": "/spec/more"},
        {"op": "move", "from": "/spec/list", "path": "/spec/numbers"},
    ]
    made = patch.apply(OBJECT, content_type=JSON_PATCH, patch=steps)
    assert made["spec"] == {"env": {"A": "1"}, "more": {"A": "1"}, "numbers": [1, 2]}
