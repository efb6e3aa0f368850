"""What of a VPS's spec needs a right of its own: the node's folders, privileged, and capabilities beyond the
default (CORRECTNESS 22, 37).

Admins have all; another user has those that its token or certificate names. Asked at create, at every
update, and of whoever enters such a VPS: with a terminal or a file in it one has what it was given. Its logs
and figures are shown without. Who comes before everybody else in the queue is for admins to say too. Pure.
"""

from collections.abc import Mapping
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import RIGHTS, Role, User
from kohakuriver.apiserver.objects import objects
from kohakuriver.resources import capabilities, kinds

Json = dict[str, Any]

# Whoever may write a VPS may stop and start it, and let its files go, as by deleting it, or have them kept.
_LIFECYCLE = frozenset({"runState", "restartRequest", "replaceFiles", "keepReplacedFiles"})

HIGHEST = 1000  # priority that a user gives: levels enough for one's own VPSes, and admins have those above
_SHOWING = frozenset({"logs", "stats"})  # streams out of a VPS, by which nobody acts in it


def check(user: User, old: Json | None, new: Json) -> None:
    """Raise Forbidden for a VPS that has what this user may not give it."""
    _check_priority(user, old, new)
    lacking = [right for right in RIGHTS if _given(new["spec"], right) and not _may(user, right)]
    if not lacking:
        return
    before: Mapping[str, Any] = old["spec"] if old is not None else {}
    changed = {field for field in {**before, **new["spec"]} if before.get(field) != new["spec"].get(field)}
    if old is not None and changed <= _lifecycle(new["spec"]):
        return
    given = old is not None and all(_given(before, right) == _given(new["spec"], right) for right in lacking)
    raise _forbidden(user, new["metadata"]["name"], lacking[0], given=given)


def _lifecycle(spec: Mapping[str, Any]) -> frozenset[str]:
    """A Snapshot's name may stand for other files by now, by whoever made another of that name: to begin from
    it again is to put those into the VPS."""
    return _LIFECYCLE - {"replaceFiles"} if spec.get("filesFrom") else _LIFECYCLE


def _check_priority(user: User, old: Json | None, new: Json) -> None:
    """What an admin gave stays, and may be lowered."""
    asked = new["spec"].get("priority") or 0
    had = (old["spec"].get("priority") or 0) if old is not None else 0
    if user.role is Role.ADMIN or asked <= HIGHEST or asked <= had:
        return
    name, path = new["metadata"]["name"], "spec.priority"
    raise errors.Forbidden(
        f'vpses.kohakuriver.io "{name}" is forbidden: user "{user.name}" of role {user.role} may set {path} '
        f"to {HIGHEST} at most, not to {asked}",
        hint=f"set it to {HIGHEST} or less, or ask your administrator to raise it",
        causes=(objects.forbidden_value(path, f"more than {HIGHEST} is for administrators to set"),),
        details=objects.reference(kinds.VPS, name),
    )


def check_entered(user: User, vps: Json, stream: str) -> None:
    """Raise Forbidden for a stream of this kind into a VPS that has what this user may not give one."""
    spec = vps.get("spec")
    if stream in _SHOWING or not isinstance(spec, Mapping):
        return
    for right in RIGHTS:
        if _given(spec, right) and not _may(user, right):
            raise _shut(user, vps["metadata"]["name"], right, stream)


def held(user: User) -> tuple[str, ...]:
    """The rights that this user has, by its role or beyond it."""
    return tuple(right for right in RIGHTS if _may(user, right))


def _given(spec: Mapping[str, Any], right: str) -> Any:
    """What this spec has that needs the right; nothing where none is needed."""
    return capabilities.beyond_default(spec) if right == "capabilities" else spec.get(right)


def _path(right: str) -> str:
    return "spec.security.capabilities.add" if right == "capabilities" else f"spec.{right}"


def _may(user: User, right: str) -> bool:
    return user.role is Role.ADMIN or right in user.rights


def _forbidden(user: User, name: str, right: str, *, given: bool) -> errors.Forbidden:
    path = _path(right)
    why = f'user "{user.name}" of role {user.role} has no right to set {path}'
    if given:
        why += ", which this VPS has, and may only stop, start, pause and restart it"
    return errors.Forbidden(
        f'vpses.kohakuriver.io "{name}" is forbidden: {why}',
        hint=f"ask your administrator to make the change, or for the right {right}",
        causes=(objects.forbidden_value(path, "this user has no right to set it"),),
        details=objects.reference(kinds.VPS, name),
    )


def _shut(user: User, name: str, right: str, stream: str) -> errors.Forbidden:
    return errors.Forbidden(
        f'vpses.kohakuriver.io "{name}" is forbidden: it has {_path(right)}, and user "{user.name}" of role '
        f"{user.role} has no right to set that, so it may not open {stream} into it",
        hint=f"ask your administrator for the right {right}; its logs and stats are open to you",
        details=objects.reference(kinds.VPS, name),
    )
