"""A volume gets other files, or keeps its own, whatever dies in between."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kohakuriver.agent.snapshots.places import Place, is_empty


class Died(BaseException):
    """The agent is no more."""


def a_volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume" / "_data"
    folder.mkdir(parents=True)
    (folder / "file").write_text("before")
    return folder


def unpack(folder: Path) -> None:
    folder.mkdir()
    (folder / "file").write_text("after")


def holds(folder: Path) -> str:
    return (folder / "file").read_text()


def beside(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.parent.iterdir() if one != folder)


def filled(place: Place) -> None:
    place.bring(unpack)
    place.change()


def killed_at(at: int, folder: Path, work: Callable[[Place], None], *, acts: bool) -> bool:
    """Whether it was: at that rename, before it or right after."""
    left = at

    def rename(source: Path, target: Path) -> None:
        nonlocal left
        left -= 1
        if left >= 0 or acts:
            source.rename(target)
        if left < 0:
            raise Died

    try:
        work(Place(folder, "a1", rename=rename))
    except Died:
        return True
    return False


def test_it_gets_the_new_files_and_keeps_the_old_ones_beside(tmp_path: Path) -> None:
    folder = a_volume(tmp_path)
    place = Place(folder, "a1")
    place.bring(unpack)
    assert holds(folder) == "before" and not place.is_changed
    place.change()
    assert holds(folder) == "after" and place.is_changed
    assert beside(folder) == ["_data.a1-replaced"]
    place.settle()
    assert holds(folder) == "after" and beside(folder) == []


def test_it_gets_back_what_was_there_at_any_time(tmp_path: Path) -> None:
    folder = a_volume(tmp_path)
    Place(folder, "a1").put_back()
    Place(folder, "a1").bring(unpack)
    Place(folder, "a1").put_back()
    assert (holds(folder), beside(folder)) == ("before", [])
    filled(Place(folder, "a1"))
    Place(folder, "a1").put_back()
    assert (holds(folder), beside(folder)) == ("before", [])


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("then", ["forward", "back"])
def test_killed_at_any_rename_it_goes_forward_or_back(tmp_path: Path, acts: bool, then: str) -> None:
    for at in range(10):
        folder = a_volume(tmp_path / str(at))
        died = killed_at(at, folder, filled, acts=acts)
        if then == "forward":
            filled(Place(folder, "a1"))
            assert holds(folder) == "after", at
            Place(folder, "a1").put_back()
        else:
            Place(folder, "a1").put_back()
        assert (holds(folder), beside(folder)) == ("before", []), at
        if not died:
            assert at == 3
            return
    raise AssertionError("it never ends")


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("then", ["forward", "back"])
def test_killed_while_it_goes_back_nothing_is_lost(tmp_path: Path, acts: bool, then: str) -> None:
    for at in range(10):
        folder = a_volume(tmp_path / str(at))
        filled(Place(folder, "a1"))
        died = killed_at(at, folder, Place.put_back, acts=acts)
        if then == "forward":
            filled(Place(folder, "a1"))
            assert holds(folder) == "after", at
        Place(folder, "a1").put_back()
        assert (holds(folder), beside(folder)) == ("before", []), at
        if not died:
            assert at == 2
            return
    raise AssertionError("it never ends")


def test_what_cannot_be_unpacked_changes_nothing(tmp_path: Path) -> None:
    folder = a_volume(tmp_path)

    def refuse(part: Path) -> None:
        part.mkdir()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        Place(folder, "a1").bring(refuse)
    assert holds(folder) == "before"
    Place(folder, "a1").put_back()
    assert (holds(folder), beside(folder)) == ("before", [])


def test_two_fillings_know_each_other_not(tmp_path: Path) -> None:
    folder = a_volume(tmp_path)
    filled(Place(folder, "a1"))
    Place(folder, "b2").put_back()
    assert holds(folder) == "after" and beside(folder) == ["_data.a1-replaced"]


def test_whether_it_holds_anything(tmp_path: Path) -> None:
    folder = a_volume(tmp_path)
    assert not is_empty(folder)
    (folder / "file").unlink()
    assert is_empty(folder)
