"""What is served: groups, versions, kinds and verbs, in both forms of discovery there are. Pure.

The aggregated form (one answer for all groups) is what kubectl asks for first; the older one is a
document per group and version.
"""

from collections.abc import Sequence
from typing import Any

import kohakuriver
from kohakuriver.apiserver.auth import reviews
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

Json = dict[str, Any]

READ_VERBS = ("get", "list", "watch")
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

# Where clients look for kinds that they find nowhere else: an empty list, and a watch that tells of nothing.
DEFINITION = ResourceType(
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    singular="customresourcedefinition",
    group="apiextensions.k8s.io",
    version="v1",
    short_names=("crd", "crds"),
    namespaced=False,
)

# The release whose conventions are kept and whose kubectl the tests run; clients warn when theirs differs.
KUBERNETES = (1, 37)


def version() -> Json:
    """`/version`, as `kubectl version` reads it."""
    major, minor = KUBERNETES
    return {
        "major": str(major),
        "minor": str(minor),
        "gitVersion": f"v{major}.{minor}.0+kohakuriver-{kohakuriver.__version__}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }


def wants_aggregated(accept: str) -> bool:
    """Whether the first JSON form asked for is the aggregated one, in the version served."""
    for choice in accept.split(","):
        media, *parameters = [part.strip() for part in choice.split(";")]
        if media != "application/json":
            continue
        if not parameters:
            return False
        if {"g=apidiscovery.k8s.io", "v=v2", "as=APIGroupDiscoveryList"} <= set(parameters):
            return True
    return False


def groups() -> dict[str, list[str]]:
    """The named groups and their versions."""
    found: dict[str, list[str]] = {}
    for resource in (*kinds.SERVED, *reviews.KINDS, DEFINITION):
        if resource.group and resource.version not in found.setdefault(resource.group, []):
            found[resource.group].append(resource.version)
    return found


def resources_of(group: str, version_: str) -> list[ResourceType]:
    """The kinds of one group and version."""
    return [resource for resource in kinds.SERVED if (resource.group, resource.version) == (group, version_)]


def served_in(group: str, version_: str) -> list[ResourceType]:
    """The kinds of one group and version with those that are asked for and never stored."""
    asked = [one for one in (*reviews.KINDS, DEFINITION) if (one.group, one.version) == (group, version_)]
    return [*resources_of(group, version_), *asked]


def core_versions(address: str) -> Json:
    """`/api`."""
    return {
        "kind": "APIVersions",
        "versions": sorted({resource.version for resource in kinds.SERVED if not resource.group}),
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list() -> Json:
    """`/apis`."""
    listed = [_group(group, versions) for group, versions in groups().items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group_document(group: str) -> Json:
    """`/apis/GROUP`."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, groups()[group])}


def resource_list(group: str, version_: str) -> Json:
    """`/apis/GROUP/VERSION`, `/api/v1`."""
    listed = [entry for resource in served_in(group, version_) for entry in _legacy(resource)]
    group_version = f"{group}/{version_}" if group else version_
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed}


def aggregated(named: Sequence[str]) -> Json:
    """All groups named, with their kinds, in one document."""
    by_group = {"": ["v1"], **groups()}
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [_aggregated_group(group, by_group[group]) for group in named],
    }


def verbs(resource: ResourceType) -> tuple[str, ...]:
    """What can be done with a kind."""
    if resource in reviews.KINDS:
        return ("create",)
    if resource == DEFINITION:
        return ("list", "watch")
    view = kinds.view_of(resource)
    if view is not None:
        return view.verbs
    return READ_VERBS if resource.read_only else ALL_VERBS


def parts(resource: ResourceType) -> list[kinds.Entry]:
    """Subresources, named transactions and streams, with their verbs and the kinds that they take."""
    view = kinds.view_of(resource)
    subresources = [(part, ("get", "patch", "update")) for part in resource.subresources]
    posted = [(part, ("create",)) for part in (*resource.actions, *resource.streams)]
    own = [kinds.Entry(part, "", verbs_, resource.kind) for part, verbs_ in (*subresources, *posted)]
    return [*own, *(view.entries if view is not None else ())]


def _group(group: str, versions: Sequence[str]) -> Json:
    listed = [{"groupVersion": f"{group}/{version_}", "version": version_} for version_ in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _legacy(resource: ResourceType) -> list[Json]:
    whole: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs(resource),
    }
    if resource.short_names:
        whole["shortNames"] = resource.short_names
    if resource.categories:
        whole["categories"] = resource.categories
    inner = [
        {
            "name": f"{resource.plural}/{part.part}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": part.kind,
            "verbs": part.verbs,
        }
        for part in parts(resource)
    ]
    return [whole, *inner]


def _aggregated_group(group: str, versions: Sequence[str]) -> Json:
    listed = [
        {
            "version": version_,
            "freshness": "Current",
            "resources": [_aggregated_resource(resource) for resource in served_in(group, version_)],
        }
        for version_ in versions
    ]
    return {"metadata": {"name": group, "creationTimestamp": None}, "versions": listed}


def _aggregated_resource(resource: ResourceType) -> Json:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    entry: Json = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": verbs(resource),
    }
    if resource.short_names:
        entry["shortNames"] = resource.short_names
    if resource.categories:
        entry["categories"] = resource.categories
    inner = [
        {"subresource": part.part, "responseKind": {**kind, "kind": part.kind}, "verbs": part.verbs}
        for part in parts(resource)
    ]
    return {**entry, "subresources": inner} if inner else entry
