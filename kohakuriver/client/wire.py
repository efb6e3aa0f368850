"""What every client of the API says and reads alike: selectors, answers, warnings, and why nobody answers.

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
    """The object in an answer; what is not one stands as the message of one."""
    try:
        answer = read(content) if content else {}
    except (ValueError, RecursionError):
        answer = content[:_SHOWN].decode(errors="replace")
    return answer if isinstance(answer, dict) else {"message": str(answer)[:_SHOWN]}


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
