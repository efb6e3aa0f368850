"""A patch and an object -> the object it makes. Asked again for each fresh copy.

Pure: the object handed in is never changed. Knows the media types of patches and nothing of stores or kinds,
but that only Kubernetes' own kinds take strategic merge patches, which is how stock API servers treat
custom resources.
"""

import copy
from typing import Any

import jsonpatch
import jsonpointer
import orjson

from kohakuriver import errors
from kohakuriver.apiserver.objects.extent import DEEPEST, excess
from kohakuriver.resources.kinds import GROUP, ResourceType, view_of

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
MAX_OPERATIONS = 10_000  # in one JSON patch, as in Kubernetes
MOST_COPIED = 3 * 1024 * 1024  # bytes by all `copy` of one patch: each may double what is there

# What the library raises for a step that the object has no place for.
_UNFIT = (
    jsonpatch.JsonPatchConflict,
    jsonpointer.JsonPointerException,
    TypeError,
    KeyError,
    IndexError,
)


def accepted(resource: ResourceType) -> list[str]:
    """The media types of the patches that a kind takes; kubectl chooses by what the schema says of them."""
    if view_of(resource) is not None:
        return [JSON_PATCH, MERGE, STRATEGIC]
    plain = [JSON_PATCH, MERGE, APPLY]
    return plain if resource.group == GROUP else [*plain, STRATEGIC]


def check_type(content_type: str, resource: ResourceType) -> None:
    """Raise UnsupportedMediaType for what this kind cannot be patched with."""
    if content_type in accepted(resource):
        return
    raise errors.UnsupportedMediaType(
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted(resource)),
        hint="with kubectl patch, say --type=merge" if content_type == STRATEGIC else "",
    )


def apply(obj: Json, *, content_type: str, patch: Any) -> Json:
    """The object that the patch makes of this one. Raises BadRequest, or Invalid for a failed `test`."""
    if content_type == JSON_PATCH:
        return _json_patch(obj, patch)
    if not isinstance(patch, dict):
        raise errors.BadRequest("a merge patch is a JSON object", hint='write one such as {"spec": {…}}')
    return _patched(strategic_merge(obj, patch) if content_type == STRATEGIC else merge(obj, patch))


def names(patch: Any, pointer: str) -> bool:
    """Whether a patch of any type speaks of the field at a JSON pointer below metadata."""
    if isinstance(patch, list):
        return any(isinstance(step, dict) and step.get("path") == pointer for step in patch)
    metadata = patch.get("metadata") if isinstance(patch, dict) else None
    return isinstance(metadata, dict) and pointer.rpartition("/")[2] in metadata


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, an object merges, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for field, value in patch.items():
        if value is None:
            result.pop(field, None)
        else:
            result[field] = merge(result.get(field), value)
    return result


def strategic_merge(obj: Json, patch: Json) -> Json:
    """Kubernetes' strategic merge, as far as its kinds need it here: finalizers join, other lists replace.

    `$setElementOrder` only orders what joins and may be left out; other directives change the meaning, and
    are refused.
    """
    plain = _without_order(patch)
    added = (plain.get("metadata") or {}).get("finalizers")
    if isinstance(added, list):
        present = obj["metadata"].get("finalizers") or []
        joined = [*present, *(name for name in added if name not in present)]
        plain = {**plain, "metadata": {**plain["metadata"], "finalizers": joined}}
    merged: Json = merge(obj, plain)
    return merged


def _without_order(patch: Any) -> Any:
    if isinstance(patch, list):
        return [_without_order(element) for element in patch]
    if not isinstance(patch, dict):
        return patch
    kept = {
        field: _without_order(value)
        for field, value in patch.items()
        if not field.startswith("$setElementOrder/")
    }
    for field in kept:
        if field.startswith("$"):
            raise errors.BadRequest(
                f'strategic merge patch directive "{field}" is not served by this API server',
                hint=f"send the whole list or object as {MERGE}",
            )
    return kept


def _json_patch(obj: Json, patch: Any) -> Json:
    """RFC 6902: all steps or none."""
    if not isinstance(patch, list):
        raise errors.BadRequest("a JSON patch is a list of operations", hint='write [{"op": …, "path": …}]')
    if len(patch) > MAX_OPERATIONS:
        raise errors.TooLarge(f"a JSON patch of {len(patch)} operations: at most {MAX_OPERATIONS} are taken")
    try:
        jsonpatch.JsonPatch(patch)  # all of it is looked at before the first step is done
    except (jsonpatch.InvalidJsonPatch, jsonpointer.JsonPointerException, TypeError, KeyError) as error:
        raise errors.BadRequest(f"not a JSON patch: {_short(error)}", hint="see RFC 6902") from error
    return _patched(_stepped(copy.deepcopy(obj), copy.deepcopy(patch)))


def _stepped(made: Any, patch: list[Any]) -> Any:
    """Step after step, so that what is copied can be counted before it is. Changes what it is given.

    What is refused is told in words of the patch: the library would put what the object holds into its own.
    """
    copied = 0
    for step in patch:
        for pointer in (step["path"], step.get("from", "")):
            if isinstance(pointer, str) and pointer.count("/") > DEEPEST:  # `add` takes any `from`, unread
                raise errors.Invalid(f"the patch names a place more than {DEEPEST} levels deep")
        try:
            if step["op"] == "copy":
                copied += len(orjson.dumps(jsonpointer.resolve_pointer(made, step["from"])))
                if copied > MOST_COPIED:
                    raise errors.TooLarge(
                        f"the patch copies more than {MOST_COPIED} bytes within the object",
                        hint="send the object as it shall be",
                    )
            made = jsonpatch.JsonPatch([step]).apply(made, in_place=True)
        except jsonpatch.JsonPatchTestFailed:
            raise errors.Invalid(
                f"the server rejected the patch: a test failed at {_short(step['path'])!r}",
                hint="the object is not as the patch takes it to be: read it again",
            ) from None
        except jsonpatch.InvalidJsonPatch as error:  # a member is missing
            raise errors.BadRequest(f"not a JSON patch: {_short(error)}", hint="see RFC 6902") from None
        except orjson.JSONEncodeError:
            raise errors.Invalid(f"the patch copies what is more than {DEEPEST} levels deep") from None
        except _UNFIT:
            what = f"{step['op']} at {_short(step['path'])!r}"
            raise errors.Invalid(
                f"the server rejected the patch: {what} does not fit the object",
                hint="the patch names a place that the object does not have: read it again",
            ) from None
    return made


def _short(error: Exception | str) -> str:
    """The library puts whole operations into its sentences."""
    text = str(error)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _patched(result: Any) -> Json:
    """A patch may make anything of an object; only something with metadata can go on."""
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise errors.Invalid("the patch leaves no object with metadata", hint="patch fields below the object")
    too_much = excess({**result, "metadata": {**result["metadata"], "managedFields": None}})
    if too_much:
        raise errors.Invalid(f"the patch leaves an object with {too_much}", hint="patch less into it")
    return result
