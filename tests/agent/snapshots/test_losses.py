"""What of a container's files an image of them does not hold, by the real program."""

import os
from pathlib import Path

import pytest

from kohakuriver.agent.snapshots.losses import Lost, Scanner
from tests.agent.snapshots import awkward

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attributes of root")


async def test_sockets_and_attributes_are_found_and_nothing_else(tmp_path: Path) -> None:
    awkward.make(tmp_path)
    found = await Scanner().find(str(tmp_path), driver="overlay2")
    assert (found.sockets, found.sockets_in_all) == (("/socket",), 1)
    assert found.attributes == 2
    assert found.first in ("/attributes", "/inherits")


async def test_images_of_containerd_hold_attributes(tmp_path: Path) -> None:
    awkward.make(tmp_path)
    assert await Scanner().find(str(tmp_path), driver="overlayfs") == Lost(("/socket",), 1)


async def test_of_many_sockets_the_first_are_named(tmp_path: Path) -> None:
    for at in range(30):
        os.mknod(tmp_path / f"{at:02}", 0o140600)
    found = await Scanner().find(str(tmp_path), driver="overlay2")
    assert (len(found.sockets), found.sockets_in_all) == (20, 30)


async def test_of_what_cannot_be_looked_through_nothing_is_said(tmp_path: Path) -> None:
    assert await Scanner().find(str(tmp_path / "gone"), driver="overlay2") == Lost()
