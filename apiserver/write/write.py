"""PUT and PATCH: what a client wants of the object that is there.

    body ── metadata, validation (is it an object of its kind) ── admission, owners (may it be so, and theirs)
         ── grants (what is booked with it) ── phase (where a VPS then stands) ── one transaction

So every write goes. It prepares the new object from what it read, and commits on condition that nothing of
that has changed; after a conflict it prepares anew from what is there, unless the client tied the write to
one resourceVersion. Knows no HTTP; what it raises is `kohakuriver.errors`, and the store's own errors.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.write import apply, change, tracking
from kohakuriver.apiserver.write import patch as patches
from kohakuriver.apiserver.write.change import Wanted

Json = dict[str, Any]


async def update(server: Backing, call: Call, body: Any) -> Written:
    """Replace an object, or its status, by the version that the client made from what it had read."""
    call.check_writable()
    fields = body.get("metadata") if isinstance(body, dict) else None
    if isinstance(fields, dict) and not fields.get("resourceVersion"):
        cause = errors.Cause(
            "metadata.resourceVersion",
            'Invalid value: "": must be specified for an update: read the object, and send what it has',
        )
        raise objects.invalid(call.resource, call.name, cause)
    wanted = Wanted(body, whole=True, names_uid=isinstance(fields, dict) and "uid" in fields)
    return await change.change(server, call, tracking.manager_of(call), lambda old: wanted)


async def patch(server: Backing, call: Call, content_type: str, body: Any) -> Written:
    """Change an object, or its status, as it is at the moment of the write."""
    call.check_writable()
    patches.check_type(content_type, call.resource)
    if content_type == patches.APPLY:
        return await apply.apply(server, call, body)
    by = tracking.manager_of(call)
    if call.options.force is not None:
        cause = objects.forbidden_value("force", "may not be specified for non-apply patch")
        raise errors.Invalid(f"PatchOptions is invalid: force: {cause.message}", causes=(cause,))
    names_uid = patches.names(body, "/metadata/uid")

    def want(old: Json) -> Wanted:
        patched = patches.apply(old, content_type=content_type, patch=body)
        return Wanted(patched, whole=False, names_uid=names_uid)

    return await change.change(server, call, by, want)
