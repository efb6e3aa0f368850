"""Two machines for the whole run, and on them a cluster that is mended after each test, every VPS gone."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e import machines
from tests.e2e.conftest import BUSYBOX
from tests.e2e.machines import Machine
from tests.e2e.nodes import Bed

BED = pytest.StashKey[Bed]()


@pytest.fixture(scope="session")
def two_machines(engine: docker.APIClient) -> Iterator[list[Machine]]:
    """Two empty machines whose engines have the test image."""
    assert os.geteuid() == 0, "only root can make network namespaces and start engines in them"
    machines.sweep()
    made: list[Machine] = []
    try:
        network = machines.free_network()
        for number in (1, 2):
            made.append(Machine(f"n{number}", network=network, number=number + 1))
            made[-1].start()
        image = b"".join(engine.get_image(BUSYBOX))
        for machine in made:
            client = machine.client()
            list(client.load_image(image))
            client.close()
        yield made
    finally:
        for machine in made:
            machine.remove()
        machines.remove_run(os.getpid())


class Beds:
    """The cluster that is there, for as long as it is whole and as wanted."""

    def __init__(self, machines: list[Machine]) -> None:
        self._machines = machines
        self._bed: Bed | None = None
        self._wanted: dict[str, Any] | None = None

    def get(self, wanted: dict[str, Any]) -> Bed:
        """A running cluster with these options."""
        if self._bed is None or self._wanted != wanted:
            self.end()
            self._bed = Bed(machines.run_folder() / "bed", self._machines, **wanted)
            self._wanted = wanted
            try:
                self._bed.start()
            except Exception as error:
                for name, said in self._bed.logs():
                    error.add_note(f"{name} said:\n{said}")
                self.end()
                raise
        return self._bed

    def end(self) -> None:
        bed, self._bed = self._bed, None
        if bed is not None:
            bed.stop()


@pytest.fixture(scope="session")
def beds(two_machines: list[Machine]) -> Iterator[Beds]:
    made = Beds(two_machines)
    yield made
    made.end()


@pytest.fixture
def bed(beds: Beds, request: pytest.FixtureRequest) -> Iterator[Bed]:
    """A cluster as the `BED` of the test's file asks for it; mended afterwards, or else thrown away."""
    found = beds.get(getattr(request.module, "BED", {}))
    request.node.stash[BED] = found
    yield found
    try:
        found.mend()
    except BaseException:
        beds.end()
        raise


@pytest.fixture
def doomed_bed(beds: Beds, request: pytest.FixtureRequest) -> Iterator[Bed]:
    """The same, for a test after which it cannot be mended."""
    found = beds.get(getattr(request.module, "BED", {}))
    request.node.stash[BED] = found
    yield found
    for node in found.nodes.values():
        if not node.machine.engine.is_alive:
            node.start_engine()
    beds.end()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that ask for the same cluster, one after the other."""
    ours = [place for place, item in enumerate(items) if Path(item.path).parent == Path(__file__).parent]
    ordered = sorted((items[place] for place in ours), key=lambda item: (_wanted(item), _dooms(item)))
    for place, item in zip(ours, ordered, strict=True):
        items[place] = item


def _dooms(item: pytest.Item) -> bool:
    """Whether a test leaves no cluster behind; such ones come last."""
    return "doomed_bed" in getattr(item, "fixturenames", ())


def _wanted(item: pytest.Item) -> str:
    return repr(getattr(item.getparent(pytest.Module).obj, "BED", {}))  # type: ignore[union-attr]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A failure shows what the programs said last: their folder is gone soon."""
    report = yield
    if report.failed and BED in item.stash:
        report.sections += item.stash[BED].logs()
    return report
