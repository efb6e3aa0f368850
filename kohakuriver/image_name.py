"""What the name of an image means to a container engine, and which names are KohakuRiver's own. Pure.

An engine completes a name before it looks anything up: `debian` is `docker.io/library/debian:latest` to it,
and `index.docker.io/a/b` is `docker.io/a/b`. And what is no name it takes for the beginning of an image's id.
So whoever asks what a name begins with, or hands one to an engine, asks this module first.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

OWN: Final = "kohakuriver/"  # what is named below this is made on the node, and comes from no registry
COMMITS: Final = f"{OWN}commit-"  # files of a container that is made anew: of one VPS, by its uid
ENVIRONMENTS: Final = f"{OWN}environment-"  # of the Environment of that name
SNAPSHOTS: Final = f"{OWN}snapshot-"  # files of a Snapshot, by its uid

_HUB: Final = "docker.io"
_HUB_BY_THE_ENGINE: Final = {_HUB, "index.docker.io"}
# The same server by other names. The engine tells them apart; what is refused is refused under all of them.
_HUB_BY_ANYBODY: Final = {*_HUB_BY_THE_ENGINE, "registry-1.docker.io", "registry.hub.docker.com"}
# A name's last label is never a number: `127.1`, `0x7f.1` and `2130706433` are addresses to a resolver.
_ADDRESS: Final = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*|localhost)$", re.ASCII)
_ID: Final = re.compile(r"[0-9a-f]+|sha(?:256|384|512):.*", re.IGNORECASE)


def full(reference: str) -> str:
    """The name under which the engine files an image: with registry, path, and either tag or digest.

    It has a slash and a colon, so that no engine can take it for an id.
    """
    registry, path, version = _parts(reference)
    return f"{_HUB if registry in _HUB_BY_THE_ENGINE else registry}/{path}{version}"


def own(reference: str) -> str:
    """How an image of KohakuRiver's own is named for short, with its tag; empty for any other image.

    Any spelling that may mean one counts as one.
    """
    registry, path, version = _parts(reference.lower())
    is_hub = registry.partition(":")[0].rstrip(".") in _HUB_BY_ANYBODY
    return f"{path}{version}" if is_hub and path.startswith(OWN) else ""


def may_be_an_id(reference: str) -> bool:
    """Whether an engine could take this for an id, or for the beginning of one."""
    return _ID.fullmatch(reference) is not None


def repository(reference: str) -> tuple[str, str]:
    """The full name without its tag or digest, and that by itself."""
    name = full(reference)
    _, _, version = _parts(reference)
    return name.removesuffix(version), version[1:]


def registry(reference: str) -> str:
    """The server that an image comes from, with its port if it names one: `docker.io`, `10.0.0.1:5000`."""
    return full(reference).partition("/")[0].lower()


def place(text: str) -> str:
    """A registry, or a part of one, as it begins the full names of the images there."""
    host, slash, path = text.lower().partition("/")
    return f"{_HUB if host in _HUB_BY_THE_ENGINE else host}{slash}{path}"


def is_below(repository: str, where: str) -> bool:
    """Whether a repository is in this place (see `place`): `docker.io/library` is not in `docker.io/lib`."""
    host, slash, path = repository.partition("/")
    name = f"{host.lower()}{slash}{path}"
    return name == where or name.startswith(f"{where}/")


def is_an_address(server: str) -> bool:
    """Whether a registry is named by an address, in any spelling that a resolver takes, or is localhost."""
    if server.startswith("["):
        return True
    host = server.partition(":")[0].rstrip(".").lower()
    return _ADDRESS.search(host) is not None


def of_environment(environment: Mapping[str, Any]) -> str:
    """The image that an Environment stands for now, as nodes name it; empty where there is none yet."""
    spec, name = environment.get("spec") or {}, environment["metadata"]["name"]
    if spec.get("tarball"):
        return f"{ENVIRONMENTS}{name}:{spec['digest'].removeprefix('sha256:')[:12]}"
    if spec.get("vps"):
        is_ready = (environment.get("status") or {}).get("phase") == "Ready"
        return of_environment_vps(environment) if is_ready else ""
    return str(spec.get("image") or "")


def of_environment_vps(environment: Mapping[str, Any]) -> str:
    """What the image of an Environment that is made from a VPS is called, on every node."""
    metadata = environment["metadata"]
    return f"{ENVIRONMENTS}{metadata['name']}:{metadata['uid'].replace('-', '')[:12]}"


def of_snapshot(uid: str) -> str:
    """What the image with the files of the Snapshot of that uid is called, on its node."""
    return f"{SNAPSHOTS}{uid.replace('-', '')[:20]}:latest"


def _parts(reference: str) -> tuple[str, str, str]:
    """The registry, the path, and `:tag` or `@digest`: a tag beside a digest means nothing to the engine."""
    name, _, digest = reference.partition("@")
    registry, slash, path = name.partition("/")
    looks_like_a_host = set(registry) & set(".:") or registry == "localhost" or registry != registry.lower()
    if not slash or not looks_like_a_host:
        registry, path = _HUB, name
    head, slash, last = path.rpartition("/")
    last, _, tag = last.partition(":")
    path = f"{head}{slash}{last}"
    if registry in _HUB_BY_THE_ENGINE and "/" not in path:
        path = f"library/{path}"
    return registry, path, f"@{digest}" if digest else f":{tag or 'latest'}"
