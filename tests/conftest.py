"""What holds for every test: what it needs, in which order, what is run side by side and what is run again.

The quick ones run first, so that a plain mistake shows within seconds. The tests of the real part run side
by side, a file at a time (`make test`): each file makes its own world: etcd, engines, network namespaces or a
cluster on the machine's engine. The longest come first, so that no worker is left alone with one at the end.
"""

import asyncio
import gc
from collections.abc import Generator

import hypothesis
import pytest

pytest_plugins = ["tests.verdict"]
LONGEST_FIRST = ("e2e", "docker", "etcd")
RERUNS = 2  # of a test of the real part that fails; tests/verdict.py lists those that pass then

# Property tests say what is decided, not how fast: a loaded machine must not fail them. Each run tries the
# same examples, so that a change is judged by what it changed; `make fuzz` looks for new ones.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    """For `make simulate`: which random histories are played."""
    parser.addoption("--seeds", type=int, default=2, help="how many random histories (default: 2)")
    parser.addoption("--first-seed", type=int, default=0, help="the first of them (default: 0)")
    parser.addoption("--upgrade-from", default="", help="the folder of the version before, for tests/upgrade")
    parser.addoption("--troubles", default="", help="what alone goes wrong in them (default: anything)")
    parser.addoption(
        "--examples", type=int, default=0, help="for `make fuzz`: how many new ones of each property"
    )


def pytest_configure(config: pytest.Config) -> None:
    """`--examples` makes the examples of property tests random, and so many of each."""
    examples = config.getoption("--examples")
    if examples:
        hypothesis.settings.register_profile("search", deadline=None, max_examples=examples)
        hypothesis.settings.load_profile("search")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes a `seed` and no list of them is run for each."""
    marks = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "seed" in metafunc.fixturenames and "seed" not in marks:
        first = metafunc.config.getoption("--first-seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--seeds")))


def pytest_sessionstart() -> None:
    """Says that there is no loop yet, or looptime makes one in the first plain test that nobody closes."""
    asyncio.set_event_loop(None)


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test of the real part that fails is run again, unless --reruns says otherwise."""
    if _place(item) and item.config.getoption("reruns", None) is None:
        item.add_marker(pytest.mark.flaky(reruns=RERUNS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the quick tests first, then whole programs, Docker and etcd; else keeps the order."""
    items.sort(key=_place)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing that is collected is garbage: to look for some took a seventh of the time of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """What was collected stays: the garbage collector need not look through all of it again and again.

    That took a fifth of the processor time of the quick part.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _place(item: pytest.Item) -> int:
    marks = [place for place, name in enumerate(LONGEST_FIRST, 1) if item.get_closest_marker(name)]
    return min(marks, default=0)
