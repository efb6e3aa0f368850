"""A registry that is not there, refuses or is slow: one listens on a machine's loopback."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed
from tests.e2e.processes import Process

PORT = 5555
ROOT = Path(__file__).parents[3]


class Registry:
    """It, and what it is to do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def do(self, mode: str) -> str:
        """The name of an image that is to be had like that."""
        (self._folder / "mode").write_text(mode)
        return f"127.0.0.1:{PORT}/team/{mode}:1"


@pytest.fixture
def registry(bed: Bed, tmp_path: Path) -> Iterator[Registry]:
    script = str(ROOT / "tests/e2e/registry.py")
    command = [*bed.nodes["n1"].machine.inside, sys.executable, script, str(PORT), str(tmp_path)]
    process = Process("registry", command, tmp_path / "log")
    made = Registry(tmp_path)
    made.do("serve")
    process.start()
    eventually(lambda: "listening" in process.tail())
    yield made
    process.kill()


def _fails(bed: Bed, name: str) -> bool:
    status = bed.get(name)["status"]
    return status["phase"] == "assigning" and status.get("reason") in ("ImagePullFailed", "ImageDenied")


@pytest.mark.fault(19)
def test_a_registry_that_is_not_there_is_said_and_the_vps_can_be_deleted(bed: Bed):
    bed.create("unfetched", placement={"node": "n1"}, image=f"127.0.0.1:{PORT + 1}/team/nowhere:1")

    eventually(lambda: _fails(bed, "unfetched"))

    assert "connection refused" in bed.message("unfetched")
    assert re.search(r"next try in \d+ s", bed.message("unfetched"))
    bed.delete("unfetched")
    eventually(lambda: not bed.exists("unfetched"))
    assert bed.bookings("n1") == {}


@pytest.mark.fault(19)
def test_a_registry_that_refuses_is_said_in_its_words_and_asked_again(bed: Bed, registry: Registry):
    image = registry.do("refuse")
    bed.create("refused", placement={"node": "n1"}, image=image, command=["/nothing"], restartPolicy="Never")

    eventually(lambda: _fails(bed, "refused"))

    assert "denied" in bed.message("refused")
    registry.do("serve")
    eventually(lambda: not _fails(bed, "refused"))
    eventually(lambda: bed.nodes["n1"].containers("refused"))


@pytest.mark.fault(19)
def test_a_slow_pull_says_how_far_it_is_and_leaves_nothing_when_its_vps_is_deleted(
    bed: Bed, registry: Registry
):
    node = bed.nodes["n1"]
    image = registry.do("slow")
    since = time.time()
    bed.create("slow", placement={"node": "n1"}, image=image, command=["/nothing"])

    seen: set[int] = set()

    def moves() -> bool:
        found = re.search(r"pulling \S+: (\d+) %", bed.message("slow"))
        seen.update([int(found[1])] if found else [])
        return len(seen) >= 2

    eventually(moves)
    assert bed.phase("slow") == "assigning"
    bed.delete("slow")
    eventually(lambda: not bed.exists("slow"))  # the pull has not ended: it cannot yet
    registry.do("serve")
    time.sleep(3)  # the pull may go on now, and end
    assert node.containers("slow") == []
    assert node.happenings("slow", since) == []
