"""kubectl's JSONPath templates: `{.status.phase}`, `{range .items[*]}{.metadata.name}{"\\n"}{end}`. Pure.

A template is text with expressions in braces. An expression finds values: `.name`, `['na.me']`, `..name`,
`.*`, `[0]`, `[-1]`, `[0:2]`, `[*]`, `[0,2]`, `[?(@.x=="y")]`. What is not there is nothing, as in kubectl.
"""

import dataclasses
import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_NAME = re.compile(r"(?:[^.\[\]{}\s\\()=!<>,'\"]|\\.)+")
_FILTER = re.compile(r"^(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)$", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
Finder = Callable[[Any, Any], Iterable[Any]]  # (value, root) -> values


class JsonPathError(ValueError):
    """The template is not well formed."""


@dataclasses.dataclass(frozen=True)
class _Range:
    steps: tuple[Finder, ...]
    body: tuple["_Part", ...]


_Part = str | tuple[Finder, ...] | _Range


@dataclasses.dataclass(frozen=True)
class Template:
    """A template that was read; apply it to any number of values."""

    parts: tuple[_Part, ...]

    def render(self, value: Any) -> str:
        """The text that the template makes of a value."""
        return "".join(_render(self.parts, value, value))

    def find(self, value: Any) -> list[Any]:
        """The values that the template's expressions find, one after the other."""
        found: list[Any] = []
        for part in self.parts:
            if isinstance(part, tuple):
                found += _walk(part, value, value)
        return found


def compile_template(text: str) -> Template:
    """Read a template; an expression without braces is taken as one. Raises JsonPathError."""
    whole = text if "{" in text else "{" + (text if text[:1] in (".", "$", "[", "@") else "." + text) + "}"
    parts, rest = _parts(list(_pieces(whole)), inside=False)
    if rest:
        raise JsonPathError("{end} without {range}")
    return Template(parts)


def written(value: Any) -> str:
    """A value as kubectl prints it: text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """(is an expression, text), in order."""
    position = 0
    while position < len(text):
        start = text.find("{", position)
        if start < 0:
            yield False, text[position:]
            return
        if start > position:
            yield False, text[position:start]
        end = _closing(text, start + 1, "}")
        yield True, text[start + 1 : end].strip()
        position = end + 1


def _closing(text: str, position: int, closer: str) -> int:
    """Where the bracket closes, past quoted text and inner brackets."""
    depth = 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        if quoted:
            position = quoted.end()
            continue
        character = text[position]
        if character == closer and depth == 0:
            return position
        if character in "[(":
            depth += 1
        elif character in "])" and depth:
            depth -= 1
        position += 1
    raise JsonPathError(f"a {closer} is missing in {text!r}")


def _parts(
    pieces: list[tuple[bool, str]], *, inside: bool
) -> tuple[tuple[_Part, ...], list[tuple[bool, str]]]:
    """The parts up to {end}, and the pieces from there on."""
    found: list[_Part] = []
    while pieces:
        (expression, text), *pieces = pieces
        if not expression:
            found.append(text)
        elif text == "end":
            return tuple(found), pieces if inside else [(True, "end"), *pieces]
        elif text.split(" ")[0] == "range":
            steps = _steps(text.removeprefix("range").strip())
            body, pieces = _parts(pieces, inside=True)
            found.append(_Range(steps, body))
        else:
            quoted = _QUOTED.fullmatch(text)
            found.append(_unquoted(quoted) if quoted else _steps(text))
    if inside:
        raise JsonPathError("{range} without {end}")
    return tuple(found), []


def _render(parts: tuple[_Part, ...], value: Any, root: Any) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, _Range):
            for item in _walk(part.steps, value, root):
                yield from _render(part.body, item, root)
        else:
            yield " ".join(map(written, _walk(part, value, root)))


def _walk(steps: tuple[Finder, ...], value: Any, root: Any) -> list[Any]:
    values = [value]
    for step in steps:
        values = [found for one in values for found in step(one, root)]
    return values


def _steps(text: str) -> tuple[Finder, ...]:
    found: list[Finder] = []
    position = 0
    if text[:1] == "$":
        position = 1
        found.append(lambda value, root: [root])
    elif text[:1] == "@":
        position = 1
    elif not text or text[0] not in ".[":
        raise JsonPathError(f'invalid path "{text}": write one such as .status.phase')
    while position < len(text):
        step, position = _step(text, position)
        found += step
    return tuple(found)


def _step(text: str, position: int) -> tuple[list[Finder], int]:
    if text[position] == "[":
        end = _closing(text, position + 1, "]")
        return [_subscript(text[position + 1 : end].strip())], end + 1
    if text[position] != ".":
        raise JsonPathError(f"unexpected {text[position]!r} in {text!r}")
    deep = text.startswith("..", position)
    position += 2 if deep else 1
    before: list[Finder] = [_descend] if deep else []
    if position == len(text) or text[position] == "[":
        return before, position  # `.` alone is the value itself
    if text[position] == "*":
        return [*before, _every], position + 1
    match = _NAME.match(text, position)
    if match is None:
        raise JsonPathError(f"unexpected {text[position]!r} in {text!r}")
    return [*before, _field(re.sub(r"\\(.)", r"\1", match.group()))], match.end()


def _subscript(text: str) -> Finder:
    if text == "*":
        return _every
    if text.startswith("?"):
        return _filter(text[1:].strip())
    if "," in _QUOTED.sub("", text):
        ones = [_subscript(part.strip()) for part in _split(text)]
        return lambda value, root: [found for one in ones for found in one(value, root)]
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        return _field(_unquoted(quoted))
    try:
        numbers = [int(part) if part else None for part in text.split(":")]
    except ValueError:
        raise JsonPathError(
            f'invalid subscript "[{text}]": use a number, a range such as 0:2, or *'
        ) from None
    if len(numbers) == 1 and numbers[0] is not None:
        return _index(numbers[0])
    if len(numbers) in (2, 3):
        part = slice(*numbers)
        return lambda value, root: value[part] if isinstance(value, list) else []
    raise JsonPathError(f'invalid subscript "[{text}]": use a number, a range such as 0:2, or *')


def _split(text: str) -> list[str]:
    """At the commas that are not quoted."""
    cuts = [match.start() for match in re.finditer(",", _QUOTED.sub(lambda m: "_" * len(m.group()), text))]
    return [text[a + 1 : b] for a, b in zip([-1, *cuts], [*cuts, len(text)], strict=True)]


def _filter(text: str) -> Finder:
    if not (text.startswith("(") and text.endswith(")")):
        raise JsonPathError(f'invalid filter "[?{text}]": write one such as [?(@.type=="Ready")]')
    inner = text[1:-1].strip()
    match = _FILTER.match(inner)
    if match is None:
        steps = _steps(inner)
        return lambda value, root: [item for item in _items(value) if _walk(steps, item, root)]
    left, name, right = match.groups()
    one, other, compare = _operand(left), _operand(right), _COMPARE[name]

    def holds(item: Any, root: Any) -> bool:
        pairs = ((a, b) for a in one(item, root) for b in other(item, root))
        return any(_compared(compare, a, b) for a, b in pairs)

    return lambda value, root: [item for item in _items(value) if holds(item, root)]


def _compared(compare: Callable[[Any, Any], Any], one: Any, other: Any) -> bool:
    try:
        return bool(compare(one, other))
    except TypeError:
        return False


def _operand(text: str) -> Finder:
    if text[:1] in ("@", "$", "."):
        steps = _steps(text)
        return lambda value, root: _walk(steps, value, root)
    quoted = _QUOTED.fullmatch(text)
    try:
        constant = _unquoted(quoted) if quoted else json.loads(text)
    except ValueError:
        raise JsonPathError(f'invalid value "{text}": use a path, a number or a quoted text') from None
    return lambda value, root: [constant]


def _unquoted(match: re.Match[str]) -> str:
    single, double = match.groups()
    if single is not None:
        return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m.group(1), m.group(1)), single)
    return str(json.loads(f'"{double}"', strict=False))


def _field(name: str) -> Finder:
    return lambda value, root: [value[name]] if isinstance(value, dict) and name in value else []


def _index(number: int) -> Finder:
    def find(value: Any, root: Any) -> list[Any]:
        inside = isinstance(value, list) and -len(value) <= number < len(value)
        return [value[number]] if inside else []

    return find


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []


def _every(value: Any, root: Any) -> list[Any]:
    return _items(value)


def _descend(value: Any, root: Any) -> list[Any]:
    """The value and everything inside it."""
    found = [value]
    for item in _items(value):
        found += _descend(item, root)
    return found
