"""Which names of images no VPS and no Environment may be given; for admission. Pure.

The agents refuse the same, whatever is let through here. What an object has named all along stays, so that it
can be changed in other ways.
"""

from typing import Any

from kohakuriver import errors, image_name
from kohakuriver.apiserver.objects import objects
from kohakuriver.resources import kinds

Json = dict[str, Any]


def check(resource: kinds.ResourceType, old: Json | None, new: Json) -> None:
    """Refuse an image that is newly named and is none."""
    image = new["spec"].get("image") or ""
    why = "" if old is not None and old["spec"].get("image") == image else _fault(resource, image)
    if why:
        cause = errors.Cause("spec.image", f'Invalid value: "{image}": {why}')
        raise objects.invalid(resource, new["metadata"]["name"], cause)


def _fault(resource: kinds.ResourceType, image: str) -> str:
    own = image_name.own(image)
    if image_name.may_be_an_id(image):
        return (
            "an engine may take this for an image's id, or for the beginning of one, which means something "
            f"on that engine only: write a name, and in full if this is one: {image_name.full(image)}"
        )
    if own.startswith(image_name.COMMITS):
        return "it is the state of another VPS, kept by its node: write the name of an image"
    if own.startswith(image_name.SNAPSHOTS):
        return "it has the files of a Snapshot: name that Snapshot in spec.filesFrom.snapshot of a VPS"
    if own.startswith(image_name.ENVIRONMENTS) and resource is kinds.VPS:
        return "it is an Environment's: name that in spec.environment, in place of spec.image"
    return ""
