"""Why an image could not be pulled, in a few words of ours before the engine's many. Pure.

An engine tells what a registry said in one sentence of up to a hundred words, whose end says most. These are
the words of Docker, containerd and the registries; what fits none is told in the engine's own.
"""

import dataclasses
import re
from typing import Final

from kohakuriver import image_name
from kohakuriver.agent.runtime.errors import ImagePullFailed
from kohakuriver.resources import reasons


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """One thing that goes wrong: how engines word it, and how it is told."""

    pattern: re.Pattern[str]
    words: str  # with {registry}, {image} (without the registry) and {whole}
    reason: str = ""
    hint: str = ""


def _kind(pattern: str, words: str, reason: str = "", hint: str = "") -> _Kind:
    return _Kind(re.compile(pattern, re.IGNORECASE), words, reason, hint)


# The first that fits counts: where Docker Hub refuses it says "does not exist" too, and does not tell which.
_KINDS: Final = (
    _kind(
        r"no space left on device",
        "the node's disk is full: no room for {whole}",
        hint="free some on the node, or choose another: kohakuriver node list",
    ),
    _kind(
        r"toomanyrequests|too many requests|rate limit", "registry {registry} wants fewer pulls for a while"
    ),
    _kind(
        r"no matching manifest for",
        "registry {registry} has {image} for other machines only",
        reasons.IMAGE_NOT_FOUND,
        hint="the node's architecture is in: kohakuriver node status NODE",
    ),
    _kind(
        r"repository does not exist or may require",
        "registry {registry} has no image {image}, or refuses access to it",
        reasons.IMAGE_DENIED,
    ),
    _kind(
        r"access denied|unauthorized|authentication required|no basic auth credentials|\bdenied\b|forbidden",
        "registry {registry} refuses access to {image}",
        reasons.IMAGE_DENIED,
    ),
    _kind(
        r"manifest unknown|name unknown|not found",
        "registry {registry} has no image {image}",
        reasons.IMAGE_NOT_FOUND,
    ),
    _kind(r"no such host|server misbehaving|name resolution", "no registry answers at {registry}"),
    _kind(
        r"connection refused|no route to host|network is unreachable|host is down|i/o timeout"
        r"|deadline exceeded|request canceled|connection reset|handshake timeout|\bEOF\b",
        "no registry answers at {registry}",
    ),
    _kind(
        r"x509|certificate|server gave HTTP response to HTTPS client",
        "the node does not trust the certificate of registry {registry}",
        hint="an administrator adds it to the engine: docs.docker.com/engine/security/certificates",
    ),
)


def refused(reference: str, said: str, *, hint: str = "") -> ImagePullFailed:
    """The error for what the engine said of a pull."""
    registry = image_name.registry(reference)
    whole = image_name.full(reference)
    image = whole.partition("/")[2].removeprefix("library/")
    for kind in _KINDS:
        if kind.pattern.search(said):
            own = kind.words.format(registry=registry, image=image, whole=reference)
            return ImagePullFailed(own, said=said, reason=kind.reason, hint=hint or kind.hint)
    return ImagePullFailed(f"the image {reference} could not be pulled", said=said, hint=hint)
