"""The Swagger document as protobuf, the one form of it that kubectl takes. Its JSON is in `openapi.py`. Pure.

kubectl 1.37 asks for it where a manifest is of a kind that v3 does not have (a List, a typing error), and for
`explain --output=plaintext-openapiv2`; kubectl of before 1.24 knows no other schema. The field numbers are
those of gnostic's `OpenAPIv2.proto`. What no client reads is left out: bodies and answers of operations,
defaults, and `oneOf`, which Swagger does not have.
"""

import functools
from collections.abc import Iterable
from typing import Any

import orjson

from kohakuriver.apiserver.serving import openapi

Json = dict[str, Any]

ASKED_FOR = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
MEDIA_TYPE = ASKED_FOR.replace("@", ".")  # an answer needs a name that Go can read, as Kubernetes' own has

_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}
_PLACES = {"query": 3, "path": 4}  # of a parameter: the number of its message in NonBodyParameter
_COUNTS = {"maxLength": 11, "minLength": 12, "maxItems": 14, "minItems": 15}


@functools.cache
def document() -> bytes:
    """All of it."""
    spec = openapi.document_v2()
    info = _text(1, spec["info"]["title"]) + _text(2, spec["info"]["version"])
    paths = b"".join(_named(2, path, _item(item)) for path, item in spec["paths"].items())
    schemas = b"".join(_named(1, name, _schema(schema)) for name, schema in spec["definitions"].items())
    return _text(1, spec["swagger"]) + _message(2, info) + _message(8, paths) + _message(9, schemas)


def _schema(schema: Json) -> bytes:
    """In our schemas a `$ref` beside a description is an `allOf` of one; clients want it in its own field."""
    reference = schema.get("$ref") or (schema.get("allOf") or [{}])[0].get("$ref", "")
    parts = [_text(1, reference), _text(2, schema.get("format", "")), _text(4, schema.get("description", ""))]
    parts += [_number(number, schema[word]) for word, number in _COUNTS.items() if word in schema]
    parts += [_text(13, schema.get("pattern", ""))]
    parts += [_text(19, name) for name in schema.get("required", ())]
    parts += [_message(20, _any(value)) for value in schema.get("enum", ())]
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        parts += [_message(21, _message(1, _schema(others)))]
    elif others is not None:
        parts += [_message(21, _number(2, int(others)))]
    if "type" in schema:
        parts += [_message(22, _text(1, schema["type"]))]
    if "items" in schema:
        parts += [_message(23, _message(1, _schema(schema["items"])))]
    if "properties" in schema:
        fields = (_named(1, name, _schema(field)) for name, field in schema["properties"].items())
        parts += [_message(25, b"".join(fields))]
    return b"".join([*parts, *_extensions(31, schema)])


def _item(item: Json) -> bytes:
    return b"".join(_message(_METHODS[method], _operation(operation)) for method, operation in item.items())


def _operation(operation: Json) -> bytes:
    parts = [_text(3, operation["description"]), _text(5, operation["operationId"])]
    parts += [_text(6, media) for media in operation["produces"]]
    parts += [_text(7, media) for media in operation["consumes"]]
    for parameter in operation["parameters"]:
        if parameter["in"] in _PLACES:
            inner = _message(_PLACES[parameter["in"]], _parameter(parameter))
            parts += [_message(8, _message(1, _message(2, inner)))]
    return b"".join([*parts, *_extensions(13, operation)])


def _parameter(parameter: Json) -> bytes:
    """The fields that parameters of a query and of a path have in common, but for the type's number."""
    kind = 6 if parameter["in"] == "query" else 5
    return b"".join(
        [
            _number(1, int(parameter.get("required", False))),
            _text(2, parameter["in"]),
            _text(3, parameter.get("description", "")),
            _text(4, parameter["name"]),
            _text(kind, parameter["type"]),
        ]
    )


def _extensions(number: int, fields: Json) -> Iterable[bytes]:
    return (_named(number, name, _any(value)) for name, value in fields.items() if name.startswith("x-"))


def _any(value: Any) -> bytes:
    """A value of no fixed shape is YAML inside, of which JSON is a part."""
    return _text(2, orjson.dumps(value).decode())


def _named(number: int, name: str, value: bytes) -> bytes:
    return _message(number, _text(1, name) + _message(2, value))


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode()) if text else b""


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
