"""YAML and JSON text to documents that know the line of each of their fields. Reads no file, knows no kind.

A file is cut at `---` first, so that what is wrong in one document leaves the others readable. Values are
those that kubectl would read: dates stay text, 1:30 is no number, and keys are text.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from kohakuriver.yaml_loader import Loader

Path = tuple[str | int, ...]
_MARKER = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_DEEPEST = 100  # levels; no kind has a tenth of it
_PLAIN_TAGS = ("bool", "float", "int", "map", "merge", "null", "seq", "str", "value")


class Wrong(Exception):
    """The text is no document: on which line, and what is wrong."""

    def __init__(self, line: int, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.field = field


@dataclasses.dataclass(frozen=True)
class Document:
    """One document: its value, and the line in the file of everything in it."""

    value: Any
    line: int
    lines: dict[str, int]

    def line_of(self, field: str) -> int:
        """The line of a field, or of the nearest part that is there: a missing one has none of its own."""
        while field:
            if field in self.lines:
                return self.lines[field]
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return self.line


def written(path: Path) -> str:
    """A path as Kubernetes writes it: spec.ssh.authorizedKeys[0]."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def decode(data: bytes) -> str:
    """The text of a file. Raises Wrong for what is none."""
    if b"\0" in data:
        raise Wrong(1, "this is a binary file; text was expected, a manifest in YAML or JSON")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Wrong(line, "this is not UTF-8 text; a manifest in YAML or JSON was expected") from None


def chunks(text: str) -> Iterator[tuple[int, str]]:
    """The text of each document that holds anything, with the number of its first line."""
    starts = [0, *(match.start() for match in _MARKER.finditer(text))]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        piece = text[start:end]
        if any(_says_something(line) for line in piece.splitlines()):
            yield text.count("\n", 0, start) + 1, piece


def parse(piece: str, first_line: int) -> Document | None:
    """One document; None if it is empty. Raises Wrong."""
    try:
        return _parse(piece, first_line)
    except RecursionError:
        raise _too_deep(first_line) from None


def _parse(piece: str, first_line: int) -> Document | None:
    stripped = piece.lstrip()
    if stripped[:1] in ("{", "["):
        value = _json(stripped)
        if value is not None:
            return _with_lines(piece.replace("\t", " "), first_line, value)
    loader = Loader(piece)
    try:
        node = loader.get_single_node()
        if node is None or node.tag.endswith(":null"):
            return None
        lines = _lines(node, piece, first_line)
        value = _checked(loader.construct_document(node), lines)
    except yaml.YAMLError as error:
        raise _syntax(error, piece, first_line) from None
    finally:
        loader.dispose()
    return Document(value, _first(node, first_line), lines)


def _too_deep(line: int) -> Wrong:
    return Wrong(line, f"it nests deeper than {_DEEPEST} levels, which no manifest does")


def _says_something(line: str) -> bool:
    rest = line[3:].strip() if line.startswith("---") else line.strip()
    return bool(rest) and not rest.startswith(("#", "...", "%YAML"))


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once_each)
    except ValueError:
        return None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")  # the YAML reader then says which, and where
    return found


def _with_lines(piece: str, first_line: int, value: Any) -> Document:
    """JSON that YAML cannot read (`\\/` in a text) is right all the same; it only has no line numbers."""
    loader = Loader(piece)
    try:
        node = loader.get_single_node()
        lines = _lines(node, piece, first_line)
        return Document(_plain(value, ()), _first(node, first_line), lines)
    except (yaml.YAMLError, Wrong):
        return Document(_plain(value, ()), first_line, {})
    finally:
        loader.dispose()


def _first(node: yaml.Node, first_line: int) -> int:
    return first_line + int(node.start_mark.line)


def _lines(node: yaml.Node, piece: str, first_line: int) -> dict[str, int]:
    """The line of each field, of no more than aliases that people write make of it. Raises Wrong."""
    found = {}
    for number, (field, line) in enumerate(_positions(node, (), first_line)):
        if number > 10 * len(piece) + 10_000:
            raise Wrong(line, "its aliases stand for more than a manifest holds: write out what is meant")
        found[field] = line
    return found


def _positions(node: yaml.Node, path: Path, first_line: int) -> Iterator[tuple[str, int]]:
    """The line of each field. Raises Wrong for a key that stands twice and for what JSON cannot hold."""
    if len(path) > _DEEPEST:
        raise _too_deep(_first(node, first_line))
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind not in _PLAIN_TAGS:
        field = written(path)
        raise Wrong(_first(node, first_line), f"the tag {node.tag} has no meaning here", field=field)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield written((*path, index)), _first(item, first_line)
            yield from _positions(item, (*path, index), first_line)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = _first(key, first_line)
        if not isinstance(key, yaml.ScalarNode):
            raise Wrong(line, "a key must be text", field=written(path))
        field = written((*path, key.value))
        if key.value in seen and key.value != "<<":
            raise Wrong(line, f"the key stands twice; the first is on line {seen[key.value]}", field=field)
        seen[key.value] = line
        yield field, line
        yield from _positions(value, (*path, key.value), first_line)


def _plain(value: Any, path: Path) -> Any:
    """The value as kubectl would send it: keys are text, 1.0 is 1. Raises Wrong for what JSON lacks."""
    if isinstance(value, dict):
        return {_key(key): _plain(item, (*path, _key(key))) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, (*path, index)) for index, item in enumerate(value)]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Wrong(0, f"{value} is not a number that JSON can hold", field=written(path))
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value


def _checked(value: Any, lines: dict[str, int]) -> Any:
    try:
        return _plain(value, ())
    except Wrong as wrong:
        raise Wrong(lines.get(wrong.field, 0), wrong.message, field=wrong.field) from None


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


def _syntax(error: yaml.YAMLError, piece: str, first_line: int) -> Wrong:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    number = mark.line if mark is not None else 0
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    text = piece.splitlines()
    at = text[number] if number < len(text) else ""
    for offset in (number, number - 1):
        line = text[offset] if 0 <= offset < len(text) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return Wrong(first_line + offset, "a tab indents this line; YAML wants spaces")
    if "\t" in at and "cannot start any token" in problem:
        return Wrong(first_line + number, "a tab stands where YAML wants spaces")
    return Wrong(first_line + number, f"this is not YAML: {problem}")
