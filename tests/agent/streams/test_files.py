"""What the files helper does on a real folder: never outside it, never half, never what was not expected."""

import asyncio
import os
import resource
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.agent.streams.files.door import _Helper, _started
from kohakuriver.agent.streams.files.helper import MOST_MEMORY, READY
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.streams.stream import Stream
from tests.files import adopted, files_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The root folder of a container, with the node's files beside it."""
    (tmp_path / "secret").write_text("the node's")
    root = tmp_path / "root"
    (root / "root").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("daemon:x:1:1::/:/bin/false\nroot:x:0:0:root:/root:/bin/sh\n")
    return root


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
async def files(folder: Path) -> AsyncIterator[FilesClient]:
    async with files_of(folder) as (client, _):
        yield client


async def test_a_file_is_described_and_read(files: FilesClient, folder: Path) -> None:
    (folder / "etc/motd").write_text("hello")
    (folder / "etc/motd").chmod(0o640)
    found = await files.stat("/etc/motd")
    assert (found.kind, found.size, found.mode, found.path) == ("file", 5, 0o640, "/etc/motd")
    content = await files.read("/etc/motd", limit=100)
    assert content.data == b"hello" and content.entry.version == found.version


async def test_a_path_without_a_slash_begins_in_roots_home(files: FilesClient, folder: Path) -> None:
    (folder / "root/notes").write_text("mine")
    assert (await files.read("notes", limit=100)).data == b"mine"
    assert (await files.stat(".")).path == "/root"


@pytest.mark.parametrize("path", ["/proc/version", "/proc/sys/kernel/hostname", "/sys/kernel/uevent_seqnum"])
async def test_what_the_kernel_shows_is_no_file_to_a_helper_that_is_root_on_the_node(path: str) -> None:
    async with files_of(Path("/")) as (client, _):
        assert (await client.stat(path)).kind == "file"
        with pytest.raises(errors.Forbidden, match=f"{path}: it is the kernel's, and no file"):
            await client.read(path, limit=100)


@pytest.mark.parametrize(
    "link", ["../../secret", "/../secret", "/proc/self/root/secret", "../../../../../../../../etc/shadow"]
)
async def test_links_and_dots_never_lead_out_of_the_container(
    files: FilesClient, folder: Path, link: str
) -> None:
    (folder / "etc/link").symlink_to(link)
    with pytest.raises(errors.NotFound, match="/etc/link"):
        await files.read("/etc/link", limit=100)
    with pytest.raises(errors.NotFound):
        await files.read("/etc/" + link.lstrip("/"), limit=100)


async def test_writing_through_a_link_stays_inside_and_keeps_the_link(
    files: FilesClient, folder: Path, tmp_path: Path
) -> None:
    (folder / "etc/link").symlink_to("/../../../new")
    await files.write("/etc/link", b"inside", expect="")
    assert (folder / "new").read_bytes() == b"inside" and (folder / "etc/link").is_symlink()
    assert not (tmp_path / "new").exists()


async def test_pipes_and_sockets_are_refused_without_waiting(files: FilesClient, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    async with asyncio.timeout(60):
        with pytest.raises(errors.BadRequest, match="/pipe: it is neither a file nor a folder"):
            await files.read("/pipe", limit=100)
        with pytest.raises(errors.BadRequest, match="/pipe: it is not a file"):
            await files.write("/pipe", b"x", expect=None)


async def test_a_large_folder_is_listed_whole(files: FilesClient, folder: Path) -> None:
    (folder / "many").mkdir()
    for number in range(3000):
        (folder / f"many/{number:04} {'ü' * 100}").touch()
    found = [entry.name for entry in await files.list("/many")]
    assert len(found) == 3000 and len(set(found)) == 3000


async def test_a_list_tells_what_links_lead_to(files: FilesClient, folder: Path) -> None:
    (folder / "d").symlink_to("/etc")
    (folder / "f").symlink_to("etc/passwd")
    (folder / "gone").symlink_to("nothing")
    found = {entry.name: entry for entry in await files.list("/")}
    assert [found[name].leads for name in ("d", "f", "gone")] == ["folder", "file", "nowhere"]
    assert found["d"].is_folder and not found["f"].is_folder


async def test_names_that_are_no_utf8_come_through(files: FilesClient, folder: Path) -> None:
    raw = b"caf\xe9"
    (folder / os.fsdecode(raw)).write_text("latin")
    assert os.fsdecode(raw) in [entry.name for entry in await files.list("/")]
    assert (await files.read("/" + os.fsdecode(raw), limit=10)).data == b"latin"


async def test_a_write_keeps_mode_and_owner_and_leaves_nothing_beside(
    files: FilesClient, folder: Path
) -> None:
    (folder / "run.sh").write_text("old")
    (folder / "run.sh").chmod(0o751)
    before = await files.stat("/run.sh")
    after = await files.write("/run.sh", b"new", expect=before.version)
    assert (folder / "run.sh").read_text() == "new"
    assert stat.S_IMODE((folder / "run.sh").stat().st_mode) == 0o751
    assert after.version == (await files.stat("/run.sh")).version
    assert names(folder) == ["etc", "root", "run.sh"]


async def test_a_file_that_changed_meanwhile_is_not_written_over(files: FilesClient, folder: Path) -> None:
    (folder / "a").write_text("one")
    seen = await files.stat("/a")
    (folder / "a").write_text("theirs")
    with pytest.raises(errors.Conflict, match="/a: it was changed meanwhile"):
        await files.write("/a", b"mine", expect=seen.version)
    (folder / "a").unlink()
    with pytest.raises(errors.Conflict, match="/a: it is not there any more"):
        await files.write("/a", b"mine", expect=seen.version)
    (folder / "a").write_text("theirs")
    with pytest.raises(errors.AlreadyExists, match="/a: it is there already"):
        await files.write("/a", b"mine", expect="")
    assert (folder / "a").read_text() == "theirs"


async def test_a_stream_goes_on_after_a_refused_write_of_many_bytes(files: FilesClient, folder: Path) -> None:
    with pytest.raises(errors.NotFound, match="no/such/file: there is no such file or folder"):
        await files.write("no/such/file", b"x" * 5_000_000, expect=None)
    assert (await files.stat("/etc")).is_folder


async def test_a_link_that_breaks_within_a_write_leaves_the_old_file(folder: Path) -> None:
    (folder / "a").write_text("old")
    async with files_of(folder) as (client, link):

        async def half() -> AsyncIterator[bytes]:
            yield b"half of it"
            link.cut()
            yield b"never"

        with pytest.raises(errors.Unreachable):
            await client.write_from("/a", half(), expect=None, mode=0o644)
    assert (folder / "a").read_text() == "old"
    assert names(folder) == ["a", "etc", "root"]


async def test_what_only_looks_is_asked_again_after_a_break(folder: Path) -> None:
    async with files_of(folder) as (client, link):
        await client.stat("/")
        link.cut()
        link.mend()
        assert (await client.stat("/etc")).is_folder
        assert link.opened == 2


async def test_folders_are_made_renamed_and_removed(files: FilesClient, folder: Path) -> None:
    await files.folder("/a")
    with pytest.raises(errors.AlreadyExists, match="/a: it is there already"):
        await files.folder("/a")
    await files.folder("/a", existing=True)
    await files.write("/a/f", b"1", expect="")
    await files.rename("/a", "/b")
    with pytest.raises(errors.AlreadyExists, match="/etc: it is there already"):
        await files.rename("/b", "/etc")
    with pytest.raises(errors.Conflict, match="/b: the folder is not empty"):
        await files.remove("/b")
    await files.remove("/b", recursive=True)
    assert not (folder / "b").exists() and not (folder / "a").exists()


async def test_removing_a_folder_removes_links_and_not_what_they_lead_to(
    files: FilesClient, folder: Path
) -> None:
    (folder / "d").mkdir()
    (folder / "d/link").symlink_to("/etc")
    await files.remove("/d", recursive=True)
    assert (folder / "etc/passwd").exists() and not (folder / "d").exists()


async def test_the_root_itself_cannot_be_removed(files: FilesClient) -> None:
    for path in ("/", "/etc/..", "/.", "..", "/etc/../."):
        with pytest.raises(errors.BadRequest, match="a path that ends with a name"):
            await files.remove(path, recursive=True)


async def test_a_walk_finds_the_nearest_first_and_keeps_its_bound(files: FilesClient, folder: Path) -> None:
    for name in ("src/deep/er/z.py", "src/a.py", "top.py", ".git/objects/x", "node_modules/m/y.js"):
        (folder / "w" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "w" / name).touch()
    (folder / "w/loop").symlink_to("/")
    found: list[str] = []
    assert await files.walk("/w", limit=100, found=found.extend)
    assert found == ["top.py", "src/a.py", "src/deep/er/z.py"]
    found.clear()
    assert not await files.walk("/w", limit=2, found=found.extend)
    assert found == ["top.py", "src/a.py"]


@pytest.mark.parametrize("request_", [{}, {"op": "format"}, {"op": "stat"}, {"op": "stat", "path": 7}])
async def test_nonsense_is_refused_and_the_stream_goes_on(files: FilesClient, request_: dict) -> None:
    with pytest.raises(errors.BadRequest):
        await files._ask(request_)
    assert (await files.stat("/etc")).is_folder


async def a_process(folder: Path) -> tuple[asyncio.subprocess.Process, FilesClient]:
    """The helper as the agent starts it."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    process, ours = await _started(descriptor, f"0 {os.getuid()} 1", f"0 {os.getgid()} 1")
    os.close(descriptor)
    assert await process.stdout.readline() == READY

    async def open_() -> Stream:
        return await adopted(ours, Stream(masks=True))

    return process, FilesClient(open_)


async def test_the_helper_process_serves_one_stream_and_ends_with_it(folder: Path) -> None:
    process, client = await a_process(folder)
    assert (await client.write("/a", b"1", expect="")).size == 1
    assert len(names(Path(f"/proc/{process.pid}/fd"))) < 16
    assert resource.prlimit(process.pid, resource.RLIMIT_DATA)[0] == MOST_MEMORY
    client.close()
    async with asyncio.timeout(60):
        assert await process.wait() == 0


async def test_a_helper_that_hangs_is_killed_and_holds_up_nobody(folder: Path) -> None:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    process, ours = await _started(descriptor, "", "")
    os.close(descriptor)
    ends: list[str] = []
    helper = _Helper(process, ours, os.pidfd_open(os.getpid()), over=lambda: ends.append("over"))
    os.kill(process.pid, signal.SIGSTOP)  # as a dead network filesystem below it would
    async with asyncio.timeout(60):
        await helper.aclose()
    assert process.returncode == -signal.SIGKILL and ends == ["over"]


async def test_the_helper_imports_nothing_but_the_standard_library_and_the_shared_package(
    folder: Path,
) -> None:
    code = (
        "import sys; import kohakuriver.agent.streams.files.helper; "
        "print(*sorted({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", code, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    said, _ = await process.communicate()
    assert set(said.decode().split()) <= {"kohakuriver", "__main__"}


async def test_the_same_folder_through_a_link_of_its_own_is_found_by_two_clients(folder: Path) -> None:
    async with files_of(folder) as (one, _), files_of(folder) as (two, _):
        seen = await one.write("/a", b"1", expect="")
        await two.write("/a", b"2", expect=seen.version)
        with pytest.raises(errors.Conflict):
            await one.write("/a", b"3", expect=seen.version)
    assert (folder / "a").read_text() == "2"
