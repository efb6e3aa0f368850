"""What a Policy may say, and in which words the rest is refused."""

from typing import Any

import pydantic
import pytest

from kohakuriver.resources import policy


def spec(**said: Any) -> policy.PolicySpec:
    return policy.PolicySpec.model_validate(said)


@pytest.mark.parametrize(
    "place",
    ["ghcr.io", "docker.io/library", "localhost:5000/a", "10.0.0.1:5000", "[fd00::1]:5000/a", "a.b/c__d"],
)
def test_a_registry_or_a_part_of_one_is_taken(place: str) -> None:
    assert spec(images={"registries": [place]}).images == policy.Images(registries=[place])


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("library/debian", "does not begin with the host of a registry: write docker.io/library/debian"),
        ("debian", "write docker.io/debian"),
        ("https://ghcr.io", 'invalid registry "https://ghcr.io": write its host, such as ghcr.io'),
        ("ghcr.io/", "invalid registry"),
        ("ghcr.io/a:12", "invalid registry"),
        ("GHCR.io", "in small letters"),
        ("", "invalid registry"),
    ],
)
def test_what_allows_no_image_at_all_by_mistake_is_refused(place: str, why: str) -> None:
    with pytest.raises(pydantic.ValidationError, match="registr") as caught:
        spec(images={"registries": [place]})
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("selector", "why"),
    [
        ({"matchLabels": {"team": "a b"}}, "is not the value of a label"),
        ({"matchLabels": {"te am": "a"}}, "is not the key of a label"),
        ({"matchLabels": {f"k{number}": "a" for number in range(51)}}, "at most 50"),
        ({"matchExpressions": [{"key": "team", "operator": "In"}]}, "operator In needs values"),
        ({"matchExpressions": [{"key": "team", "operator": "Exists", "values": ["a"]}]}, "takes no values"),
        ({"matchExpressions": [{"key": "team", "operator": "Gt", "values": ["1"]}]}, "Input should be 'In'"),
        ({"matchlabels": {}}, "Extra inputs are not permitted"),
    ],
)
def test_a_selector_that_would_choose_nothing_by_mistake_is_refused(selector: Any, why: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        spec(namespaceSelector=selector)
    assert why in str(caught.value)
