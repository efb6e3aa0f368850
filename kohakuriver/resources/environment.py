"""Environment: a name for an image, and how a node gets it. An administrator writes it."""

import re
from typing import Annotated

import pydantic

from kohakuriver.resources import meta

_DIGEST = r"^sha256:[0-9a-f]{64}$"
_URL = re.compile(r"https?://[^\s/]+/\S*")


def _tarball(text: str) -> str:
    if not text.startswith("/") and not _URL.fullmatch(text):
        raise ValueError("write an absolute path, or a URL that starts with https:// or http://")
    return text


class EnvironmentSpec(meta.Model):
    """Where the image comes from: a registry, or a tarball made by `docker save` or `docker export`."""

    image: Annotated[str, pydantic.Field(min_length=1, max_length=512)] | None = None
    """The image's reference, in the engine or in a registry."""
    tarball: Annotated[str, pydantic.Field(max_length=4096), pydantic.AfterValidator(_tarball)] | None = None
    """A path that nodes can read, or a URL."""
    digest: Annotated[str, pydantic.Field(pattern=_DIGEST)] | None = None
    """The tarball's digest, `sha256:` and 64 digits; nothing else is loaded."""

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
        if self.image is None and self.tarball is None:
            raise ValueError("set image, or tarball and digest")
        if self.tarball is not None and self.digest is None:
            raise ValueError("set digest beside tarball: `sha256sum FILE` prints it")
        return self


class Environment(meta.Object):
    """A name for an image, for `spec.environment` of VPSes."""

    spec: EnvironmentSpec
    """Where the image comes from."""
