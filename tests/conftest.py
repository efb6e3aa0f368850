"""What holds for every test: examples and histories, simulated time, and what the garbage collector looks at.

tests/parts.py says which tests are run together, in which order and what is run again.
"""

import asyncio
import gc
from collections.abc import Generator

import hypothesis
import pytest

pytest_plugins = ["tests.parts", "tests.verdict"]
IDLE_TURNS = 8  # of a loop whose time is simulated, in which nothing comes in, before its clock goes on

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
    """Simulated time goes on after a few turns of the loop: looptime's own 42 were a third of such tests."""
    simulated = item.get_closest_marker("looptime")
    if simulated is not None and "noop_cycles" not in simulated.kwargs:
        item.add_marker(pytest.mark.looptime(noop_cycles=IDLE_TURNS))


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
