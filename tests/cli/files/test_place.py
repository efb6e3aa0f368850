"""What SRC and DST of `cp` mean."""

import pytest

from kohakuriver.cli import failures
from kohakuriver.cli.files.place import Place, inside, pair, parse


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("dev:/etc/hosts", Place("/etc/hosts", "dev")),
        ("vps/dev:notes", Place("notes", "dev")),
        ("dev:", Place(".", "dev")),
        ("dev:a:b", Place("a:b", "dev")),
        ("./a:b", Place("./a:b")),
        ("/tmp/a:b", Place("/tmp/a:b")),
        ("Big:x", Place("Big:x")),
        ("plain", Place("plain")),
    ],
)
def test_a_word_is_a_path_here_or_in_a_vps(word: str, place: Place) -> None:
    assert parse(word) == place


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("dev:a", "prod:b"), ("dev:a", ""), ("", "dev:a")])
def test_exactly_one_of_both_is_in_a_vps(one: str, other: str) -> None:
    with pytest.raises(failures.UsageError):
        pair(one, other)


@pytest.mark.parametrize(
    ("path", "name"), [("a/b", "b"), ("a/b/", "b"), ("a/.", ""), (".", ""), ("..", ""), ("/", "")]
)
def test_a_folder_is_meant_by_its_name_or_by_what_is_in_it(path: str, name: str) -> None:
    assert Place(path).name == name


def test_a_name_goes_into_a_folder() -> None:
    assert inside("/srv/", "x") == "/srv/x"
    assert inside("/", "x") == "/x"
    assert inside("/srv", "") == "/srv"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("README.md", "lab"), "cp README.md lab:"),
        (("README.md", "lab/root/"), "cp README.md lab:/root/"),
        (("lab/etc/hostname", "."), "cp lab:/etc/hostname ."),
        (("README.md", "/tmp"), "cp README.md NAME:"),
    ],
)
def test_the_vps_that_is_meant_is_named(words: tuple[str, str], meant: str) -> None:
    with pytest.raises(failures.UsageError) as raised:
        pair(*words)
    assert raised.value.hint == f"write NAME:PATH for one that is: kohakuriver {meant}"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("lab:/etc/hostname", "-"), "read one: kohakuriver exec lab -- cat PATH"),
        (("-", "lab:/root/x"), "write one: kohakuriver exec lab -i -- sh -c 'cat >PATH'"),
    ],
)
def test_a_stream_is_pointed_at_exec(words, hint):
    with pytest.raises(failures.UsageError) as raised:
        pair(*words)
    assert raised.value.hint == hint
