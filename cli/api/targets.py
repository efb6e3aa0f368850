"""What people type for objects: `vps`, `vps dev`, `vps/dev node/n1`, `vps,nodes`. Asks no server."""

from collections.abc import Sequence
from typing import NamedTuple

from kohakuriver.cli import failures
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType


class Target(NamedTuple):
    """A kind, and the names meant; none means all of them."""

    resource: ResourceType
    names: tuple[str, ...] = ()


def title(resource: ResourceType, name: str) -> str:
    """An object as it is written everywhere: vps/dev."""
    return f"{resource.singular}/{name}"


def parse(words: Sequence[str]) -> list[Target]:
    """Raises UsageError for what names no kind."""
    if not words:
        raise failures.UsageError(
            "a kind is missing", hint="such as vps, vps/dev or nodes; the kinds are " + _all_kinds()
        )
    if any("/" in word for word in words):
        return _pairs(words)
    first, *names = words
    resources = [resource for word in first.split(",") for resource in _meant(word)]
    return [Target(resource, tuple(names)) for resource in dict.fromkeys(resources)]


def named(words: Sequence[str]) -> list[Target]:
    """As `parse`, for commands that need names. Raises UsageError."""
    found = parse(words)
    for target in found:
        if not target.names:
            raise failures.UsageError(
                f"which {target.resource.singular} is meant? a name is missing",
                hint=f"write it as {title(target.resource, 'NAME')}, or select some with -l",
            )
    return found


def _pairs(words: Sequence[str]) -> list[Target]:
    grouped: dict[ResourceType, list[str]] = {}
    for word in words:
        kind, slash, name = word.partition("/")
        if not slash or not name or "/" in name:
            raise failures.UsageError(f'invalid object "{word}": write either KIND NAME… or KIND/NAME…')
        for resource in _meant(kind):
            grouped.setdefault(resource, []).append(name)
    return [Target(resource, tuple(dict.fromkeys(names))) for resource, names in grouped.items()]


def _meant(word: str) -> list[ResourceType]:
    found = kinds.find(word)
    if found is not None:
        return [found]
    category = [resource for resource in kinds.ALL if word.lower() in resource.categories]
    if category:
        return category
    if word.lower() in _VPSES:
        raise failures.UsageError(f'there is no kind "{word}"', hint="what runs here is of the kind vps")
    names = [name for resource in kinds.ALL for name in resource.names]
    import difflib  # here: what is typed right does without it

    close = difflib.get_close_matches(word.lower(), names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the kinds are {_all_kinds()}"
    raise failures.UsageError(f'there is no kind "{word}"', hint=hint)


_VPSES = frozenset({"po", "pod", "pods", "container", "containers", "instance", "instances", "vm", "vms"})


def _all_kinds() -> str:
    return ", ".join(resource.plural for resource in kinds.ALL)
