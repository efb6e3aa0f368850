"""Whose an image of this node is, by its name: not every one is there for everybody. Pure.

Asked right before something is made of an image, whatever the server has let through.
"""

from kohakuriver import image_name
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.runtime.errors import ImageOfAnother


def commits(uid: str) -> str:
    """Where the images of the files of this VPS lie."""
    return f"{image_name.COMMITS}{uid[:8]}"


def check(image: str, desired: Desired) -> None:
    """Raises ImageOfAnother where this image is not for this VPS."""
    own = image_name.own(image)
    if own.startswith(image_name.COMMITS) and not own.startswith(f"{commits(desired.uid)}:"):
        raise ImageOfAnother(
            f"the image {image} holds the files of another VPS",
            hint="name an image or an Environment instead",
        )
    if own.startswith(image_name.SNAPSHOTS) and not (desired.snapshot and image == desired.image):
        raise ImageOfAnother(
            f"the image {image} is a Snapshot's, and is had through that alone",
            hint="name the Snapshot in spec.filesFrom.snapshot, in its own namespace",
        )
    if own.startswith(image_name.ENVIRONMENTS) and not desired.environment:
        raise ImageOfAnother(
            f"the image {image} is an Environment's, and is had through that alone",
            hint="name the Environment in spec.environment, in place of spec.image",
        )
