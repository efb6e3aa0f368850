"""What holds for every test: the quick ones run first, so that a plain mistake shows within seconds."""

import asyncio

import hypothesis
import pytest

SLOWEST_LAST = ("etcd", "docker", "e2e")

# Property tests say what is decided, not how fast: a loaded machine must not fail them.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    """For `make simulate`: which random histories are played."""
    parser.addoption("--seeds", type=int, default=2, help="how many random histories (default: 2)")
    parser.addoption("--first-seed", type=int, default=0, help="the first of them (default: 0)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes a `seed` and no list of them is run for each."""
    marks = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "seed" in metafunc.fixturenames and "seed" not in marks:
        first = metafunc.config.getoption("--first-seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--seeds")))


def pytest_sessionstart() -> None:
    """Says that there is no loop yet, or looptime makes one in the first plain test that nobody closes."""
    asyncio.set_event_loop(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts unit tests before those with etcd, with Docker, and of whole programs; else keeps the order."""
    items.sort(key=_what_it_needs)
    for item in items:
        if item.get_closest_marker("e2e") or item.get_closest_marker("docker"):
            item.add_marker(pytest.mark.flaky(reruns=1))  # the machine has other work; pytest says RERUN


def _what_it_needs(item: pytest.Item) -> int:
    marks = [place for place, name in enumerate(SLOWEST_LAST, 1) if item.get_closest_marker(name)]
    return max(marks, default=0)
