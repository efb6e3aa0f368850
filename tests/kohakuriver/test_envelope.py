"""What an answer needs around what it says, and the sentence where that is missing."""

from typing import Any

import pytest

from kohakuriver.client import envelope
from kohakuriver.resources import kinds

Json = dict[str, Any]
META = {"name": "dev", "namespace": "default", "uid": "u1", "resourceVersion": "7"}
VPS = {"apiVersion": kinds.VPS.api_version, "kind": "VPS", "metadata": META, "spec": 7}
ITEM = {"metadata": META}
LIST = {"apiVersion": kinds.VPS.api_version, "kind": "VPSList", "metadata": {"resourceVersion": "7"}}
COLUMN = {"name": "Name", "type": "string", "format": "name", "priority": 0}
TABLE = {"kind": "Table", "columnDefinitions": [COLUMN], "rows": [{"cells": [1], "object": ITEM}]}
RESOURCE = {"name": "vpses", "kind": "VPS", "namespaced": True, "verbs": ["get"]}
RESOURCES = {"kind": "APIResourceList", "groupVersion": "v1", "resources": [RESOURCE]}
GROUP = {"name": "g", "preferredVersion": {"groupVersion": "g/v1"}}
MEASURED = {"apiVersion": "metrics.k8s.io/v1", "kind": "PodMetrics", "metadata": {"name": "dev"}}


def without(whole: Json, field: str) -> Json:
    return {name: value for name, value in whole.items() if name != field}


@pytest.mark.parametrize(
    "answer",
    [
        VPS,
        {**LIST, "items": [ITEM]},
        {**LIST, "items": []},
        TABLE,
        {"kind": "Table"},
        {"kind": "Table", "rows": [{"cells": [1, 2]}]},
        RESOURCES,
        {"kind": "APIVersions", "versions": ["v1"]},
        {"kind": "APIGroupList", "groups": [GROUP]},
        MEASURED,
        {"apiVersion": "metrics.k8s.io/v1", "kind": "PodMetricsList", "metadata": {}, "items": [MEASURED]},
        {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        {"kind": "Status", "status": "Success"},
    ],
)
def test_what_the_api_answers_is_whole(answer: Json) -> None:
    assert envelope.wrong_with(answer) == ""


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"kind": 7}, "its kind or its apiVersion is not a text"),
        (without(VPS, "metadata"), "it has no metadata"),
        ({**VPS, "metadata": without(META, "name")}, "it has no name"),
        ({**VPS, "metadata": without(META, "uid")}, "it has no uid"),
        ({**VPS, "metadata": without(META, "namespace")}, "it has no namespace"),
        ({**VPS, "metadata": {**META, "name": ["dev"]}}, "metadata.name of it is not a text"),
        ({**VPS, "metadata": {**META, "uid": "\ud800"}}, "metadata.uid of it is not a text"),
        ({**VPS, "metadata": {**META, "labels": {"a": 1}}}, "metadata.labels of it are not texts"),
        ({**LIST, "items": None}, "its items are not a list"),
        ({**LIST, "items": [ITEM, {}]}, "items[1] has no metadata"),
        ({**LIST, "metadata": {}, "items": []}, "it has no resourceVersion"),
        ({**TABLE, "rows": [{"cells": []}]}, "rows[0] has not a cell for each column"),
        ({**TABLE, "rows": [7]}, "rows[0] has not a cell for each column"),
        ({**TABLE, "columnDefinitions": [{}]}, "columnDefinitions[0] has no name"),
        (
            {**TABLE, "columnDefinitions": [{**COLUMN, "priority": "x"}]},
            "a format or a priority that is none",
        ),
        ({**TABLE, "rows": [{"cells": [1], "object": {}}]}, "the object of rows[0] has no metadata"),
        ({**RESOURCES, "resources": 7}, "its resources are not a list"),
        ({**RESOURCES, "resources": [{**RESOURCE, "verbs": [1]}]}, "the verbs of resources[0] are not texts"),
        ({**RESOURCES, "resources": [without(RESOURCE, "namespaced")]}, "whether it has namespaces"),
        ({"kind": "APIVersions", "versions": [1]}, "its versions are not texts"),
        ({"kind": "APIGroupList", "groups": [{"name": "g"}]}, "version of groups[0] has no groupVersion"),
    ],
)
def test_what_is_missing_is_said(answer: Json, says: str) -> None:
    assert says in envelope.wrong_with(answer)


def test_a_write_that_is_rehearsed_gives_no_revision() -> None:
    rehearsed = {**VPS, "metadata": without(META, "resourceVersion")}
    assert envelope.wrong_with(rehearsed, is_stored=False) == ""
    assert envelope.wrong_with(rehearsed) == "it has no resourceVersion"
    assert envelope.wrong_with({**VPS, "metadata": {}}, is_stored=False) == "it has no name"


def test_a_bookmark_says_a_revision_alone() -> None:
    assert envelope.wrong_with_bookmark({"kind": "VPS", "metadata": {"resourceVersion": "7"}}) == ""
    assert (
        envelope.wrong_with_bookmark({"kind": "VPS", "metadata": {}}) == "a bookmark has no resourceVersion"
    )
