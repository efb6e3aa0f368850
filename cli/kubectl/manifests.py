"""Manifests: files, folders and stdin to objects that know where they were declared. Talks to no server.

A document that is wrong is a `Problem`, and nothing of it goes any further; the others are unharmed.
"""

import dataclasses
import difflib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.kubectl import yaml_text
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong in a document, and where."""

    file: str
    line: int
    message: str
    field: str = ""

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.message}"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """One declared object."""

    file: str
    document: yaml_text.Document
    body: dict[str, Any]
    resource: ResourceType
    prefix: str = ""  # where in the document it lies: "items[0]" in a List

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str | None:
        """The namespace that is declared, if any."""
        return self.body["metadata"].get("namespace") if self.resource.namespaced else None

    @property
    def title(self) -> str:
        return f"{self.resource.singular}/{self.name}"

    @property
    def line(self) -> int:
        return self.document.line_of(self.prefix)

    def problem(self, message: str, *, field: str = "") -> Problem:
        """What is wrong with this object, or with one field of it."""
        where = ".".join(part for part in (self.prefix, field) if part)
        return Problem(self.file, self.document.line_of(where), message, field)


Read = Manifest | Problem


def read(sources: Iterable[str], *, recursive: bool = False) -> list[Read]:
    """Everything that the sources (files, folders, `-`) declare, in order; `recursive` goes into the folders
    of folders too. Raises ConfigError for what is not a file."""
    found: list[Read] = []
    for file, data in _contents(sources, recursive=recursive):
        found += _without_doubles(list(_parse(file, data)))
    return found


def _contents(sources: Iterable[str], *, recursive: bool) -> Iterator[tuple[str, bytes]]:
    for source in sources:
        if source == STDIN:
            yield "stdin", sys.stdin.buffer.read()
            continue
        if source.startswith(("https://", "http://")):
            raise errors.ConfigError(
                f"{source} is not a file, and nothing is fetched here",
                hint=f"read it first (curl -LO {source}), or pipe it: curl -L … | kohakuriver apply -f -",
            )
        path = Path(source)
        if not path.is_dir():
            yield source, _bytes(path)
            continue
        within = path.rglob("*") if recursive else path.iterdir()
        files = sorted(file for file in within if file.suffix in SUFFIXES and file.is_file())
        if not files:
            deeper = "" if recursive else "; -R looks into folders of it too"
            raise errors.ConfigError(
                f"{source} holds no manifest", hint=f"files end in {', '.join(SUFFIXES)}{deeper}"
            )
        for file in files:
            yield str(file), _bytes(file)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = f"is it here? the working directory is {Path.cwd()}" if not path.exists() else ""
        raise errors.ConfigError(f"{path} cannot be read: {error.strerror}", hint=hint) from None


def _parse(file: str, data: bytes) -> Iterator[Read]:
    try:
        pieces = list(yaml_text.chunks(yaml_text.decode(data)))
    except yaml_text.Wrong as wrong:
        yield Problem(file, wrong.line, wrong.message)
        return
    if not pieces:
        yield Problem(
            file, 1, "the file is empty; a manifest with apiVersion, kind and metadata was expected"
        )
    for line, piece in pieces:
        try:
            document = yaml_text.parse(piece, line)
        except yaml_text.Wrong as wrong:
            yield Problem(file, wrong.line or line, wrong.message, wrong.field)
            continue
        if document is not None:
            yield from _objects(file, document, document.value, "")


def _objects(file: str, document: yaml_text.Document, value: Any, prefix: str) -> Iterator[Read]:
    """The object of a document, or the objects of a List."""
    if isinstance(value, dict) and str(value.get("kind", "")).endswith("List"):
        items = value.get("items")
        if isinstance(items, list):
            for index, item in enumerate(items):
                yield from _objects(file, document, item, f"items[{index}]")
            return
    yield _object(file, document, value, prefix)


def _object(file: str, document: yaml_text.Document, value: Any, prefix: str) -> Read:
    def problem(message: str, field: str = "") -> Problem:
        where = ".".join(part for part in (prefix, field) if part)
        return Problem(file, document.line_of(where), message, field)

    if not isinstance(value, dict):
        return problem("this is not a manifest: apiVersion, kind and metadata were expected")
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str):
            return problem(f"{_absence(value, field)}; {_expected(field)} was expected", field)
    resource = kinds.by_kind(value["apiVersion"], value["kind"])
    if resource is None:
        return problem(*_unknown_kind(value["apiVersion"], value["kind"]))
    metadata = {} if value.get("metadata") is None else value["metadata"]
    if not isinstance(metadata, dict):
        return problem("it is of the wrong type; a mapping with a name was expected", "metadata")
    if not isinstance(metadata.get("name"), str) or not metadata["name"]:
        return problem(
            f"{_absence(metadata, 'name')}; the object's name, as text, was expected", "metadata.name"
        )
    if not isinstance(metadata.get("namespace", ""), str):
        return problem("the namespace must be text", "metadata.namespace")
    for field in ("labels", "annotations"):
        if not isinstance(metadata.get(field) or {}, dict):
            return problem("a mapping of texts was expected", f"metadata.{field}")
    return Manifest(file, document, value, resource, prefix)


def _absence(value: dict[str, Any], field: str) -> str:
    return "it is of the wrong type" if value.get(field) is not None else "it is missing"


def _expected(field: str) -> str:
    return f"one such as {kinds.API_VERSION}" if field == "apiVersion" else "one such as VPS"


def _unknown_kind(api_version: str, kind: str) -> tuple[str, str]:
    """What is wrong with the pair, and the field to blame."""
    same = next((one for one in kinds.ALL if one.kind == kind), None)
    if same is not None:
        return f'{kind} is of "{same.api_version}", not of "{api_version}"', "apiVersion"
    names = {one.kind.lower(): one.kind for one in kinds.ALL}
    close = difflib.get_close_matches(kind.lower(), names, n=1)
    meant = f"did you mean {names[close[0]]}?" if close else f"there are {', '.join(names.values())}"
    return f'there is no kind "{kind}"; {meant}', "kind"


def _without_doubles(found: list[Read]) -> list[Read]:
    """An object declared twice in one file is a problem in both places: nobody knows which is meant."""
    places: dict[tuple[str, str, str], list[Manifest]] = {}
    for one in found:
        if isinstance(one, Manifest):
            places.setdefault((one.resource.kind, one.namespace or "", one.name), []).append(one)
    checked: list[Read] = []
    for one in found:
        if isinstance(one, Manifest):
            doubles = places[one.resource.kind, one.namespace or "", one.name]
            others = ", ".join(str(other.line) for other in doubles if other is not one)
            if others:
                message = f"{one.title} is declared here and on line {others}; once was expected"
                checked.append(one.problem(message, field="metadata.name"))
                continue
        checked.append(one)
    return checked
