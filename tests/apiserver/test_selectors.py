"""Label and field selectors, as Kubernetes reads them."""

import contextlib
import functools
from collections.abc import Callable

import pytest

from kohakuriver.apiserver.objects.selectors import fields_of, parse_fields, parse_labels, select
from kohakuriver.errors import BadRequest
from kohakuriver.resources import kinds
from tests import cost


def chosen(selector: str, **labels: str) -> bool:
    return select(kinds.VPS, labels=selector).matches(labels, {})


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("a=1", {"a": "1"}, True),
        ("a==1", {"a": "2"}, False),
        ("a!=1", {}, True),
        ("a!=1", {"a": "1"}, False),
        ("a in (1, 2)", {"a": "2"}, True),
        ("a in (1,2)", {}, False),
        ("a notin (1,2)", {}, True),
        ("a notin (1,2)", {"a": "1"}, False),
        ("a", {"a": ""}, True),
        ("!a", {"a": ""}, False),
        ("!a", {}, True),
        ("a=", {"a": ""}, True),
        ("a>5", {"a": "6"}, True),
        ("a<5", {"a": "x"}, False),
        ("a=1,b in (2),!c", {"a": "1", "b": "2"}, True),
        ("a=1,b in (2),!c", {"a": "1", "b": "2", "c": "3"}, False),
        ("example.com/app = web", {"example.com/app": "web"}, True),
    ],
)
def test_a_label_selector_means_what_kubernetes_means(selector, labels, expected):
    assert select(kinds.VPS, labels=selector).matches(labels, {}) is expected


@pytest.mark.parametrize(
    "selector", ["a=1,", ",a", "a in 1", "a in (1", "a ~ b", "a b", "=1", "a>x", "a=1 b", "-a=1", "a=ü"]
)
def test_what_is_no_label_selector_is_refused(selector):
    with pytest.raises(BadRequest):
        parse_labels(selector)


@pytest.mark.parametrize("text", ["!k{}", "k{}=v", "k{} in (a,b)"])
def test_a_label_selector_has_at_most_fifty_requirements(text):
    most = ",".join(text.format(number) for number in range(50))
    assert len(parse_labels(most)) == 50
    with pytest.raises(BadRequest, match="the label selector has more than 50 requirements") as refusal:
        parse_labels(f"{most},more")
    assert "in (a,b)" in refusal.value.hint


def test_a_field_selector_has_at_most_fifty_requirements():
    most = ",".join(["metadata.name!=dev"] * 50)
    assert len(parse_fields(kinds.VPS, most)) == 50
    with pytest.raises(BadRequest, match="the field selector has more than 50 requirements"):
        parse_fields(kinds.VPS, f"{most},metadata.name!=dev")


def test_a_label_may_have_any_number_of_values():
    assert chosen(f"a in ({','.join(map(str, range(1000)))})", a="999")


def test_a_field_selector_compares_the_fields_that_a_kind_offers():
    vps = {
        "metadata": {"name": "dev", "namespace": "default"},
        "status": {"phase": "running", "assignment": {"node": "n1"}},
    }
    values = fields_of(kinds.VPS, vps)
    for text, expected in (
        ("metadata.name=dev", True),
        ("status.phase!=running", False),
        ("status.phase==running,status.assignment.node=n1", True),
        ("spec.placement.node=", True),
        ("status.assignment.node=n2", False),
    ):
        assert select(kinds.VPS, fields=(text,)).matches({}, values) is expected, text


def test_an_event_is_found_by_what_it_is_about():
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "VPS", "uid": "u"},
        "source": {"component": "c"},
    }
    wanted = select(kinds.EVENT, fields=("involvedObject.kind=VPS,involvedObject.uid=u,source=c",))
    assert wanted.matches({}, fields_of(kinds.EVENT, event))


@pytest.mark.parametrize("text", ["status.nothing=1", "metadata.name", "metadata.name=a=b"])
def test_unknown_fields_and_what_is_no_field_selector_are_refused(text):
    with pytest.raises(BadRequest):
        parse_fields(kinds.VPS, text)


def test_a_backslash_lets_a_value_hold_what_would_end_it():
    [requirement] = parse_fields(kinds.EVENT, r"reason=a\,b\=c\\")
    assert requirement.values == {"a,b=c\\"}


def test_a_selection_is_filed_under_its_most_telling_field():
    both = select(kinds.VPS, namespace="default", fields=("status.assignment.node=n1",))
    assert both.pin() == ("status.assignment.node", "n1")
    assert select(kinds.VPS, namespace="default").pin() == ("metadata.namespace", "default")
    assert select(kinds.VPS, labels="a=b").pin() is None


@pytest.mark.parametrize("parse", [parse_labels, functools.partial(parse_fields, kinds.VPS)])
@pytest.mark.parametrize("filler", [" ", "\\", "a", "!", "(", ",", "a,", "a=a,"])
def test_a_selector_of_the_length_of_a_request_line_costs_what_its_length_costs(
    parse: Callable[[str], object], filler: str
) -> None:
    def parsing(length: int) -> Callable[[], None]:
        text = "a" + filler * (length // len(filler))

        def parse_it() -> None:
            with contextlib.suppress(BadRequest):
                parse(text)

        return parse_it

    # Eight times as long: eight times as much, where each character is looked at so often; else 64 times.
    assert cost.ratio(parsing(8000), parsing(1000)) < 24
