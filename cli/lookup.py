"""Which VPS an ID means: its exact name, its exact uid, then a unique prefix of either.

`resolve` is pure; the others ask the server, for the one name first and for all only when there is none.
"""

import re
from collections.abc import Iterable, Sequence

from kohakuriver import errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api import readable
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS

_LEGAL = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_SHOWN = 5  # names in a hint


def find(api: Api, words: Iterable[str], *, exact: bool = False) -> list[Object]:
    """The VPSes that are meant, each once. Raises NotFound and UsageError before anything is done."""
    found, missing = _look(api, words, exact=exact)
    for error in missing:
        raise error
    return found


def present(api: Api, words: Iterable[str], *, exact: bool = False) -> tuple[list[Object], bool]:
    """Those that are there, and whether all are; each that is not is told. Raises UsageError."""
    found, missing = _look(api, words, exact=exact)
    for error in missing:
        screen.fail(error.message, hint=error.hint)
    return found, not missing


def _look(api: Api, words: Iterable[str], *, exact: bool) -> tuple[list[Object], list[errors.NotFound]]:
    """The VPSes that are meant, each once, and what is to be said of the words that mean none."""
    found: dict[str, Object] = {}
    missing: list[errors.NotFound] = []
    everything: list[Object] | None = None
    for word in words:
        name = _name(word)
        try:
            one = _get(api, name)
        except errors.NotFound:
            if everything is None:
                answer = api.call("GET", api.path(kinds.VPS, namespace=api.namespace))
                typed = {"apiVersion": kinds.VPS.api_version, "kind": kinds.VPS.kind}
                everything = [{**typed, **item} for item in answer["items"]]
            if not everything:
                missing.append(absent.missing(api, kinds.VPS, name, namespace=api.namespace))
                continue
            try:
                one = resolve(name, everything, namespace=api.namespace, exact=exact)
            except errors.NotFound as error:
                missing.append(error)
                continue
        found[one["metadata"]["uid"]] = one
    return list(found.values()), missing


def _get(api: Api, name: str) -> Object:
    if not _LEGAL.fullmatch(name):
        raise errors.NotFound(name)  # and no path either: "." would mean the collection
    return api.call("GET", api.path(kinds.VPS, namespace=api.namespace, name=name))


def resolve(word: str, vpses: Sequence[Object], *, namespace: str, exact: bool = False) -> Object:
    """Raises NotFound for what nothing is called, and UsageError for what may mean several."""
    for field in ("name", "uid"):
        for vps in vpses:
            if vps["metadata"][field] == word:
                return vps
    starting = [vps for vps in vpses if _starts(vps, word)]
    shown = [str(vps["metadata"]["name"]) for vps in starting[:_SHOWN]]
    if exact and starting:
        said = f'there is no VPS "{word}"{absent.within(namespace)}'
        raise errors.NotFound(f"{said}; {absent.proposal(shown)}", hint="write the whole name")
    if len(starting) == 1:
        return starting[0]
    if starting:
        more = ", …" if len(starting) > _SHOWN else ""
        raise failures.UsageError(
            f'"{word}" may mean {", ".join(shown)}{more}', hint="write more of the name"
        )
    names = [str(vps["metadata"]["name"]) for vps in vpses]
    raise absent.in_words(kinds.VPS, word, names, namespace=namespace)


def _starts(vps: Object, word: str) -> bool:
    metadata = vps["metadata"]
    return bool(word) and (metadata["name"].startswith(word) or metadata["uid"].startswith(word))


def _name(word: str) -> str:
    """KIND/NAME is as good as NAME."""
    kind, slash, name = word.partition("/")
    if not slash:
        if not word:
            raise failures.UsageError("an ID is empty", hint="write the VPS's name")
        return word
    if kinds.find(kind) is not kinds.VPS or not name or "/" in name:
        raise failures.UsageError(f'invalid VPS "{word}": write its name, or vps/NAME')
    return name


def node_of(api: Api, vps: Object) -> Object | None:
    """The Node that a VPS is bound to, for the address to log in at; None where it cannot be read."""
    name = VPS.of(vps).node
    if not name:
        return None
    try:
        return readable.node(api.call("GET", api.path(kinds.NODE, name=name)))
    except (errors.NotFound, errors.Forbidden):
        return None
