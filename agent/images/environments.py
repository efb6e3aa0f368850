"""What the Environments that VPSes name stand for: an image of a registry, or a tarball with its digest.

Between the API's Environment objects and the names of images that the engine knows. Decides nothing.
"""

import dataclasses

from kohakuriver.client.watch import Informer, ObjectKey

TARBALLS = "kohakuriver/environment-"  # names below kohakuriver/ come from no registry


@dataclasses.dataclass(frozen=True, slots=True)
class Tarball:
    """Where the tarball is, and what it must be."""

    source: str  # a path of this machine, or a URL
    digest: str  # sha256:…

    @property
    def is_path(self) -> bool:
        return self.source.startswith("/")


class Environments:
    """The Environments, as of a moment ago."""

    def __init__(self, informer: Informer) -> None:
        self._informer = informer

    def image(self, name: str) -> str:
        """The image that an Environment stands for now; empty where there is none of that name."""
        held = self._informer.get(ObjectKey("", name))
        spec = (held or {}).get("spec") or {}
        if spec.get("tarball"):
            return f"{TARBALLS}{name}:{spec['digest'].removeprefix('sha256:')[:12]}"
        return str(spec.get("image") or "")

    def tarball(self, image: str) -> Tarball | None:
        """The tarball that an image is made of; None for any that is not an Environment's."""
        if not image.startswith(TARBALLS):
            return None
        name = image.removeprefix(TARBALLS).partition(":")[0]
        if self.image(name) != image:
            return None
        held = self._informer.get(ObjectKey("", name))
        spec = (held or {}).get("spec") or {}
        return Tarball(spec["tarball"], spec["digest"])
