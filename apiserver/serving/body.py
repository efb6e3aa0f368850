"""Request bodies: JSON, YAML or Kubernetes' protobuf in, a value out, with sentences for what is none.

Fields that stand twice in one object are found on the way: JSON takes the last of them without a word.
"""

import asyncio
import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from kohakuriver.apiserver.identity.identity import Role
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.objects.extent import DEEPEST, MOST_NAMED, excess, listed
from kohakuriver.apiserver.objects.validation import FieldValidation
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.serving import protobuf, yaml_body
from kohakuriver.apiserver.serving.middleware import PASSAGE, SHARE, USER
from kohakuriver.apiserver.write import patch
from kohakuriver.errors import BadRequest, Cause, TooLarge, TooSlow, UnsupportedMediaType

_SPACED = re.compile(rb'"\s+:')
LIMIT = 3 * 1024 * 1024  # bytes; what Kubernetes takes
USERS_LIMIT = 512 * 1024  # bytes from a user, whose objects have half as many
WITHIN = 30.0  # seconds for all of it

JSON_TYPES = ("application/json", "application/octet-stream", "")  # the second is aiohttp's for none given
YAML_TYPES = ("application/yaml", patch.APPLY)


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """What a body holds, and what its sender should know of it."""

    content: Any
    warnings: tuple[str, ...] = ()


async def raw(request: web.Request) -> bytes:
    """The whole body, for which its sender is charged. Raises TooLarge, TooSlow, TooManyRequests, and
    BadRequest for one that breaks off."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise UnsupportedMediaType(f"the body is compressed ({encoding[:40]})", hint="send it as it is")
    _weigh(request, request.content_length or 0)
    try:
        async with asyncio.timeout(WITHIN):
            content = await request.read()
    except TimeoutError as error:
        raise TooSlow(
            f"the request body did not come within {WITHIN:g} seconds", hint="send it faster, or less of it"
        ) from error
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise BadRequest("the request body is broken", hint="check its length and its encoding") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLarge(
            f"the request body is larger than {LIMIT} bytes", hint="split it into several requests"
        ) from error
    if request.content_length is None:
        _weigh(request, len(content))
    if SHARE in request:
        request[SHARE].charge(weights.fields(content))
        if len(content) > weights.LONG:
            await request[PASSAGE].enter()
            await request[SHARE].turn()
    return content


def _weigh(request: web.Request, length: int) -> None:
    """Before a body is read, where its length is said. Raises TooLarge, TooManyRequests."""
    if SHARE not in request:
        return
    if length > USERS_LIMIT and request[USER].role is Role.USER:
        raise TooLarge(
            f"the request body is larger than {USERS_LIMIT} bytes",
            hint=f"an object has at most {weight.LARGEST} bytes: send less, or a patch of what is to change",
        )
    if length > weights.LONG:
        request[SHARE].check_lane()
    request[SHARE].charge(weights.writing(length))


async def parsed(request: web.Request, *, required: bool = True) -> dict[str, Any]:
    """The object in the body; an empty one when none is required. Raises BadRequest and kin."""
    content = await raw(request)
    if not content.strip() and not required:
        return {}
    return _object(_read(request.content_type, content, lambda field: None))


async def sent(request: web.Request, mode: FieldValidation) -> Sent:
    """The object in the body of a write."""
    return _checked(request.content_type, await raw(request), mode, _object)


async def sent_patch(request: web.Request, mode: FieldValidation) -> Sent:
    """A patch: any JSON value; which shape its type wants is the patch's own business."""
    media = patch.APPLY if request.content_type == patch.APPLY else "application/json"
    return _checked(media, await raw(request), mode, lambda content: content)


def _checked(media: str, content: bytes, mode: FieldValidation, accept: Callable[[Any], Any]) -> Sent:
    doubled: list[str] = []
    value = accept(_read(media, content, doubled.append))
    if mode is FieldValidation.IGNORE or not doubled:
        return Sent(value)
    fields = tuple(dict.fromkeys(doubled))
    words = tuple(f'duplicate field "{field}"' for field in fields)
    if mode is FieldValidation.WARN:
        return Sent(value, words)
    causes = tuple(
        Cause(field, word, "FieldValueDuplicate")
        for field, word in zip(fields[:MOST_NAMED], words[:MOST_NAMED], strict=True)
    )
    raise BadRequest(
        f"strict decoding error: {listed(words)}",
        hint="leave one of them: only the last would count",
        causes=causes,
    )


def _read(media: str, content: bytes, doubled: Callable[[str], None]) -> Any:
    if not content.strip():
        raise BadRequest("the request has no body", hint="send the object as JSON")
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode(content)
    if media in YAML_TYPES and content.lstrip()[:1] not in (b"{", b"["):
        return yaml_body.decode(content, doubled)
    if media not in JSON_TYPES + YAML_TYPES:
        raise UnsupportedMediaType(
            f"the body has the unsupported type {media}", hint="send Content-Type: application/json"
        )
    return _json(content, doubled)


def _json(content: bytes, doubled: Callable[[str], None]) -> Any:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not valid JSON: {error}", hint="send one JSON object") from error
    if content.count(b"{") + content.count(b"[") + content.count(b",") > DEEPEST:
        _check_extent(value)
    if _doubles(content, value):
        _tell(json.loads(content, object_pairs_hook=_Pairs), "", doubled)
    return value


def _check_extent(value: Any) -> None:
    too_much = excess(value)
    if too_much:
        raise TooLarge(
            f"the body has {too_much}",
            hint="send one object of the kind that the path names, or a part of it",
        )


def _doubles(content: bytes, value: Any) -> bool:
    """Whether any object of a JSON text has a field twice; `value` is what was read from it."""
    fields = _fields(value)
    if content.count(b":") == fields:
        return False  # every field has a colon of its own, and none is left over for a second one
    if b"\\" not in content and content.count(b'":') == fields and not _SPACED.search(content):
        return False  # the others are in texts, such as times, where no quote stands before them
    found = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len(dict(pairs)) < len(pairs)

    json.loads(content, object_pairs_hook=look)
    return found


def _fields(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_fields(inner) for inner in value.values() if isinstance(inner, dict | list))
    return sum(map(_fields, value)) if isinstance(value, list) else 0


class _Pairs(list[tuple[str, Any]]):
    """An object with every one of its fields."""


def _tell(value: Any, at: str, doubled: Callable[[str], None]) -> None:
    if isinstance(value, _Pairs):
        seen = set[str]()
        for name, inner in value:
            here = f"{at}.{name}" if at else name
            if name in seen:
                doubled(here)
            seen.add(name)
            _tell(inner, here, doubled)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _tell(inner, f"{at}[{index}]", doubled)


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise BadRequest(
            f"the body is a {type(content).__name__}, not an object", hint="send one JSON object"
        )
    return content
