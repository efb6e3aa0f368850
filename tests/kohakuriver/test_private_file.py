"""Files that others must not read, and the folders they are in."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kohakuriver import private_file


@pytest.fixture
def open_handed() -> Iterator[None]:
    """Whoever set this gives away what programs make without a thought."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("open_handed")
def test_a_file_and_every_folder_made_for_it_are_their_owners_alone(tmp_path: Path) -> None:
    private_file.write(tmp_path / "a/b/c/token", "secret")
    assert (tmp_path / "a/b/c/token").read_text() == "secret"
    assert [mode(tmp_path / one) for one in ("a", "a/b", "a/b/c", "a/b/c/token")] == [0o700] * 3 + [0o600]


@pytest.mark.usefixtures("open_handed")
def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(0o755)
    private_file.make_folder(tmp_path / "shared")
    assert mode(tmp_path / "shared") == 0o755


def test_a_file_in_the_way_is_said_to_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        private_file.make_folder(tmp_path / "file" / "below")


def test_the_folders_are_on_disk_too_once_a_file_has_its_name(tmp_path: Path) -> None:
    synced: list[tuple[str, list[str]]] = []

    def sync(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((place.name, sorted(one.name for one in place.iterdir()) if place.is_dir() else []))

    private_file.write(tmp_path / "made" / "token", "secret", sync=sync)
    assert (tmp_path.name, ["made"]) in synced
    assert synced[-1] == ("made", ["token"])
