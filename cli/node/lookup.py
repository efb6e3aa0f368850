"""Which nodes are meant, by their exact names: what is done to a node is done to everything on it."""

from collections.abc import Iterable

from kohakuriver import errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.resources import kinds


def find(api: Api, words: Iterable[str] | None, *, verb: str) -> list[Object]:
    """The Nodes, each once. Raises NotFound and UsageError before anything is done."""
    return [_get(api, name) for name in _names(words, verb)]


def present(api: Api, words: Iterable[str] | None, *, verb: str) -> tuple[list[Object], bool]:
    """Those that are there, and whether all are; each that is not is told. Raises UsageError."""
    found: list[Object] = []
    names = _names(words, verb)
    for name in names:
        try:
            found.append(_get(api, name))
        except errors.NotFound as error:
            screen.fail(error.message, hint=error.hint)
    return found, len(found) == len(names)


def _names(words: Iterable[str] | None, verb: str) -> list[str]:
    names = [_name(word).lower() for word in words or ()]
    if not names:
        raise failures.UsageError(
            "which node is meant? a name is missing",
            hint=f"name one: kohakuriver node {verb} NODE",
        )
    return list(dict.fromkeys(names))


def _get(api: Api, name: str) -> Object:
    return absent.get(api, kinds.NODE, name, namespace=None)


def _name(word: str) -> str:
    """KIND/NAME is as good as NAME."""
    kind, slash, name = word.partition("/")
    if not slash and word:
        return word
    if kinds.find(kind) is not kinds.NODE or not name or "/" in name:
        raise failures.UsageError(f'invalid node "{word}": write its name, or node/NAME')
    return name
