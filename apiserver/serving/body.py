"""Request bodies: JSON or Kubernetes' protobuf in, a dict out, with sentences for what is neither."""

from typing import Any

import orjson
from aiohttp import web

from apiserver.serving import protobuf
from kohakuriver.errors import BadRequest, TooLarge, UnsupportedMediaType

LIMIT = 3 * 1024 * 1024  # bytes; what Kubernetes takes

JSON_TYPES = ("application/json", "application/octet-stream", "")  # the second is aiohttp's for none given


async def raw(request: web.Request) -> bytes:
    """The whole body. Raises TooLarge."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLarge(
            f"the request body is larger than {LIMIT} bytes", hint="split it into several requests"
        ) from error


async def parsed(request: web.Request, *, required: bool = True) -> dict[str, Any]:
    """The object in the body; an empty one when none is required. Raises BadRequest and kin."""
    content = await raw(request)
    if not content.strip():
        if required:
            raise BadRequest("the request has no body", hint="send the object as JSON")
        return {}
    media = request.content_type
    if media == protobuf.MEDIA_TYPE:
        return protobuf.decode(content)
    if media not in JSON_TYPES:
        raise UnsupportedMediaType(
            f"the body has the unsupported type {media}", hint="send Content-Type: application/json"
        )
    return _object(_json(content))


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not valid JSON: {error}", hint="send one JSON object") from error


def _object(content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise BadRequest(
            f"the body is a {type(content).__name__}, not an object", hint="send one JSON object"
        )
    return content


async def parsed_patch(request: web.Request) -> Any:
    """A patch: any JSON value; which shape its type wants is the patch's own business."""
    return _json(await raw(request))
