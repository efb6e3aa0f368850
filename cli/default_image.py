"""What is said of nodes that lack the default image of VPSes, or have one that is old. Pure."""

import datetime
from collections.abc import Iterable
from typing import Final

from kohakuriver import clock
from kohakuriver.cli.api.http import Object
from kohakuriver.resources.view import Node

OLD: Final = datetime.timedelta(
    days=60
)  # in which Debian corrects enough to be worth a minute; as in image/build
COMMAND: Final = "kohakuriver image build"


def words(nodes: Iterable[Object], now: datetime.datetime) -> list[str]:
    """A sentence for each node where something is to be done; none for those that have not said how it is."""
    found = [_of(node, now) for node in nodes]
    return [one for one in found if one]


def _of(node: Object, now: datetime.datetime) -> str:
    name, image = Node.of(node).name, Node.of(node).default_image
    if image.is_missing:
        return f"node {name}: the default image is missing; on that node, as root: {COMMAND}"
    try:
        age = now - clock.parse_timestamp(image.built)
    except ValueError:
        return ""
    if age < OLD:
        return ""
    return (
        f"node {name}: the default image is {age.days} days old; what was corrected since comes "
        f"with a new one; on that node, as root: {COMMAND} --renew"
    )
