"""What is written below the data directory when the disk refuses, or does not answer."""

import asyncio
import contextlib
import errno
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kohakuriver.agent.data_dir import DataDir, PrivateFiles
from kohakuriver.agent.deciding.desired import Login
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.login.access import Access
from kohakuriver.agent.login.ssh import HostKeys
from kohakuriver.agent.machine.look import Look
from kohakuriver.agent.quarantine import Seen, Watchman
from kohakuriver.agent.threads import Threads
from tests.agent.builders import a_vps
from tests.agent.refusing_files import RefusingFiles
from tests.fakes.clock import LoopClock
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime

pytestmark = pytest.mark.looptime


class HeldFiles(PrivateFiles):
    """A disk that takes nothing until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.written: list[str | bytes] = []

    def write(self, path: Path, content: str | bytes) -> None:
        self.begun.set()
        self.let_go.wait(timeout=30)
        super().write(path, content)
        self.written.append(content)


class HalfMinutes(LoopClock):
    """Half a minute is over whenever it is looked at."""

    _looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        return self._looks * 31.0


async def after(known: str, look: Look[str], work: Callable[[], str]) -> str:
    """What is seen next, however slow this machine is."""
    while True:
        with contextlib.suppress(TimeoutError):
            found = await look.take(work)
            if found != known:
                return found
        await asyncio.sleep(0.01)


class FullAndSlow(HeldFiles):
    """It refuses at once, and again when it is let go."""

    def write(self, path: Path, content: str | bytes) -> None:
        if self.begun.is_set():
            self.let_go.wait(timeout=30)
        self.begun.set()
        raise OSError(errno.ENOSPC, "full")


@pytest.fixture
async def held() -> AsyncIterator[HeldFiles]:
    files = HeldFiles()
    yield files
    files.let_go.set()


@pytest.mark.parametrize("files", [PrivateFiles(), RefusingFiles()])
def test_files_are_replaced_and_removed(files: PrivateFiles, tmp_path: Path):
    for content in ("one", b"two"):
        files.write(tmp_path / "new" / "file", content)
    assert (tmp_path / "new" / "file").read_bytes() == b"two"
    for _ in range(2):
        files.remove(tmp_path / "new" / "file")
        assert not (tmp_path / "new" / "file").exists()


async def test_a_beat_is_not_held_up_by_the_disk_and_the_newest_is_what_is_kept(
    held: HeldFiles, tmp_path: Path
):
    disk = DataDir(tmp_path, files=held)
    journal = Journal(tmp_path, disk=disk)
    watchman = Watchman(Seen(), save=journal.save_seen, clock=HalfMinutes(), changed=lambda: None)
    writing = asyncio.create_task(disk.run())
    watchman.listed("h1", 5, mark=0)
    await asyncio.to_thread(held.begun.wait, 30)
    for revision in range(6, 9):
        watchman.renewed(revision, mark=5)
    assert held.written == []
    held.let_go.set()
    await disk.flush(within=1e6)
    assert Journal(tmp_path).load_seen() == Seen("h1", 8)
    assert len(held.written) == 2
    writing.cancel()


async def test_what_was_refused_is_tried_again_until_it_is_taken(tmp_path: Path):
    files = RefusingFiles()
    disk = DataDir(tmp_path, files=files)
    told: list[str] = []
    disk.changed = lambda: told.append(disk.trouble)
    writing = asyncio.create_task(disk.run())
    files.refuses = errno.ENOSPC
    for content in ("old", "new"):
        disk.put(tmp_path / "file", content)
        await asyncio.sleep(20)
    assert (disk.reason, disk.trouble) == (
        "DiskFull",
        f"{tmp_path} cannot be written: No space left on device",
    )
    files.refuses = 0
    await asyncio.sleep(20)
    await disk.flush(within=1e6)
    assert (tmp_path / "file").read_text() == "new"
    assert (disk.reason, disk.trouble) == ("Writable", "")
    assert [bool(one) for one in told] == [True, False]
    writing.cancel()


async def test_a_disk_that_refused_what_nobody_wants_any_more_is_not_said_to_refuse_for_ever(tmp_path: Path):
    files = RefusingFiles()
    disk = DataDir(tmp_path, files=files)
    files.refuses = errno.EROFS
    with pytest.raises(OSError, match="Read-only"):
        disk.write(tmp_path / "key", "secret")
    writing = asyncio.create_task(disk.run())
    await asyncio.sleep(20)
    assert disk.reason == "ReadOnly"
    files.refuses = 0
    while disk.trouble:  # noqa: ASYNC110 - a thread tells
        await asyncio.sleep(0.01)
    assert not (tmp_path / ".probe").exists()
    writing.cancel()


async def test_a_disk_that_does_not_answer_counts_as_one_that_refuses(held: HeldFiles, tmp_path: Path):
    disk = DataDir(tmp_path, files=held, patience=0.01)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await disk.note(tmp_path / "file", "content")
    assert "did not answer" in disk.trouble
    held.let_go.set()
    await disk.flush(within=1e6)
    assert disk.trouble == ""


async def test_a_host_key_that_the_disk_keeps_to_itself_is_not_waited_for_for_ever(
    held: HeldFiles, tmp_path: Path
):
    keys = HostKeys(tmp_path, files=held)
    runtime = FakeRuntime(FakeEngine(), cluster="c")
    access = Access(runtime, keys, publishing=None, patience=0.01)
    vps = a_vps(login=Login())
    with pytest.raises(TimeoutError, match="did not answer"):
        await access.host_key(vps)
    held.let_go.set()
    assert (await Access(runtime, keys, publishing=None).host_key(vps)).startswith("ssh-ed25519 ")


async def test_a_journal_of_its_own_threads_waits_for_nothing_else_that_hangs(tmp_path: Path):
    let_go = threading.Event()
    with ThreadPoolExecutor(1) as common:
        asyncio.get_running_loop().set_default_executor(common)
        hanging = asyncio.create_task(asyncio.to_thread(let_go.wait, 30))
        await asyncio.sleep(0)
        disk = DataDir(tmp_path, threads=Threads("journal", width=1))
        await disk.note(tmp_path / "file", "content")
        assert (tmp_path / "file").read_text() == "content"
        assert not hanging.done()
        let_go.set()
        await hanging


async def test_a_look_that_hangs_is_waited_for_once_and_taken_again_when_it_is_back():
    let_go, seen = threading.Event(), iter(["first", "late", "now"])

    def hang() -> str:
        let_go.wait(timeout=30)
        return next(seen)

    look = Look[str]("the time", Threads("looks", width=1), patience=0.01)
    assert await after("", look, lambda: next(seen)) == "first"
    assert [await look.take(hang) for _ in range(3)] == ["first"] * 3
    let_go.set()
    assert await after("first", look, lambda: next(seen)) == "late"
    assert await after("late", look, lambda: next(seen)) == "now"


async def test_a_look_that_never_came_back_is_not_made_up():
    let_go = threading.Event()
    look = Look[bool]("the time", Threads("looks", width=1), patience=0.01)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await look.take(lambda: let_go.wait(timeout=30))
    let_go.set()


def test_as_many_threads_are_made_as_are_needed_and_a_failure_ends_none():
    names: set[str] = set()
    threads = Threads("few", width=2)

    def work() -> int:
        names.add(threading.current_thread().name + str(threading.get_ident()))
        return 1

    assert [threads.submit(work).result(timeout=30) for _ in range(5)] == [1] * 5
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(timeout=30)
    assert sum(one.result(timeout=30) for one in [threads.submit(work) for _ in range(20)]) == 20
    assert 1 <= len(names) <= 2


async def test_while_it_is_tried_again_the_reason_that_is_known_stands(tmp_path: Path):
    """Who asks just then would else be told of a disk that does not answer, and would say so."""
    files, path = FullAndSlow(), tmp_path / "note"
    disk = DataDir(tmp_path, files=files)
    with pytest.raises(OSError, match="full"):
        await disk.note(path, "one")
    again = asyncio.create_task(disk.settle(path))
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="full"):
        await disk.settle(path)
    files.let_go.set()
    await asyncio.gather(again, return_exceptions=True)
