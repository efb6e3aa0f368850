"""`apply --prune`: delete what was applied before and is declared no more.

Only what carries the mark of an apply: kubectl's annotation, or fields that this manager applied. Only VPSes
and Environments, in the namespaces that the manifests name: Nodes and Namespaces go by a person's word alone.
"""

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.api import targets
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.dry_run import Rehearsal
from kohakuriver.cli.kubectl import merge
from kohakuriver.cli.kubectl.declaring import MANAGER, Way
from kohakuriver.cli.kubectl.manifests import Manifest
from kohakuriver.resources import kinds, view
from kohakuriver.resources.kinds import ResourceType

KINDS = (kinds.VPS, kinds.ENVIRONMENT)


def prune(api: Api, declared: list[Manifest], *, selector: str | None, way: Way) -> bool:
    """Whether all went well; each is told of."""
    kept = {(one.resource, one.namespace or api.namespace, one.name) for one in declared}
    good = True
    for resource, namespace in _places(api, declared):
        params = {"labelSelector": selector} if selector else {}
        answer = api.call("GET", api.path(resource, namespace=namespace), params=params)
        for item in answer["items"]:
            name, inside = item["metadata"]["name"], item["metadata"].get("namespace") or api.namespace
            if (resource, inside, name) not in kept and was_applied(item, way.manager or MANAGER):
                good = _delete(api, resource, item, way.rehearsal) and good
    return good


def was_applied(body: Object, manager: str) -> bool:
    """Whether an apply made it. Pure."""
    found = view.Object.of(body)
    if merge.LAST_APPLIED in found.annotations:
        return True
    return any(
        one.text("operation") == "Apply" and one.text("manager") == manager
        for one in found.metadata.parts("managedFields", view.Fields)
    )


def carries(body: Object, selector: str) -> bool:
    """Whether a manifest's labels satisfy a selector of the simple kind: a=b, c!=d, e, !f. Pure."""
    labels = view.Object.of(body).labels
    for part in selector.split(","):
        key, operator, value = _parted(part.strip())
        if operator == "" and (key.removeprefix("!") in labels) is key.startswith("!"):
            return False
        if operator and (labels.get(key) == value) is (operator == "!="):
            return False
    return True


def _parted(text: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        key, found, value = text.partition(operator)
        if found:
            return key.strip(), operator, value.strip()
    return text, "", ""


def _places(api: Api, declared: list[Manifest]) -> list[tuple[ResourceType, str | None]]:
    namespaces = {one.namespace or api.namespace for one in declared if one.resource.namespaced}
    inside = sorted(namespaces) or [api.namespace]
    found: list[tuple[ResourceType, str | None]] = []
    for resource in KINDS:
        found += [(resource, name) for name in inside] if resource.namespaced else [(resource, None)]
    return found


def _delete(api: Api, resource: ResourceType, item: Object, rehearsal: Rehearsal) -> bool:
    metadata = item["metadata"]
    title = targets.title(resource, metadata["name"])
    path = api.path(resource, namespace=metadata.get("namespace"), name=metadata["name"])
    try:
        if rehearsal is not Rehearsal.CLIENT:
            body = {"preconditions": {"uid": metadata["uid"]}}
            api.call("DELETE", path, params=rehearsal.params, body=body)
    except errors.NotFound:
        return True
    except errors.ApiError as error:
        screen.fail(f"{title}: {error.message}", hint=error.hint)
        return False
    screen.out(f"{title} pruned{rehearsal.suffix}")
    screen.flush()
    return True
