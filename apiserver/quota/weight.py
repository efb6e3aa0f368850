"""How large one object of a user may be in etcd, and whether there is room for it. Pure.

What is larger already, from before there was a limit, can be read, deleted and made smaller. What nodes, the
controller and admins write is not measured: their reports must go on.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.store.base import Delete, Put, Record

Json = dict[str, Any]

LARGEST = 256 * 1024  # bytes; a VPS has 3,000, and etcd's 2 GiB are everybody's
NOTES = 4 * 1024  # bytes by which one that is too large may grow: who stops it is noted in it


def check(user: User, write: Put | Delete | None, there: Record | None) -> None:
    """Raises TooLarge for an object that is too large, unless it was so before."""
    if user.role is not Role.USER or not isinstance(write, Put):
        return
    size, before = len(write.value), len(there.value) if there is not None else 0
    if size > (before + NOTES if before > LARGEST else LARGEST):
        raise errors.TooLarge(
            f"the object would have {size} bytes, and at most {LARGEST} are stored",
            hint="make it smaller: keep files in a volume or an image, not in env and annotations",
        )


def check_room(why_not: str, user: User, write: Put | Delete, new: Json) -> None:
    """Raises InsufficientStorage while the rest of the store is kept for others. What is on its way out may
    still be helped along."""
    if not why_not or user.role is not Role.USER or isinstance(write, Delete):
        return
    if new["metadata"].get("deletionTimestamp"):
        return
    raise errors.InsufficientStorage(
        f"nothing was changed: {why_not}, and the rest is kept for nodes, deletes and administrators",
        hint="delete what is not needed and try again in ten minutes, or ask your administrator",
    )
