"""Label and field selectors: parsed from the query, matched against what the cache keeps of an object. Pure.

Syntax and messages are those of k8s.io/apimachinery `labels` and `fields`: `a=b,c!=d,e in (f,g),!h` for
labels, `metadata.name=dev,status.phase!=running` for the fields named in `FIELDS`, and 400 for the rest.
"""

import collections
import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from kohakuriver.errors import BadRequest
from kohakuriver.resources import kinds, policy
from kohakuriver.resources.kinds import ResourceType

MOST_REQUIREMENTS = 50  # in one selector: each is held against each object

_EVERY_KIND = {"metadata.name": "metadata.name"}
_NAMESPACED = {"metadata.namespace": "metadata.namespace"}
_INVOLVED = ("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid")
_OWN: dict[ResourceType, dict[str, str]] = {
    kinds.VPS: {
        "status.phase": "status.phase",
        "status.assignment.node": "status.assignment.node",
        "spec.placement.node": "spec.placement.node",
    },
    kinds.SNAPSHOT: {
        "spec.vps.name": "spec.vps.name",
        "spec.vps.node": "spec.vps.node",
        "status.phase": "status.phase",
    },
    kinds.NODE: {"spec.unschedulable": "spec.unschedulable"},
    kinds.NAMESPACE: {"status.phase": "status.phase"},
    kinds.EVENT: {
        **{f"involvedObject.{field}": f"involvedObject.{field}" for field in _INVOLVED},
        "reason": "reason",
        "type": "type",
        "source": "source.component",
        "reportingComponent": "reportingComponent",
    },
}
# By kind: the name in a selector, and where the value stands in the object.
FIELDS: dict[ResourceType, dict[str, tuple[str, ...]]] = {
    resource: {
        label: tuple(path.split("."))
        for label, path in (
            _EVERY_KIND | (_NAMESPACED if resource.namespaced else {}) | _OWN.get(resource, {})
        ).items()
    }
    for resource in kinds.ALL
}
# By view: the name in a selector, and the name that the kind which is stored has for it.
_SHOWN: dict[ResourceType, dict[str, str]] = {
    kinds.POD: {"spec.nodeName": "status.assignment.node", "status.phase": "status.phase"},
    kinds.CORE_NODE: {"spec.unschedulable": "spec.unschedulable"},
    kinds.NEW_EVENT: {
        **{f"regarding.{field}": f"involvedObject.{field}" for field in _INVOLVED},
        "reason": "reason",
        "type": "type",
        "reportingController": "reportingComponent",
    },
    **{resource: {} for resource in (*kinds.POD_METRICS, *kinds.NODE_METRICS)},
}


class Operator(enum.Enum):
    """How a requirement compares."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    ABSENT = "!"
    GREATER = ">"
    LESS = "<"


_OPERATORS = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.ABSENT,
}
_LABEL_SELECTOR = pydantic.TypeAdapter(policy.LabelSelector)


@dataclasses.dataclass(frozen=True, slots=True)
class Requirement:
    """One part of a selector; all parts must hold."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, values: Mapping[str, str]) -> bool:
        match self.operator:
            case Operator.IN:
                return values.get(self.key) in self.values
            case Operator.NOT_IN:
                return values.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in values
            case Operator.ABSENT:
                return self.key not in values
        number, bound = _integer(values.get(self.key)), _integer(next(iter(self.values)))
        if number is None or bound is None:
            return False
        return number > bound if self.operator is Operator.GREATER else number < bound


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of one kind are meant."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
        for requirement in self.fields:
            if not requirement.matches(fields):
                return False
        return all(requirement.matches(labels) for requirement in self.labels)

    @property
    def everything(self) -> bool:
        return not self.labels and not self.fields

    @property
    def requirements(self) -> int:
        """How many there are: what it costs to look at one object."""
        return len(self.labels) + len(self.fields)

    def pin(self) -> tuple[str, str] | None:
        """A field that has one value in every object meant, the most telling one; None if there is none."""
        pins = [
            (requirement.key, next(iter(requirement.values)))
            for requirement in self.fields
            if requirement.operator is Operator.IN and len(requirement.values) == 1
        ]
        return min(pins, key=lambda pin: (pin[0] == "metadata.namespace", pin[0]), default=None)


def select(
    resource: ResourceType, *, namespace: str | None = None, labels: str = "", fields: tuple[str, ...] = ()
) -> Selection:
    """What a request means; several field selectors must all hold. Raises BadRequest."""
    requirements = [part for text in fields for part in parse_fields(resource, text)]
    if namespace and resource.namespaced:
        requirements.append(Requirement("metadata.namespace", Operator.IN, frozenset({namespace})))
    return Selection(labels=parse_labels(labels), fields=tuple(requirements))


def by_labels(selector: Any) -> Selection:
    """What a LabelSelector of an object (`matchLabels`, `matchExpressions`) means; an empty one everything.

    Raises pydantic.ValidationError for one that cannot be read.
    """
    read = _LABEL_SELECTOR.validate_python(selector)
    equal = [
        Requirement(key, Operator.IN, frozenset({value})) for key, value in (read.match_labels or {}).items()
    ]
    others = [
        Requirement(one.key, _OPERATORS[one.operator], frozenset(one.values or ()))
        for one in read.match_expressions or ()
    ]
    return Selection(labels=(*equal, *others))


def fields_of(resource: ResourceType, obj: Mapping[str, Any]) -> dict[str, str]:
    """The values that field selectors may ask for; an absent one is empty, as in Kubernetes."""
    return {label: _text(_dig(obj, path)) for label, path in FIELDS[resource].items()}


def parse_fields(resource: ResourceType, text: str) -> tuple[Requirement, ...]:
    """A field selector. Raises BadRequest for unknown fields and for what is no selector."""
    terms = [term for term in _split(text) if term.strip()]
    if len(terms) > MOST_REQUIREMENTS:
        raise _too_many("field")
    return tuple(_field(resource, term) for term in terms)


# Each character can be read in one way only, here and in _TOKEN: thousands of blanks cost no time.
_TERM = re.compile(r"((?:[^=!\\]|\\.)*)(!=|==|=)(.*)", re.DOTALL)


def _field(resource: ResourceType, term: str) -> Requirement:
    match = _TERM.match(term)
    if match is None:
        raise BadRequest(f'invalid field selector: "{term}"', hint="write it as field=value or field!=value")
    key, sign, value = match.group(1).strip(), match.group(2), _unescape(match.group(3).strip())
    labels = _labels_of(resource)
    if key not in labels:
        known = ", ".join(sorted(labels))
        raise BadRequest(
            f'field label not supported for {resource.kind}: "{key}"', hint=f"supported are {known}"
        )
    return Requirement(labels[key], Operator.NOT_IN if sign == "!=" else Operator.IN, frozenset({value}))


def _labels_of(resource: ResourceType) -> dict[str, str]:
    """What a selector may name, and what it is called in `FIELDS`: another name where the kind is a view."""
    if resource in FIELDS:
        return {label: label for label in FIELDS[resource]}
    return _EVERY_KIND | (_NAMESPACED if resource.namespaced else {}) | _SHOWN[resource]


def _split(text: str) -> list[str]:
    """At commas that no backslash stands before."""
    return re.split(r"(?<!\\),", text)


def _unescape(value: str) -> str:
    if re.search(r"(?<!\\)(?:\\\\)*=", value):
        raise BadRequest(f'invalid field selector value: "{value}"', hint="write = in a value as \\=")
    return re.sub(r"\\([\\,=])", r"\1", value)


_KEY = re.compile(r"^(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
_TOKEN = re.compile(r"==|!=|[=!<>(),]|[^\s=!<>(),]+")


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """A label selector. Raises BadRequest."""
    tokens = _tokens(text)
    requirements: list[Requirement] = []
    while tokens:
        if len(requirements) == MOST_REQUIREMENTS:
            raise _too_many("label")
        requirements.append(_label(tokens, text))
        if tokens and (tokens.popleft() != "," or not tokens):
            raise _bad(text, "a comma is expected between requirements")
    return tuple(requirements)


def _label(tokens: collections.deque[str], text: str) -> Requirement:
    if tokens[0] == "!":
        tokens.popleft()
        return Requirement(_key(tokens, text), Operator.ABSENT)
    key = _key(tokens, text)
    if not tokens or tokens[0] == ",":
        return Requirement(key, Operator.EXISTS)
    sign = tokens.popleft()
    if sign in ("=", "==", "!="):
        values = frozenset({_value(tokens, text)})
        return Requirement(key, Operator.NOT_IN if sign == "!=" else Operator.IN, values)
    if sign in ("in", "notin"):
        return Requirement(key, Operator(sign), frozenset(_set(tokens, text)))
    if sign in ("<", ">"):
        value = _value(tokens, text)
        if _integer(value) is None:
            raise _bad(text, f'"{value}" is not an integer, which {sign} needs')
        return Requirement(key, Operator(sign), frozenset({value}))
    raise _bad(text, f'found "{sign}", expected one of =, ==, !=, in, notin, <, >')


def _set(tokens: collections.deque[str], text: str) -> Iterator[str]:
    if not tokens or tokens.popleft() != "(":
        raise _bad(text, "in and notin need values in brackets: key in (a,b)")
    while True:
        yield _value(tokens, text)
        sign = tokens.popleft() if tokens else ""
        if sign == ")":
            return
        if sign != ",":
            raise _bad(text, "a bracket is not closed")


def _key(tokens: collections.deque[str], text: str) -> str:
    key = tokens.popleft() if tokens else ""
    if not _KEY.match(key):
        raise _bad(text, f'invalid label key "{key}"')
    return key


def _value(tokens: collections.deque[str], text: str) -> str:
    if not tokens or tokens[0] in (",", ")"):
        return ""
    value = tokens.popleft()
    if not _VALUE.match(value):
        raise _bad(text, f'invalid label value "{value}"')
    return value


def _tokens(text: str) -> collections.deque[str]:
    return collections.deque(_TOKEN.findall(text))


def _too_many(sort: str) -> BadRequest:
    return BadRequest(
        f"the {sort} selector has more than {MOST_REQUIREMENTS} requirements",
        hint="ask for several values of one label at once, key in (a,b), or sort out the rest yourself",
    )


def _bad(text: str, why: str) -> BadRequest:
    return BadRequest(
        f'unable to parse requirement "{text}": {why}', hint="write labels as app=web,tier in (a,b)"
    )


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[+-]?\d+", text) else None


def _dig(obj: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        obj = obj.get(part) if isinstance(obj, Mapping) else None
    return obj


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
