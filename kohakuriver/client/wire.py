"""What every client of the API says and reads alike: selectors, answers, events, and why nobody answers.

Two clients stand on it: the programs' over aiohttp, and the command's over the standard library. Imports
nothing that takes long. Does no I/O.
"""

import json
import ssl
from collections.abc import Callable
from typing import Any

from kohakuriver import errors

Object = dict[str, Any]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
WATCH_SILENCE = 70.0  # seconds without a byte that mean a dead peer: a bookmark comes at least every 60
_SHOWN = 256  # characters of an answer that is not an object


def selectors(field_selector: str = "", label_selector: str = "") -> dict[str, str]:
    """The parameters that choose among objects."""
    pairs = {"fieldSelector": field_selector, "labelSelector": label_selector}
    return {key: value for key, value in pairs.items() if value}


def watching(resource_version: str = "") -> dict[str, str]:
    """The parameters of a watch, from just after that version."""
    since = {"resourceVersion": resource_version} if resource_version else {}
    return {"watch": "1", "allowWatchBookmarks": "true", **since}


def parsed(content: bytes, *, read: Callable[[bytes], Any] = json.loads) -> Object:
    """The object in an answer of an error; what is not one stands as the message of one."""
    try:
        answer = read(content) if content else {}
    except (ValueError, RecursionError):
        answer = content[:_SHOWN].decode(errors="replace")
    return answer if isinstance(answer, dict) else {"message": str(answer)[:_SHOWN]}


def answered(
    content: bytes,
    status: int,
    *,
    asked: tuple[str, str],
    server: str,
    is_text: bool = False,
    has_kind: bool = True,
    read: Callable[[bytes], Any] = json.loads,
) -> Object:
    """The object of an answer below 400 to what was `asked`: a method, and a path. Below `/api` an object has
    its kind, but for paths that answer with one that has none; elsewhere it may be text.

    Raises what `foreign` says for anything else: proxies and login pages answer 200 as well.
    """
    method, path = asked
    is_api = path.startswith("/api")
    found = _object(content, read)
    if status < 300 and found is not None and ("kind" in found or not is_api or not has_kind):
        return found
    if status < 300 and found is None and is_text and not is_api:
        return parsed(content)  # the `ok` of /readyz
    raise foreign(server, method, status)


def event(
    line: bytes, *, server: str, status: int, read: Callable[[bytes], Any] = json.loads
) -> tuple[str, Object]:
    """A watch's event: its type, and its object. Raises ApiError for one that says why the watch ends, and
    Unreachable for what is no event."""
    found = _object(line, read) or {}
    kind, body = found.get("type"), found.get("object")
    if not isinstance(kind, str) or not isinstance(body, dict):
        raise foreign(server, "GET", status)
    if kind == "ERROR":
        raise errors.from_status(body)
    return kind, body


def foreign(server: str, method: str, status: int, why: str = "") -> errors.KohakuRiverError:
    """What to raise for an answer that is not the API's."""
    message = f"{server} answered {status} with something else than the API answers"
    message += f" ({why})" if why else ""
    if method == "GET":
        return errors.Unreachable(
            message, hint="is this the API server's address, and is there no proxy or login page before it?"
        )
    return errors.OutcomeUnknown(
        f"{message}, perhaps a proxy's page",
        hint="the change may or may not have been made: look before trying again",
    )


def _object(content: bytes, read: Callable[[bytes], Any]) -> Object | None:
    """The JSON object that this is; None where it is anything else."""
    try:
        found = read(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def warning(header: str) -> str:
    """The text of a `Warning: 299 - "text"` header."""
    _, quote, rest = header.partition('"')
    return rest.rstrip('"').replace('\\"', '"') if quote else header


def unreachable(server: str, error: BaseException | str) -> errors.Unreachable:
    """Why a server could not be asked, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return errors.Unreachable(
            f"the certificate of {server} is not trusted: {error.verify_message}",
            hint="the config file may be of another cluster; name one with --config",
        )
    if isinstance(error, ConnectionRefusedError):
        return errors.Unreachable(
            f"nothing listens at {server}", hint="start a cluster on this machine: kohakuriver up"
        )
    why = error if isinstance(error, str) else in_words(error)
    return errors.Unreachable(
        f"the API server at {server} cannot be reached: {why}",
        hint="is it running, and is this its address? Start one on this machine: kohakuriver up",
    )


def in_words(error: BaseException) -> str:
    """What went wrong with a connection."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
