"""Environment: a name for an image, and how a node gets it. An administrator writes it.

The status of one that is made from a VPS is written by the node that makes it.
"""

import re
from typing import Annotated, Literal

import pydantic

from kohakuriver.resources import container, meta

_DIGEST = r"^sha256:[0-9a-f]{64}$"
_URL = re.compile(r"https?://[^\s/]+/\S*")
_WITH_PASSWORD = re.compile(r"https?://[^\s/?#]*@")


def _tarball(text: str) -> str:
    if not text.startswith("/") and not _URL.fullmatch(text):
        raise ValueError("write an absolute path, or a URL that starts with https:// or http://")
    if _WITH_PASSWORD.match(text):
        raise ValueError(
            "everybody would read the name and password in this URL: leave them out, and write them into the "
            "file .netrc of whoever runs the agents"
        )
    return text


class EnvironmentVPS(meta.Model):
    """The VPS whose files are taken, once, when the Environment is created."""

    namespace: str
    """Its namespace."""
    name: str
    """Its name."""
    uid: str
    """Its uid: a namesake made since is another VPS."""
    node: str
    """The node it is on, which does it."""


class EnvironmentStatus(meta.Model):
    """What became of the making; of Environments made from a VPS alone."""

    phase: Literal["Making", "Ready", "Failed"] | None = None
    """Making, Ready or Failed."""
    message: str | None = None
    """What is being done, or why it failed."""
    image: str | None = None
    """The image, as the engine of its node knows it."""
    tarball: str | None = None
    """The tarball, as a path of its node; other nodes get it from there."""
    digest: Annotated[str, pydantic.Field(pattern=_DIGEST)] | None = None
    """The tarball's digest."""
    size: int | None = None
    """The tarball's size in bytes."""


class EnvironmentSpec(meta.Model):
    """Where the image comes from: a registry, a tarball (`docker save` or `docker export`), or a VPS."""

    image: container.ImageName | None = None
    """The image's reference, in the engine or in a registry."""
    tarball: Annotated[str, pydantic.Field(max_length=4096), pydantic.AfterValidator(_tarball)] | None = None
    """A path that a node can read, from which the others get it, or a URL."""
    digest: Annotated[str, pydantic.Field(pattern=_DIGEST)] | None = None
    """The tarball's digest, `sha256:` and 64 digits; nothing else is loaded."""
    vps: EnvironmentVPS | None = None
    """A VPS whose files it is made of."""

    @pydantic.field_validator("tarball")
    @classmethod
    def _not_beside_an_image(cls, tarball: str | None, info: pydantic.ValidationInfo) -> str | None:
        if tarball is not None and info.data.get("image") is not None:
            raise ValueError("set image or tarball, and leave the other out")
        return tarball

    @pydantic.field_validator("digest")
    @classmethod
    def _of_a_tarball(cls, digest: str | None, info: pydantic.ValidationInfo) -> str | None:
        if digest is not None and info.data.get("image") is not None:
            raise ValueError("it is a tarball's: an image carries its digest in its name (NAME@sha256:…)")
        return digest

    @pydantic.model_validator(mode="after")
    def _one_of_both(self) -> "EnvironmentSpec":
        if self.image is None and self.tarball is None and self.vps is None:
            raise ValueError("set image, or tarball and digest, or vps")
        if self.vps is not None and (self.image is not None or self.tarball is not None):
            raise ValueError("set one of image, tarball and vps")
        if self.tarball is not None and self.digest is None:
            raise ValueError("set digest beside tarball: `sha256sum FILE` prints it")
        return self


class Environment(meta.Object):
    """A name for an image, for `spec.environment` of VPSes."""

    spec: EnvironmentSpec
    """Where the image comes from."""
    status: EnvironmentStatus | None = None
    """What became of one that is made from a VPS."""
