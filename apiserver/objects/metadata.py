"""The metadata of an object: what the server fills in at create, what it keeps at every later write.

Called by every write around validation, for every kind alike. Pure but for the random parts of a new object
(uid, generated name).
"""

import re
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.objects import objects
from kohakuriver.resources import kinds, meta

Json = dict[str, Any]

CREATE_ID = "kohakuriver.io/create-id"
FINALIZER = "kohakuriver.io/container"
FILES_FINALIZER = "kohakuriver.io/files"  # of a Snapshot, until its node has removed them

_GENERATED = "bcdfghjklmnpqrstvwxz2456789"  # as Kubernetes: nothing that reads as a word or as another letter
_GENERATED_LENGTH = 5
_LONGEST_NAME: Mapping[kinds.ResourceType, int] = {kinds.VPS: 50, kinds.NAMESPACE: 63}  # these are DNS labels
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LETTERS = "letters, digits, '-', '_' and '.'"
_MOST_ANNOTATIONS = 256 * 1024  # characters

# Kept from what is stored, whatever a write says.
_SERVERS_OWN = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


def agree(resource: kinds.ResourceType, body: Any, *, namespace: str | None, name: str | None) -> Json:
    """The body, if its kind, namespace and name are those of the URL. Raises BadRequest."""
    if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
        raise errors.BadRequest("the body is not an object with metadata", hint="send one object as JSON")
    agreed: Json = body
    for field, wanted in (("kind", resource.kind), ("apiVersion", resource.api_version)):
        given = body.get(field)
        if not given and resource.group != kinds.GROUP:
            agreed = {**agreed, field: wanted}  # typed clients of Kubernetes' own kinds leave it out
        elif not given:
            raise errors.BadRequest(f"Object '{field[0].upper()}{field[1:]}' is missing: expected {wanted}")
        elif given != wanted:
            raise errors.BadRequest(
                f"the {field} in the data ({given}) does not match the expected {field} ({wanted})"
            )
    metadata = body.get("metadata", {})
    if (metadata.get("namespace") or namespace) != namespace:
        raise errors.BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request",
            hint=f"it says {metadata['namespace']}, the request {namespace or 'none'}",
        )
    if name is not None and (metadata.get("name") or name) != name:
        raise errors.BadRequest(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
        )
    return agreed


def new(resource: kinds.ResourceType, metadata: Json, *, namespace: str | None, now: str) -> Json:
    """The metadata of an object about to be created. Raises Invalid for a name that cannot be."""
    name = metadata.get("name") or _generate(resource, metadata.get("generateName"))
    made: Json = {"name": name}
    if namespace:
        made["namespace"] = namespace
    made |= {"uid": str(uuid.uuid4()), "creationTimestamp": now}
    if resource.group == kinds.GROUP:
        made["generation"] = 1
    return {**made, **_clients_own(metadata, made)}


def kept(old: Json, metadata: Json) -> Json:
    """The metadata of an update: the client's, under what the server keeps."""
    fixed = {field: old[field] for field in ("name", "namespace", *_SERVERS_OWN) if field in old}
    return {**fixed, **_clients_own(metadata, fixed)}


def check(resource: kinds.ResourceType, metadata: Json) -> None:
    """Names and labels as Kubernetes wants them. Raises Invalid."""
    name = metadata.get("name") or ""
    causes = [*_name_causes(resource, name), *_label_causes(metadata)]
    if causes:
        raise objects.invalid(resource, name, *causes)


def check_update(resource: kinds.ResourceType, old: Json, metadata: Json) -> None:
    """What may not change any more. Raises Conflict for another uid, Invalid for new finalizers."""
    name = old["name"]
    if metadata.get("uid", old["uid"]) != old["uid"]:
        raise objects.conflict(
            resource,
            name,
            f"the UID in the request ({metadata['uid']}) is not that of the stored object ({old['uid']})",
            hint="another object of that name has taken its place: read it again",
        )
    added = set(metadata.get("finalizers") or ()) - set(old.get("finalizers") or ())
    if old.get("deletionTimestamp") and added:
        words = f"no new finalizers can be added if the object is being deleted, found {sorted(added)}"
        raise objects.invalid(resource, name, objects.forbidden_value("metadata.finalizers", words))


def check_version(resource: kinds.ResourceType, old: Json, version: Any) -> None:
    """Raise Conflict unless the write is meant for the stored version."""
    if version != old["resourceVersion"]:
        raise objects.conflict(
            resource,
            old["name"],
            "the object has been modified; please apply your changes to the latest version and try again",
            hint="read it again, make the change in what you read, and send that",
        )


def _clients_own(metadata: Json, fixed: Json) -> Json:
    """What a client may say of metadata. Empty maps and lists say nothing."""
    dropped = {*_SERVERS_OWN, "resourceVersion", "managedFields", "selfLink"}
    return {
        field: value
        for field, value in metadata.items()
        if field not in dropped and field not in fixed and value not in ({}, [], None)
    }


def _generate(resource: kinds.ResourceType, prefix: str | None) -> str:
    if not prefix:
        cause = errors.Cause(
            "metadata.name", "Required value: name or generateName is required", "FieldValueRequired"
        )
        raise objects.invalid(resource, "", cause)
    room = _LONGEST_NAME.get(resource, 63) - _GENERATED_LENGTH
    return prefix[:room] + "".join(secrets.choice(_GENERATED) for _ in range(_GENERATED_LENGTH))


def _name_causes(resource: kinds.ResourceType, name: str) -> list[errors.Cause]:
    longest = _LONGEST_NAME.get(resource)
    pattern = meta.SUBDOMAIN_PATTERN if longest is None else meta.NAME_PATTERN
    if re.fullmatch(pattern, name) and len(name) <= (longest or 253):
        return []
    dots = ", '.'" if longest is None else ""
    words = (
        f"Invalid value: \"{name}\": a name holds lower case letters, digits, '-'{dots}, starts and ends "
        f"with a letter or digit, and has at most {longest or 253} characters"
    )
    return [errors.Cause("metadata.name", words)]


def _label_causes(metadata: Json) -> list[errors.Cause]:
    causes = []
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            prefix, _, name = key.rpartition("/")
            if not _KEY.fullmatch(key) or len(name) > 63 or len(prefix) > 253:
                words = f'Invalid value: "{key}": a key has at most 63 {_LETTERS}'
                causes.append(errors.Cause(f"metadata.{field}", f"{words}, behind a DNS prefix and / if any"))
            elif field == "labels" and not (_LABEL.fullmatch(value) and len(value) <= 63):
                words = f'Invalid value: "{value}": a label value has at most 63 {_LETTERS}'
                causes.append(errors.Cause(f"metadata.labels[{key}]", words))
    size = sum(len(key) + len(value) for key, value in (metadata.get("annotations") or {}).items())
    if size > _MOST_ANNOTATIONS:
        words = f"Too long: {size} characters of annotations; at most {_MOST_ANNOTATIONS} are kept"
        causes.append(errors.Cause("metadata.annotations", words, "FieldValueTooLong"))
    return causes
