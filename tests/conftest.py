"""What holds for every test: the quick ones run first, so that a plain mistake shows within seconds."""

import asyncio

import hypothesis
import pytest

SLOWEST_LAST = ("etcd", "docker", "e2e")

# Property tests say what is decided, not how fast: a loaded machine must not fail them.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


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
