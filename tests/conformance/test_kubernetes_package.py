"""The Python package `kubernetes`: its dynamic client, watch, typed API and leader election."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

from tests.conformance.kit import Json, Server, eventually

pytestmark = [
    pytest.mark.etcd,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the package's own
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # it leaves its pools to the end of the process
]

CANDIDATE = Path(__file__).with_name("candidate.py")
GROUP = {"group": "kohakuriver.io", "version": "v1alpha1", "namespace": "default", "plural": "vpses"}


@pytest.fixture
def api(server: Server) -> Iterator[client.ApiClient]:
    made = config.new_client_from_config(str(server.config()))
    with made:
        yield made


@pytest.fixture
def vpses(api: client.ApiClient) -> Any:
    return dynamic.DynamicClient(api).resources.get(api_version="kohakuriver.io/v1alpha1", kind="VPS")


def a_vps(name: str, **metadata: Any) -> Json:
    meta = {"name": name, "namespace": "default", **metadata}
    spec = {"image": "kohakuriver/busybox"}
    return {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "VPS", "metadata": meta, "spec": spec}


def test_the_dynamic_client_finds_makes_changes_and_deletes(vpses: Any) -> None:
    made = vpses.create(body=a_vps("py", labels={"suite": "py"}), namespace="default")
    assert made.metadata.uid and vpses.get(name="py", namespace="default").spec.image == "kohakuriver/busybox"
    changed = vpses.patch(
        body={"metadata": {"name": "py"}, "spec": {"priority": 3}},
        namespace="default",
        content_type="application/merge-patch+json",
    )
    assert (changed.spec.priority, changed.metadata.generation) == (3, 2)
    whole = changed.to_dict() | {"spec": {**changed.to_dict()["spec"], "priority": 4}}
    assert vpses.replace(body=whole, namespace="default").spec.priority == 4
    with pytest.raises(ConflictError):
        vpses.replace(body=whole, namespace="default")
    assert [one.metadata.name for one in vpses.get(namespace="default", label_selector="suite=py").items] == [
        "py"
    ]
    vpses.delete(name="py", namespace="default")
    with pytest.raises(NotFoundError):
        vpses.get(name="py", namespace="default")


def test_the_dynamic_client_applies_on_the_servers_side(vpses: Any) -> None:
    vpses.server_side_apply(body=a_vps("py-ssa"), namespace="default", field_manager="one")
    other = a_vps("py-ssa") | {"spec": {"image": "kohakuriver/debian-ssh"}}
    with pytest.raises(ConflictError) as refused:
        vpses.server_side_apply(body=other, namespace="default", field_manager="two")
    assert 'conflict with \\"one\\"' in str(refused.value.body)
    taken = vpses.server_side_apply(
        body=other, namespace="default", field_manager="two", force_conflicts=True
    )
    assert taken.spec.image == "kohakuriver/debian-ssh"
    vpses.delete(name="py-ssa", namespace="default")


def test_a_list_in_pages_shows_one_moment(api: client.ApiClient, vpses: Any) -> None:
    for number in range(5):
        vpses.create(body=a_vps(f"page-{number}", labels={"suite": "page"}), namespace="default")
    custom = client.CustomObjectsApi(api)
    first = custom.list_namespaced_custom_object(**GROUP, label_selector="suite=page", limit=2)
    vpses.delete(name="page-4", namespace="default")
    names, page = [item["metadata"]["name"] for item in first["items"]], first
    while token := page["metadata"].get("continue"):
        page = custom.list_namespaced_custom_object(
            **GROUP, label_selector="suite=page", limit=2, _continue=token
        )
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert names == [f"page-{number}" for number in range(5)], "the first page's moment holds"
    custom.delete_collection_namespaced_custom_object(**GROUP, label_selector="suite=page")
    assert not custom.list_namespaced_custom_object(**GROUP, label_selector="suite=page")["items"]


def test_a_watch_resumes_where_it_was_and_an_old_version_is_gone(api: client.ApiClient, vpses: Any) -> None:
    custom = client.CustomObjectsApi(api)
    start = custom.list_namespaced_custom_object(**GROUP)["metadata"]["resourceVersion"]
    vpses.create(body=a_vps("followed"), namespace="default")
    selected = {"field_selector": "metadata.name=followed", "timeout_seconds": 5}
    stream = watch.Watch()
    for event in stream.stream(
        custom.list_namespaced_custom_object, **GROUP, resource_version=start, **selected
    ):
        assert event["type"] == "ADDED"
        seen = event["object"]["metadata"]["resourceVersion"]
        stream.stop()
    vpses.delete(name="followed", namespace="default")
    again = watch.Watch().stream(
        custom.list_namespaced_custom_object, **GROUP, resource_version=seen, **selected
    )
    assert [event["type"] for event in again] == ["DELETED"], (
        "nothing twice, nothing missed, and an end in time"
    )
    with pytest.raises(ApiException) as gone:
        for _ in watch.Watch().stream(
            custom.list_namespaced_custom_object, **GROUP, resource_version="1", timeout_seconds=2
        ):
            pass
    assert gone.value.status == 410


@contextlib.contextmanager
def a_candidate(server: Server, name: str) -> Iterator[subprocess.Popen[str]]:
    """A program that wants to lead, killed in the end and after a minute."""
    command = [sys.executable, "-W", "ignore", str(CANDIDATE), name]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=server.environment()
    )
    give_up = threading.Timer(60, process.kill)
    give_up.start()
    try:
        yield process
    finally:
        give_up.cancel()
        process.kill()
        process.communicate()


def leads(candidate: subprocess.Popen[str]) -> bool:
    """Waits until it says so, or ends."""
    assert candidate.stdout is not None
    return candidate.stdout.readline() == "leading\n"


def test_one_candidate_leads_at_a_time_and_the_other_takes_over(
    server: Server, api: client.ApiClient
) -> None:
    def lease() -> Any:
        return client.CoordinationV1Api(api).read_namespaced_lease("elected", "default").spec

    with a_candidate(server, "first") as first:
        assert leads(first)
        with a_candidate(server, "second") as second:
            taken = lease()
            eventually(lambda: lease().renew_time > taken.renew_time)
            assert (lease().holder_identity, second.poll()) == ("first", None), "two led at once"
            first.kill()
            assert leads(second)
            assert lease().holder_identity == "second"


def test_the_typed_clients_read_namespaces_and_say_who_they_are(api: client.ApiClient) -> None:
    core = client.CoreV1Api(api)
    assert "default" in [one.metadata.name for one in core.list_namespace().items]
    review = client.AuthorizationV1Api(api).create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(
                    verb="create", group="kohakuriver.io", resource="vpses", namespace="default"
                )
            )
        )
    )
    assert review.status.allowed
    who = client.AuthenticationV1Api(api).create_self_subject_review(client.V1SelfSubjectReview())
    assert who.status.user_info.username == "admin"
    assert client.VersionApi(api).get_code().major == "1"
