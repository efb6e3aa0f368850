"""What the tests of the command line share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from kohakuriver.clock import SystemClock
from tests.apiserver.api import running_api
from tests.cli.shell import Shell
from tests.cli.starting import Starter, starter


@pytest.fixture
async def shell(tmp_path, capsys) -> AsyncIterator[Shell]:
    async with running_api(clock=SystemClock()) as api:
        yield Shell(api, tmp_path, capsys)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of one's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def start() -> Iterator[Starter]:
    """Starts `kohakuriver WORDS` at a terminal, cheaply."""
    with starter() as made:
        yield made
