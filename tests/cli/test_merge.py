"""The three-way merge of `apply`, and the annotation that kubectl reads and writes too."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.cli.kubectl import merge

BASE: dict[str, Any] = {"metadata": {"name": "dev"}, "spec": {"cores": 1, "env": {"A": "1", "B": "2"}}}


def merged(current: Any, patch: Any) -> Any:
    """RFC 7386, as the server applies it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def test_what_is_so_already_needs_no_patch():
    assert merge.patch(BASE, BASE, BASE) == {}


def test_a_changed_field_is_set():
    modified = copy.deepcopy(BASE)
    modified["spec"]["cores"] = 2
    assert merge.patch(BASE, modified, BASE) == {"spec": {"cores": 2}}


def test_a_field_that_is_no_longer_declared_is_removed():
    modified = copy.deepcopy(BASE)
    del modified["spec"]["env"]["B"]
    assert merge.patch(BASE, modified, BASE) == {"spec": {"env": {"B": None}}}


def test_what_others_have_set_is_left_alone():
    current = copy.deepcopy(BASE)
    current["spec"] |= {"image": "default", "env": {"A": "1", "B": "2", "C": "3"}}
    current["status"] = {"phase": "running"}
    assert merge.patch(BASE, BASE, current) == {}


def test_what_somebody_changed_is_changed_back():
    current = copy.deepcopy(BASE)
    current["spec"]["cores"] = 8
    assert merge.patch(BASE, BASE, current) == {"spec": {"cores": 1}}


def test_what_is_gone_already_is_not_removed_again():
    modified, current = copy.deepcopy(BASE), copy.deepcopy(BASE)
    del modified["spec"]["env"], current["spec"]["env"]
    assert merge.patch(BASE, modified, current) == {}


def test_a_list_is_replaced_as_a_whole():
    one, two = {"keys": ["a", "b"]}, {"keys": ["b"]}
    assert merge.patch(one, two, one) == {"keys": ["b"]}


def test_the_annotation_is_what_kubectl_writes():
    body = {
        "kind": "VPS",
        "apiVersion": "kohakuriver.io/v1alpha1",
        "metadata": {"namespace": "default", "name": "dev"},
        "spec": {"env": {"URL": "a<b&c"}},
    }
    recorded = merge.annotated(body)["metadata"]["annotations"][merge.LAST_APPLIED]
    assert recorded == (
        '{"apiVersion":"kohakuriver.io/v1alpha1","kind":"VPS","metadata":{"annotations":{},"name":"dev",'
        '"namespace":"default"},"spec":{"env":{"URL":"a\\u003cb\\u0026c"}}}\n'
    )


def test_what_was_applied_last_comes_back_out_of_the_annotation():
    applied = merge.last_applied(merge.annotated(BASE))
    assert applied["spec"] == BASE["spec"]


def test_an_annotation_that_is_spoiled_counts_as_none():
    body = {"metadata": {"annotations": {merge.LAST_APPLIED: "{"}}}
    assert merge.last_applied(body) == {}


VALUES = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)


@given(original=OBJECTS, modified=OBJECTS, current=OBJECTS)
def test_after_the_patch_the_object_says_what_the_manifest_says(original, modified, current):
    after = merged(current, merge.patch(original, modified, current))
    assert says(after, modified), "a declared field is not as declared"
    assert merge.patch(original, modified, after) == {}, "applying again would change something"


def says(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and says(whole[key], part[key]) for key in part)
    return bool(whole == part)
