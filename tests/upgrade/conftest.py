"""What the tests of an upgrade need: the version before, unpacked by manifests/development/test-upgrade.

Without `--upgrade-from` they are not collected: there is nothing to come from. `make test-upgrade` runs them.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import engine  # noqa: F401 - a fixture
from tests.upgrade.version import BEFORE, NOW, Version
from tests.upgrade.world import World


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Whether there is no version to come from."""
    return None if config.getoption("--upgrade-from") else True


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker("e2e")


@pytest.fixture(scope="session")
def versions(pytestconfig: pytest.Config) -> dict[str, Version]:
    """The one before and this one, by name."""
    before = Version(BEFORE, Path(pytestconfig.getoption("--upgrade-from")))
    return {BEFORE: before, NOW: Version(NOW, Path(__file__).parents[2])}


@pytest.fixture
def new_world(tmp_path: Path, engine) -> Iterator[Callable[[Version], World]]:  # noqa: F811
    """Makes clusters that are gone after the test, containers and all."""
    made: list[World] = []

    def make(version: Version) -> World:
        made.append(World(tmp_path / f"world-{len(made)}", engine, version))
        return made[-1]

    yield make
    for world in made:
        world.end()
        shutil.rmtree(world.cluster.folder, ignore_errors=True)
