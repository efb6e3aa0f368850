"""What the Environments that VPSes name stand for: an image of a registry, or a tarball with its digest.

Between the API's Environment objects and the names of images that the engine knows. Decides nothing.
"""

import dataclasses

from kohakuriver import image_name
from kohakuriver.agent.runtime.base import WHOLE
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import reasons


@dataclasses.dataclass(frozen=True, slots=True)
class Tarball:
    """Where the tarball is, and what it must be."""

    environment: str
    source: str  # a path, or a URL
    digest: str  # sha256:…

    @property
    def is_path(self) -> bool:
        return self.source.startswith("/")


@dataclasses.dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no image: the reason, and a sentence."""

    reason: str
    message: str


class Environments:
    """The Environments, as of a moment ago."""

    def __init__(self, informer: Informer) -> None:
        self._informer = informer

    @property
    def known(self) -> bool:
        """Whether the server has said which there are."""
        return self._informer.synced

    def image(self, name: str) -> str:
        """The image that an Environment stands for now; empty where there is none of that name."""
        held = self._get(name)
        return image_name.of_environment(held) if held else ""

    def names(self, image: str) -> bool:
        """Whether an Environment stands for this image of a registry, however either is spelled."""
        whole = image_name.full(image)
        named = (str((held.get("spec") or {}).get("image") or "") for held in self._informer)
        return any(one and image_name.full(one) == whole for one in named)

    @property
    def images(self) -> frozenset[str]:
        """Those that Environments stand for, or will once they are made, and what these are just made of."""
        found: set[str] = set()
        for held in self._informer:
            if UNREADABLE in held:
                continue
            image = self.image(held["metadata"]["name"])
            made = image_name.of_environment_vps(held)
            found |= {image} if image else {made, f"{made}{WHOLE}"}
        return frozenset(found)

    def tarball(self, image: str) -> Tarball | None:
        """The tarball that an image is made of; None for any that is not an Environment's."""
        if not image.startswith(image_name.ENVIRONMENTS):
            return None
        name = image.removeprefix(image_name.ENVIRONMENTS).partition(":")[0]
        if self.image(name) != image:
            return None
        held = self._get(name)
        whole = (held.get("spec") or {}) | ((held.get("status") or {}) if held["spec"].get("vps") else {})
        return Tarball(name, whole["tarball"], whole["digest"])

    def missing(self, name: str) -> Missing:
        """Why an Environment stands for no image yet."""
        held, status = self._get(name), self._get(name).get("status") or {}
        if not self.known:
            return Missing("EnvironmentNotReady", f'what the Environment "{name}" is has yet to be heard')
        if not held:
            words = f'there is no Environment "{name}"; kohakuriver env list shows those there are'
            return Missing(reasons.ENVIRONMENT_MISSING, words)
        if status.get("phase") == "Failed":
            words = f'the Environment "{name}" could not be made: {status.get("message")}'
            return Missing(reasons.ENVIRONMENT_FAILED, words)
        words = (
            f'the Environment "{name}" is still being made: {status.get("message") or "its node is asked"}'
        )
        return Missing("EnvironmentNotReady", words)

    def _get(self, name: str) -> Object:
        return self._informer.get(ObjectKey("", name)) or {}
