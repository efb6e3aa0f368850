"""The parts of `make test`: which tests each runs and imports, in which order, and what is run again.

The quick ones run first, so that a plain mistake shows within seconds. The tests of the real part run side
by side, a file at a time: each file makes its own world: etcd, engines, network namespaces or a cluster on
the machine's engine. The longest come first, so that no worker is left alone with one at the end.

A file says in its text what its tests need, or the conftest.py of its folder says it for all of them. A part
imports no other files, for each of its workers imports all that it collects.
"""

import functools
import os
import re
from pathlib import Path

import pytest

EXPRESSIONS = {"quick": "not (etcd or docker or e2e)", "real": "etcd or docker or e2e"}
LONGEST_FIRST = ("e2e", "docker", "etcd")
RERUNS = 2  # of a test of the real part that fails; tests/verdict.py lists those that pass then
_SAYS = re.compile(r'(mark\.|add_marker\(")(etcd|docker|e2e)\b')


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", choices=EXPRESSIONS, help="which part of the tests; -m says otherwise")


def pytest_configure(config: pytest.Config) -> None:
    part = config.getoption("--part")
    if part and not config.option.markexpr:
        config.option.markexpr = EXPRESSIONS[part]
    if (
        part == "quick"
    ):  # nothing in it speaks to the world, and to read whom the world trusts takes 50 ms a time
        os.environ["SSL_CERT_FILE"] = os.devnull


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether nothing there is of the part."""
    expression = config.option.markexpr
    if expression == EXPRESSIONS["quick"] and collection_path.is_dir():
        return _says(collection_path / "conftest.py") or None
    if expression == EXPRESSIONS["real"] and collection_path.suffix == ".py":
        return not is_of_the_real_part(collection_path, config.rootpath) or None
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test of the real part that fails is run again, unless --reruns says otherwise. A mark that comes from
    where nobody looks is refused: it would keep the test from being run in any part."""
    if not _place(item):
        return
    if not is_of_the_real_part(item.path, item.config.rootpath):
        need = LONGEST_FIRST[_place(item) - 1]
        raise pytest.UsageError(f'{item.nodeid} is marked "{need}" and {item.path.name} does not say so')
    if item.config.getoption("reruns", None) is None:
        item.add_marker(pytest.mark.flaky(reruns=RERUNS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the quick tests first, then whole programs, Docker and etcd; else keeps the order."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    marks = [place for place, name in enumerate(LONGEST_FIRST, 1) if item.get_closest_marker(name)]
    return min(marks, default=0)


def is_of_the_real_part(file: Path, root: Path) -> bool:
    """Whether a file of tests, or a conftest.py above it, speaks of what the real part needs."""
    folders = [folder for folder in file.parents if folder.is_relative_to(root)]
    return _says(file) or any(_says(folder / "conftest.py") for folder in folders)


@functools.cache
def _says(file: Path) -> bool:
    return file.is_file() and _SAYS.search(file.read_text(errors="replace")) is not None
