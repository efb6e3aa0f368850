"""What the server says of itself: discovery in both forms, version, schemas."""

import json

import pytest

from kohakuriver.apiserver.auth import reviews
from kohakuriver.apiserver.serving import discovery, openapi, swagger
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


def test_every_kind_is_found_in_both_forms_of_discovery():
    everything = discovery.aggregated(["", *discovery.groups()])
    aggregated = {
        (group["metadata"]["name"], version["version"], resource["resource"])
        for group in everything["items"]
        for version in group["versions"]
        for resource in version["resources"]
    }
    served = (*kinds.SERVED, *reviews.KINDS, discovery.DEFINITION)
    expected = {(resource.group, resource.version, resource.plural) for resource in served}
    assert aggregated == expected
    for resource in served:
        listed = discovery.resource_list(resource.group, resource.version)["resources"]
        assert resource.plural in {entry["name"] for entry in listed}


def test_a_kind_written_by_the_server_alone_offers_reads_alone():
    assert discovery.verbs(kinds.NODE_ALLOCATION) == ("get", "list", "watch")


def test_named_transactions_are_listed_as_parts_that_are_created():
    listed = {
        entry["name"]: entry for entry in discovery.resource_list("kohakuriver.io", "v1alpha1")["resources"]
    }
    assert listed["vpses/bind"]["verbs"] == ("create",)
    assert listed["vpses/status"]["verbs"] == ("get", "patch", "update")


async def test_discovery_is_aggregated_where_that_is_asked_for_first():
    async with running_api() as api:
        for path in ("/api", "/apis"):
            reply = await api.get(path, headers={"Accept": AGGREGATED})
            assert reply.headers["Content-Type"] == discovery.AGGREGATED
            assert reply.body["kind"] == "APIGroupDiscoveryList"
        assert (await api.get("/api")).body["kind"] == "APIVersions"
        assert (await api.get("/apis")).body["kind"] == "APIGroupList"
        assert (await api.get("/apis/kohakuriver.io")).body["preferredVersion"]["version"] == "v1alpha1"
        assert (await api.get("/apis/nothing.io")).code == 404
        assert (await api.get("/apis/kohakuriver.io/v9")).code == 404


async def test_the_version_is_one_that_kubectl_parses():
    async with running_api() as api:
        version = (await api.get("/version")).body
        assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


@pytest.mark.parametrize("resource", kinds.SERVED, ids=lambda resource: resource.path())
def test_the_schema_of_every_kind_refers_to_nothing_that_is_missing(resource):
    document = openapi.document_v3(resource.group, resource.version)
    schemas = document["components"]["schemas"]
    missing = [ref for ref in references(document) if ref.removeprefix(openapi.V3_PREFIX) not in schemas]
    assert missing == []
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    assert any(kind in schema.get("x-kubernetes-group-version-kind", []) for schema in schemas.values())


def test_the_older_document_refers_to_nothing_that_is_missing():
    document = openapi.document_v2()
    for reference in references(document):
        assert reference.removeprefix(openapi.V2_PREFIX) in document["definitions"]


@pytest.mark.parametrize("resource", kinds.SERVED, ids=lambda resource: resource.path())
def test_no_schema_says_with_a_boolean_what_else_an_object_may_have(resource):
    for document in (openapi.document_v3(resource.group, resource.version), openapi.document_v2()):
        assert [one for one in values(document, "additionalProperties") if isinstance(one, bool)] == []


def test_the_older_document_gives_every_field_of_an_object_a_type_or_a_reference():
    spec = openapi.document_v2()["definitions"]["io.kohakuriver.v1alpha1.VPSSpec"]["properties"]
    for field in ("resources", "placement", "ssh"):
        assert spec[field]["$ref"].startswith(openapi.V2_PREFIX) and "allOf" not in spec[field]


def test_operations_have_kubernetes_names_and_answers():
    path = kinds.VPS.path(namespace="{namespace}")
    for document in (openapi.document_v3("kohakuriver.io", "v1alpha1"), openapi.document_v2()):
        items = document["paths"]
        named = {method: items[path][method]["operationId"] for method in ("get", "post", "delete")}
        assert named == {
            "get": "listKohakuriverIoV1alpha1NamespacedVPS",
            "post": "createKohakuriverIoV1alpha1NamespacedVPS",
            "delete": "deleteKohakuriverIoV1alpha1CollectionNamespacedVPS",
        }
        one = items[path + "/{name}"]
        assert [one[method]["operationId"][:4] for method in ("get", "put", "patch")] == [
            "read",
            "repl",
            "patc",
        ]
        everywhere = items[kinds.VPS.path()]["get"]["operationId"]
        assert everywhere == "listKohakuriverIoV1alpha1VPSForAllNamespaces"
        assert set(items[path]["post"]["responses"]) == {"200", "201", "401"}
        assert set(items[path]["get"]["responses"]) == {"200", "401"}
        ids = [operation["operationId"] for item in items.values() for operation in item.values()]
        assert len(ids) == len(set(ids))


async def test_definitions_of_kinds_are_discovered_and_there_are_none():
    async with running_api() as api:
        assert "apiextensions.k8s.io" in [group["name"] for group in (await api.get("/apis")).body["groups"]]
        (entry,) = (await api.get("/apis/apiextensions.k8s.io/v1")).body["resources"]
        assert (entry["name"], entry["verbs"]) == ("customresourcedefinitions", ["list", "watch"])
        listed = (await api.get(DEFINITIONS)).body
        assert listed["items"] == []
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another"}}
        assert (await api.call("POST", "/api/v1/namespaces", json=made)).code == 201
        version = {"resourceVersion": listed["metadata"]["resourceVersion"], "timeoutSeconds": "1"}
        async with api.session.get(
            api.url + DEFINITIONS, params={"watch": "true", **version}, headers=api.headers("admin")
        ) as watch:
            assert (watch.status, await watch.read()) == (200, b"")  # kopf ends on anything but events
        asks = {"watch": "true", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        async with api.session.get(
            api.url + DEFINITIONS,
            params={**asks, "allowWatchBookmarks": "true", "timeoutSeconds": "1"},
            headers=api.headers("admin"),
        ) as watch:
            (bookmark,) = [json.loads(line) for line in (await watch.text()).splitlines()]
        assert (bookmark["type"], bookmark["object"]["kind"]) == ("BOOKMARK", "CustomResourceDefinition")


def values(node: object, name: str) -> list[object]:
    """What every field of that name holds, properties that happen to be called so left aside."""
    if isinstance(node, dict):
        own = [node[name]] if name in node else []
        return own + [found for value in node.values() for found in values(value, name)]
    if isinstance(node, list):
        return [found for value in node for found in values(value, name)]
    return []


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def test_a_schema_holds_descriptions_enumerations_and_merge_keys_and_no_null():
    schemas = openapi.document_v3("kohakuriver.io", "v1alpha1")["components"]["schemas"]
    spec = schemas["io.kohakuriver.v1alpha1.VPSSpec"]["properties"]
    assert spec["runState"]["enum"] == ["Running", "Paused", "Stopped"]
    assert spec["image"]["description"].startswith("The container image")
    conditions = schemas["io.kohakuriver.v1alpha1.VPSStatus"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert "null" not in str(schemas)
    assert "anyOf" not in str(schemas)


def test_writes_say_that_the_server_validates_fields():
    paths = openapi.document_v3("kohakuriver.io", "v1alpha1")["paths"]
    patch = paths["/apis/kohakuriver.io/v1alpha1/namespaces/{namespace}/vpses/{name}"]["patch"]
    assert {"fieldValidation", "dryRun"} <= {parameter["name"] for parameter in patch["parameters"]}
    assert "application/strategic-merge-patch+json" not in patch["requestBody"]["content"]


async def test_schemas_are_served():
    async with running_api() as api:
        index = (await api.get("/openapi/v3")).body["paths"]
        for entry in index.values():
            assert (await api.get(entry["serverRelativeURL"])).body["openapi"] == "3.0.0"
        assert (await api.get("/openapi/v2")).body["swagger"] == "2.0"
        assert (await api.get("/openapi/v2", headers={"Accept": "text/html"})).code == 406


def test_every_field_of_every_kind_is_described():
    definitions = openapi.document_v2()["definitions"]
    silent = [
        f"{name}.{field}"
        for name, schema in definitions.items()
        if not name.endswith("List")
        for field, value in schema.get("properties", {}).items()
        if "description" not in value and "$ref" not in value  # what it refers to says the same
    ]
    assert silent == []


def test_lists_of_several_owners_say_how_they_merge():
    schema = openapi.document_v3("kohakuriver.io", "v1alpha1")["components"]["schemas"]
    spec = schema["io.kohakuriver.v1alpha1.VPSSpec"]["properties"]
    assert spec["volumes"]["x-kubernetes-list-type"] == "map"
    assert spec["volumes"]["x-kubernetes-list-map-keys"] == ["name"]
    assert spec["mounts"]["x-kubernetes-list-map-keys"] == ["target"]
    keys = schema["io.kohakuriver.v1alpha1.SSH"]["properties"]["authorizedKeys"]
    assert keys["x-kubernetes-list-type"] == "set"


ENTRIES = {
    "pods/attach": ("PodAttachOptions", ("create", "get")),
    "pods/exec": ("PodExecOptions", ("create", "get")),
    "pods/log": ("Pod", ("get",)),
    "pods/portforward": ("PodPortForwardOptions", ("create", "get")),
}


def test_the_ways_into_a_pod_are_found_in_both_forms_of_discovery_as_kubernetes_has_them():
    listed = {entry["name"]: entry for entry in discovery.resource_list("", "v1")["resources"]}
    assert {
        name: (entry["kind"], entry["verbs"]) for name, entry in listed.items() if name.startswith("pods/")
    } == ENTRIES
    (core,) = discovery.aggregated([""])["items"]
    (pods,) = [entry for entry in core["versions"][0]["resources"] if entry["resource"] == "pods"]
    assert {
        f"pods/{entry['subresource']}": (entry["responseKind"]["kind"], entry["verbs"])
        for entry in pods["subresources"]
    } == ENTRIES


def test_the_ways_into_a_pod_have_kubernetes_names_in_the_schemas():
    pod = kinds.POD.path(namespace="{namespace}", name="{name}")
    for document in (openapi.document_v3("", "v1"), openapi.document_v2()):
        paths = document["paths"]
        named = {
            (part, method): operation["operationId"]
            for part in ("attach", "exec", "log", "portforward")
            for method, operation in paths[f"{pod}/{part}"].items()
        }
        assert named == {
            ("attach", "get"): "connectCoreV1GetNamespacedPodAttach",
            ("attach", "post"): "connectCoreV1PostNamespacedPodAttach",
            ("exec", "get"): "connectCoreV1GetNamespacedPodExec",
            ("exec", "post"): "connectCoreV1PostNamespacedPodExec",
            ("log", "get"): "readCoreV1NamespacedPodLog",
            ("portforward", "get"): "connectCoreV1GetNamespacedPodPortforward",
            ("portforward", "post"): "connectCoreV1PostNamespacedPodPortforward",
        }
        taken = {one["name"] for one in paths[f"{pod}/exec"]["get"]["parameters"]}
        assert taken == {"command", "container", "stdin", "stdout", "stderr", "tty", "namespace", "name"}
    assert b"connectCoreV1GetNamespacedPodExec" in swagger.document()
