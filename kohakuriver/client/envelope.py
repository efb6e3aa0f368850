"""What every answer of the API has around what it says: names, lists, rows. Pure.

Who reads an answer that has passed here finds a name in each object, objects in each list and cells in each
row. What an object's spec and status say may still be anything (`readable.py`).
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from kohakuriver.resources import kinds

Object = dict[str, Any]

_MEASURED: Final = "metrics.k8s.io/"  # which is no stored object
_TEXTS: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_WORDS: Final = ("labels", "annotations")


class Wrong(ValueError):
    """What is wrong, as a sentence."""


def wrong_with(answer: Object, *, is_stored: bool = True) -> str:
    """What is missing of an answer that has its kind, or is of another type; empty where it is whole. Without
    `is_stored` it may be of a write that was rehearsed, which gives no revision."""
    kind, version = answer.get("kind"), answer.get("apiVersion", "")
    if not isinstance(kind, str) or not isinstance(version, str):
        return "its kind or its apiVersion is not a text"
    try:
        if kind in _OTHERS:
            _OTHERS[kind](answer)
        elif kind.endswith("List"):
            _list(answer, Form.of(version, kind.removesuffix("List")))
        elif not kind.endswith("Review"):
            _object(answer, "it", Form.of(version, kind)._replace(has_revision=is_stored))
    except Wrong as wrong:
        return str(wrong)
    return ""


def wrong_with_bookmark(body: Object) -> str:
    """The same of a watch's bookmark, which says a revision and nothing else."""
    metadata = body.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return "" if isinstance(version, str) else "a bookmark has no resourceVersion"


class Form(NamedTuple):
    """What the metadata of an object have, by its kind."""

    is_stored: bool = False
    has_namespace: bool = False
    has_revision: bool = True

    @classmethod
    def of(cls, version: str, kind: str) -> "Form":
        known = kinds.by_kind(version, kind)
        return cls(not version.startswith(_MEASURED), known is not None and known.namespaced)

    @property
    def needs(self) -> Iterator[str]:
        """The fields that cannot be missing."""
        yield "name"
        if self.is_stored:
            yield from ("uid", "resourceVersion") if self.has_revision else ("uid",)
        if self.has_namespace:
            yield "namespace"


def _object(body: Any, what: str, form: Form) -> None:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(metadata, dict):
        raise Wrong(f"{what} has no metadata")
    for field in ("kind", "apiVersion"):
        if not isinstance(body.get(field, ""), str):
            raise Wrong(f"{field} of {what} is not a text")
    for field in form.needs:
        if not metadata.get(field):
            raise Wrong(f"{what} has no {field}")
    for field in _TEXTS:
        text = metadata.get(field) or ""
        if not isinstance(text, str) or not text.isascii():
            raise Wrong(f"metadata.{field} of {what} is not a text of such a field")
    for field in _WORDS:
        words = metadata.get(field)
        if words is not None and not (
            isinstance(words, dict) and all(isinstance(word, str) for word in words.values())
        ):
            raise Wrong(f"metadata.{field} of {what} are not texts by name")


def _list(answer: Object, form: Form) -> None:
    metadata = answer.get("metadata")
    version = metadata.get("resourceVersion", "") if isinstance(metadata, dict) else None
    if not isinstance(version, str) or (form.is_stored and not version):
        raise Wrong("it has no resourceVersion")
    for place, item in enumerate(_items(answer, "items")):
        _object(item, f"items[{place}]", form)


def _table(answer: Object) -> None:
    columns = answer.get("columnDefinitions")
    columns = [] if columns is None else _items(answer, "columnDefinitions")
    for place, column in enumerate(columns):
        what = f"columnDefinitions[{place}]"
        _text(column, "name", what)
        if not isinstance(column.get("format", ""), str) or not isinstance(column.get("priority", 0), int):
            raise Wrong(f"{what} has a format or a priority that is none")
    rows = answer.get("rows")
    for place, row in enumerate([] if rows is None else _items(answer, "rows")):
        cells = row.get("cells") if isinstance(row, dict) else None
        if not isinstance(cells, list) or (columns and len(cells) != len(columns)):
            raise Wrong(f"rows[{place}] has not a cell for each column")
        if row.get("object") is not None:
            _object(row["object"], f"the object of rows[{place}]", Form())


def _versions(answer: Object) -> None:
    if not all(isinstance(one, str) for one in _items(answer, "versions")):
        raise Wrong("its versions are not texts")


def _groups(answer: Object) -> None:
    for place, group in enumerate(_items(answer, "groups")):
        _text(group, "name", f"groups[{place}]")
        _text(group.get("preferredVersion"), "groupVersion", f"the preferred version of groups[{place}]")


def _resources(answer: Object) -> None:
    _text(answer, "groupVersion", "it")
    for place, one in enumerate(_items(answer, "resources")):
        what = f"resources[{place}]"
        _text(one, "name", what)
        _text(one, "kind", what)
        if not isinstance(one.get("namespaced"), bool):
            raise Wrong(f"{what} does not say whether it has namespaces")
        for field in ("shortNames", "verbs"):
            words = one.get(field) or []
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                raise Wrong(f"the {field} of {what} are not texts")


def _items(answer: Object, field: str) -> list[Any]:
    found = answer.get(field)
    if not isinstance(found, list):
        raise Wrong(f"its {field} are not a list")
    return found


def _text(body: Any, field: str, what: str) -> None:
    if not isinstance(body, dict) or not isinstance(body.get(field), str):
        raise Wrong(f"{what} has no {field}")


def _status(answer: Object) -> None:
    """Nothing that is needed: what of a Status is missing is not shown."""


_OTHERS: Final[dict[str, Callable[[Object], None]]] = {
    "Status": _status,
    "Table": _table,
    "APIVersions": _versions,
    "APIGroupList": _groups,
    "APIResourceList": _resources,
    "APIGroup": _status,
}
