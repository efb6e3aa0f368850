"""What is newly set of a VPS or a Token, held against the Policies of its namespace. Pure.

A field is judged where it is set: at create, and at a change of that very field. What an object has had all
along stays, whatever Policy is made later, so that no Policy stops what runs or keeps it from being stopped.
All who write specs are judged, administrators too: they can change the Policy.

Where no Policy speaks of registries, a user still names none by its address: the node's engine would look
there in the user's place, inside the nodes' own network, and tell what it found. Of a name nobody knows here
where it leads.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from kohakuriver import durations, errors, image_name
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.policies.policy import Limit, Policy, Unreadable
from kohakuriver.apiserver.store import codec

Json = dict[str, Any]

MOST_SHOWN = 5  # registries in one sentence
_DEFAULT_GRACE, _DEFAULT_PRIORITY = 10.0, 0  # what a limit that cannot be read still allows
_ASK = "or ask your administrator"


def is_newly_set(old: Json | None, new: Json) -> bool:
    """Whether a write of a VPS sets anything that a Policy may speak of."""
    return any(_differs(old, new, read) for read in (_image, _grace, _priority))


def vps(user: User, old: Json | None, new: Json, policies: Sequence[Policy]) -> Iterator[errors.Cause]:
    """What is wrong with what this write sets of a VPS."""
    if _differs(old, new, _image) and (image := _image(new)):
        why = _of_image(user, image, policies)
        if why:
            yield objects.forbidden_value("spec.image", why)
    if _differs(old, new, _grace):
        for one in policies:
            why = _of_grace(_grace(new), new["spec"].get("stopGracePeriod"), one)
            if why:
                yield objects.forbidden_value("spec.stopGracePeriod", why)
    if _differs(old, new, _priority):
        for one in policies:
            why = _of_priority(_priority(new), one)
            if why:
                yield objects.forbidden_value("spec.priority", why)


def token(new: Json, namespace: str, policies: Iterable[Policy]) -> Iterator[errors.Cause]:
    """What is wrong with a new Token that opens this namespace."""
    ttl = new["spec"].get("ttl")
    for one in policies:
        match one.token_life:
            case Unreadable(why):
                yield objects.forbidden_value("spec.ttl", _unreadable(one, why))
            case Limit(most, written) if ttl is None or durations.parse(ttl) > most:
                has = "has no end" if ttl is None else f"is good for {_seconds(ttl)}"
                words = (
                    f'Policy "{one.name}" allows Tokens for namespace {namespace} that are good for '
                    f"{written} at most, and this one {has}: set spec.ttl (--ttl of kohakuriver token "
                    f"create) to {written} or less"
                )
                yield objects.forbidden_value("spec.ttl", words)


def _image(vps: Json) -> str:
    """The image that a VPS names itself; empty where it names an Environment."""
    spec = vps["spec"]
    return "" if spec.get("environment") else str(spec.get("image") or "")


def _grace(vps: Json) -> float:
    value = vps["spec"].get("stopGracePeriod")
    return _DEFAULT_GRACE if value is None else durations.parse(value)


def _priority(vps: Json) -> int:
    return int(vps["spec"].get("priority") or _DEFAULT_PRIORITY)


def _differs(old: Json | None, new: Json, read: Callable[[Json], object]) -> bool:
    if old is None:
        return True
    try:
        return read(old) != read(new)
    except codec.NONSENSE:
        return True


def _of_image(user: User, image: str, policies: Sequence[Policy]) -> str:
    if image_name.own(image):
        return ""
    repository, _ = image_name.repository(image)
    speaking = [one for one in policies if one.registries is not None]
    for one in speaking:
        if isinstance(one.registries, Unreadable):
            return _unreadable(one, one.registries.why)
        if not any(image_name.is_below(repository, place) for place in one.registries or ()):
            return (
                f'{_shown(image, repository)} does not come from a registry that Policy "{one.name}" allows: '
                f"{_instead(one.registries or ())}, {_ASK}"
            )
    server = image_name.registry(image)
    if not speaking and user.role is not Role.ADMIN and image_name.is_an_address(server):
        return (
            f'"{image}" names its registry by an address, which is for administrators: the node would look '
            "there in your place. Use a registry with a host name, or an Environment, or ask your "
            f"administrator for a Policy with {server} in spec.images.registries"
        )
    return ""


def _shown(image: str, repository: str) -> str:
    """The image as it was written, and what that is to an engine where one cannot see it."""
    return f'"{image}"' if image.startswith(repository) else f'"{image}" ({repository})'


def _instead(registries: Sequence[str]) -> str:
    if not registries:
        return "use an Environment (kohakuriver env list shows them) or kohakuriver/debian-ssh"
    more = [f"{len(registries) - MOST_SHOWN} more"] if len(registries) > MOST_SHOWN else []
    return f"use an image of {_or([*registries[:MOST_SHOWN], *more])}"


def _or(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _of_grace(seconds: float, written: Any, policy: Policy) -> str:
    match policy.grace:
        case Unreadable(why) if seconds > _DEFAULT_GRACE:
            return _unreadable(policy, why)
        case Limit(most, limit) if seconds > most:
            has = f"{_DEFAULT_GRACE:g}s (the default)" if written is None else _seconds(written)
            return f'{has} is longer than the {limit} that Policy "{policy.name}" allows: {_set(limit)}'
    return ""


def _of_priority(priority: int, policy: Policy) -> str:
    match policy.priority:
        case Unreadable(why) if priority > _DEFAULT_PRIORITY:
            return _unreadable(policy, why)
        case Limit(most, limit) if priority > most:
            return f'{priority} is more than the {limit} that Policy "{policy.name}" allows: {_set(limit)}'
    return ""


def _set(limit: str) -> str:
    return f"set {limit} or less, {_ASK}"


def _unreadable(policy: Policy, why: str) -> str:
    return (
        f'Policy "{policy.name}" limits this, and what is stored of it cannot be read ({why}): ask your '
        f"administrator to correct it (kohakuriver edit policy {policy.name}) or to delete it"
    )


def _seconds(value: Any) -> str:
    return value if isinstance(value, str) else f"{value}s"
