"""Which images go when the disk is full."""

import pytest

from kohakuriver.agent.deciding import unused
from kohakuriver.agent.deciding.unused import Fetched, Marks
from kohakuriver.agent.runtime.base import COMMIT_CLUSTER_LABEL, Stocked

CLUSTER = "c1"
OURS = {COMMIT_CLUSTER_LABEL: CLUSTER}


def an_image(name: str, *, labels=None, is_used=False) -> Stocked:
    return Stocked(f"docker.io/{name}", f"sha256:{name}", 100, labels or {}, is_used)


def fetched(**used: float) -> dict[str, Fetched]:
    return {
        f"docker.io/library/{name}:1": Fetched(f"sha256:library/{name}:1", at) for name, at in used.items()
    }


def goes(*stock: Stocked, known=None, needed=frozenset(), uids=frozenset()) -> str | None:
    found = unused.next_to_go(stock, known or {}, needed=needed, uids=uids, cluster=CLUSTER)
    return found.name.removeprefix("docker.io/") if found is not None else None


def test_the_longest_unused_of_those_that_the_agent_brought_goes_first():
    stock = [an_image("library/a:1"), an_image("library/b:1"), an_image("library/c:1")]
    assert goes(*stock, known=fetched(a=30, b=10, c=20)) == "library/b:1"


def test_a_strangers_image_stays_under_any_name():
    assert goes(an_image("library/a:1")) is None
    other = {"docker.io/library/a:1": Fetched("sha256:another", 10)}
    assert goes(an_image("library/a:1"), known=other) is None


@pytest.mark.parametrize("why", ["used", "needed"])
def test_what_is_used_or_needed_stays(why):
    image = an_image("library/a:1", is_used=why == "used")
    needed = frozenset({image.name} if why == "needed" else ())
    assert goes(image, known=fetched(a=1), needed=needed) is None


@pytest.mark.parametrize("name", ["kohakuriver/debian-ssh:latest", "kohakuriver/busybox:latest"])
def test_the_projects_own_images_stay_whatever_is_noted(name):
    image = an_image(name, labels=OURS)
    assert goes(image, known={image.name: Fetched(image.id, 1)}) is None


def test_files_of_a_vps_stay_while_it_is_here_and_go_when_it_is_not():
    image = an_image("kohakuriver/commit-12345678:3", labels=OURS)
    assert goes(image, uids={"12345678-aaaa"}) is None
    assert goes(image, uids={"87654321-aaaa"}) == "kohakuriver/commit-12345678:3"
    assert goes(an_image("kohakuriver/commit-12345678:3", labels={COMMIT_CLUSTER_LABEL: "c2"})) is None


def test_a_snapshot_s_image_goes_with_its_snapshot_alone_whatever_is_noted():
    image = an_image("kohakuriver/snapshot-12345678:latest", labels=OURS)
    assert goes(image, known={image.name: Fetched(image.id, 1)}) is None


def test_an_environment_s_image_goes_with_it():
    image = an_image("kohakuriver/environment-prod:abc", labels=OURS)
    assert goes(image, needed=frozenset({image.name})) is None
    assert goes(image) == "kohakuriver/environment-prod:abc"
    assert goes(an_image("kohakuriver/environment-prod:abc")) is None


def test_once_begun_it_goes_on_to_the_low_mark():
    marks = Marks(high=0.85, low=0.80)
    assert not unused.is_collecting(marks, 0.84, before=False)
    assert unused.is_collecting(marks, 0.85, before=False)
    assert unused.is_collecting(marks, 0.81, before=True)
    assert not unused.is_collecting(marks, 0.79, before=True)
