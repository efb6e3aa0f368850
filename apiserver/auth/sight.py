"""What a credential's scope leaves out is not there for it: 404, before anything is computed from the object.

Reads narrow their lists and watches by the same scope. Writes and named transactions ask here first, with the
record as it is stored: whatever a patch, a test or a comparison says of an object, it says to those alone who
may read it (CORRECTNESS 21). Pure.
"""

from typing import Any

from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import objects, selectors
from kohakuriver.resources.kinds import ResourceType


def check(user: User, resource: ResourceType, obj: dict[str, Any]) -> None:
    """Raise NotFound, in the words of a GET, for an object that this user may not see."""
    metadata = obj["metadata"]
    scope = access.scope(user, resource, metadata.get("namespace"))
    if scope is None:
        return
    selection = selectors.select(resource, fields=(scope,))
    if not selection.matches({}, selectors.fields_of(resource, obj)):
        raise objects.not_found(resource, metadata["name"])
