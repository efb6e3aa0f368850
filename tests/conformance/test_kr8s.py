"""The Python package `kr8s`, which finds kinds by discovery and writes in its own ways."""

import warnings
from typing import Any

import pytest

from tests.conformance.kit import Json, Server

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # Python 3.14 has one for it as soon as it is imported
    import kr8s
    from kr8s.objects import new_class

pytestmark = [
    pytest.mark.etcd,
    pytest.mark.filterwarnings("ignore:Kubernetes version:UserWarning"),  # it knows of none newer than itself
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def a_vps(name: str) -> Json:
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "VPS",
        "metadata": {"name": name, "namespace": "default", "labels": {"suite": "kr8s"}},
        "spec": {"image": "kohakuriver/busybox"},
    }


def test_it_makes_finds_changes_and_deletes(server: Server) -> None:
    api = kr8s.api(kubeconfig=str(server.config()))
    vps_class: Any = new_class(kind="VPS", version="kohakuriver.io/v1alpha1", namespaced=True, plural="vpses")
    vps = vps_class(a_vps("kr8s"), api=api)
    vps.create()
    assert vps.exists()
    vps.patch({"spec": {"priority": 5}})
    assert vps.spec.priority == 5
    vps.label({"a": "b"})
    found = list(api.get("vpses.kohakuriver.io", namespace="default", label_selector={"suite": "kr8s"}))
    assert [one.name for one in found] == ["kr8s"]
    assert found[0].labels["a"] == "b"
    vps.wait("jsonpath='{.status.phase}'=pending", timeout=10)
    vps.delete()
    assert not vps.exists()


def test_it_watches_and_reads_what_there_is(server: Server) -> None:
    api = kr8s.api(kubeconfig=str(server.config()))
    assert "vpses" in [resource["name"] for resource in api.api_resources()]
    assert "v1" in list(api.api_versions())
    vps_class: Any = new_class(kind="VPS", version="kohakuriver.io/v1alpha1", namespaced=True, plural="vpses")
    vps_class(a_vps("kr8s-watched"), api=api).create()
    for event, one in api.watch("vpses.kohakuriver.io", namespace="default"):
        if one.name == "kr8s-watched":
            assert event == "ADDED"
            break
