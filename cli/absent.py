"""What is not there, in words: `there is no VPS "lba" in namespace default; did you mean "lab"?`

    GET … ─► 404 ─► what there is instead ─► NotFound, with a proposal

The server is asked a second time only when something is missing. Changes nothing.
"""

import re
from collections.abc import Iterable, Sequence

from kohakuriver import errors
from kohakuriver.cli.api.http import JSON, Api, Object
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

_LEGAL = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_PROPOSED = 3
_LISTS = {
    kinds.VPS: "vps list --all",
    kinds.NODE: "node list",
    kinds.ENVIRONMENT: "env list",
    kinds.SNAPSHOT: "vps snapshots",
}


def get(api: Api, resource: ResourceType, name: str, *, namespace: str | None, accept: str = JSON) -> Object:
    """One object. Raises NotFound in words."""
    if not _LEGAL.fullmatch(name):
        raise missing(api, resource, name, namespace=namespace)  # and no path either: "." is the collection
    try:
        return api.call("GET", api.path(resource, namespace=namespace, name=name), accept=accept)
    except errors.NotFound:
        raise missing(api, resource, name, namespace=namespace) from None


def missing(api: Api, resource: ResourceType, name: str, *, namespace: str | None) -> errors.NotFound:
    """What to say of a name that the server does not know."""
    names: list[str] = []
    try:
        items = api.call("GET", api.path(resource, namespace=namespace))["items"]
        names = [str(item["metadata"]["name"]) for item in items]
    except errors.ApiError:
        pass  # it may not be read: nothing is proposed
    is_nowhere = not names and namespace is not None and is_no_namespace(api, namespace)
    return in_words(resource, name, names, namespace=namespace, is_nowhere=is_nowhere)


def in_words(
    resource: ResourceType,
    name: str,
    names: Sequence[str],
    *,
    namespace: str | None,
    is_nowhere: bool = False,
) -> errors.NotFound:
    """The sentence, and where to look where nothing resembles the name. Pure."""
    said = f'there is no {noun(resource)} "{name}"{within(namespace)}'
    if is_nowhere:
        return errors.NotFound(f"{said}, and there is no such namespace", hint=_LIST_NAMESPACES)
    import difflib  # here: what is there does without it

    close = difflib.get_close_matches(name, names, n=_PROPOSED, cutoff=0.6)
    if close:
        return errors.NotFound(f"{said}; {proposal(close)}")
    lists = f"kohakuriver {_LISTS.get(resource, f'get {resource.plural}')}"
    elsewhere = " (-n NAMESPACE looks elsewhere)" if namespace is not None else ""
    return errors.NotFound(said, hint=f"see what there is{elsewhere}: {lists}")


def reworded(error: errors.KohakuRiverError) -> errors.KohakuRiverError:
    """The same error; one of the server about an object that is not there, or is there already, in our words.
    What kubectl gets is as the server wrote it."""
    found = error.details if isinstance(error, errors.ApiError) else {}
    resource = next((one for one in kinds.ALL if one.plural == found.get("kind")), None)
    name = str(found.get("name") or "")
    if resource is None or not name or f'"{name}"' not in error.message:
        return error
    if isinstance(error, errors.AlreadyExists) and error.message.endswith("already exists"):
        article = "an" if noun(resource)[0] in "aeiou" else "a"
        error.message = f'there is already {article} {noun(resource)} "{name}"'
    elif isinstance(error, errors.NotFound) and error.message.endswith("not found"):
        error.message = f'there is no {noun(resource)} "{name}"'
        error.hint = error.hint or f"see what there is: kohakuriver get {resource.plural}"
    return error


def is_no_namespace(api: Api, namespace: str) -> bool:
    """Whether the namespace is not there; no where that may not be known."""
    try:
        api.call("GET", api.path(kinds.NAMESPACE, name=namespace))
    except errors.NotFound:
        return True
    except errors.ApiError:
        pass
    return False


def none(api: Api, resources: Iterable[ResourceType], *, namespace: str | None, otherwise: str = "") -> str:
    """That a list is empty: `no VPSes in namespace nope, and there is no such namespace`."""
    said = f"no {', '.join(map(nouns, resources))}{within(namespace)}"
    is_nowhere = namespace is not None and is_no_namespace(api, namespace)
    return f"{said}, and there is no such namespace" if is_nowhere else f"{said}{otherwise}"


def proposal(names: Iterable[str]) -> str:
    """`did you mean "dev" or "dev-2"?`"""
    quoted = (f'"{name}"' for name in names)
    return f"did you mean {' or '.join(quoted)}?"


def noun(resource: ResourceType) -> str:
    """`VPS`, `node`, `resource quota`."""
    if resource.kind.isupper():
        return resource.kind
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource.kind).lower()


def nouns(resource: ResourceType) -> str:
    """`VPSes`, `nodes`, `resource quotas`."""
    if not resource.plural.startswith(resource.singular):
        return resource.plural
    return noun(resource) + resource.plural.removeprefix(resource.singular)


def within(namespace: str | None) -> str:
    """` in namespace lab`; nothing where none counts."""
    return f" in namespace {namespace}" if namespace is not None else ""


_LIST_NAMESPACES = "see which there are: kohakuriver get namespaces"
