"""Tar streams whose members go into another folder: what tarfile reads of them then."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.kubelet.renaming import END, BrokenTar, Renamer, member, named, padding

NAMES = (
    st.text("aé/.-", min_size=1, max_size=30).map(lambda name: f"x{name}y").filter(lambda n: "//" not in n)
)


def packed(files: dict[str, bytes]) -> bytes:
    """As the files service packs a folder."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
        top = tarfile.TarInfo(".")
        top.type = tarfile.DIRTYPE
        archive.addfile(top)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), 1_700_000_000, 0o640
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "l" * 150
        archive.addfile(link)
    return whole.getvalue()


@given(
    st.dictionaries(NAMES | NAMES.map(lambda name: name + "n" * 200), st.binary(max_size=1500), max_size=4),
    st.integers(1, 3000),
)
def test_every_member_is_there_under_its_new_name(files, size):
    whole, renamer, out = packed(files), Renamer("srv/data"), b""
    for start in range(0, len(whole), size):
        out += renamer.feed(whole[start : start + size])
    with tarfile.open(fileobj=io.BytesIO(out)) as archive:
        found = {one.name: archive.extractfile(one).read() for one in archive if one.isreg()}
        assert found == {f"srv/data/{name}": content for name, content in files.items()}
        assert archive.getmember("srv/data").isdir()
        assert archive.getmember("srv/data/link").linkname == "l" * 150
        assert all((one.mtime, one.mode) == (1_700_000_000, 0o640) for one in archive if one.isreg())


def test_one_file_is_a_stream_of_its_own():
    content = b"hosts"
    name = named("/etc/hosts")
    whole = member(name, size=5, mode=0o644, mtime=7) + content + padding(5) + END
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        [one] = archive.getmembers()
        assert (one.name, one.mtime, archive.extractfile(one).read()) == ("etc/hosts", 7, content)


@given(st.binary(min_size=512, max_size=1200))
def test_nonsense_is_refused_or_passed_and_nothing_else(data):
    renamer = Renamer("x")
    try:
        renamer.feed(data)
    except BrokenTar:
        return
    assert len(renamer._came) < 512 + 64 * 1024 + 512


def test_headers_that_go_on_for_too_long_are_refused():
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 20
    with pytest.raises(BrokenTar, match="too long"):
        Renamer("x").feed(info.tobuf(tarfile.USTAR_FORMAT))
