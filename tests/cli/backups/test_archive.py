"""What is read of a backup is what was written, or it is refused."""

import gzip
import hashlib
import io
import re
import subprocess
import tarfile

import pytest

from kohakuriver.cli.local.backups import archive, manifest
from kohakuriver.cli.local.backups.manifest import BackupDamaged, BackupTooNew
from tests.cli.backups.kit import FILES, STORE, a_backup, a_manifest, contents


def test_a_backup_comes_back_as_it_was_for_its_owner_alone(tmp_path):
    found = archive.read(io.BytesIO(a_backup()), lambda _: tmp_path / "x")
    assert contents(tmp_path / "x") == {"store.jsonl": STORE} | {f"files/{n}": c for n, c in FILES.items()}
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "x").rglob("*") if one.is_file()} == {0o600}
    assert {one.stat().st_mode & 0o777 for one in (tmp_path / "x").rglob("*") if one.is_dir()} == {0o700}
    assert found == a_manifest(parts=found.parts)
    assert found.parts["store.jsonl"].sha256 == hashlib.sha256(STORE).hexdigest()


def test_the_sums_are_those_that_sha256sum_checks(tmp_path):
    (tmp_path / "b.tar").write_bytes(a_backup())
    subprocess.run(["tar", "xf", "b.tar"], cwd=tmp_path, check=True)
    done = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.count(": OK")) == (0, len(FILES) + 2)


def test_one_that_was_compressed_on_its_way_is_read_too():
    assert archive.read(io.BytesIO(gzip.compress(a_backup()))).cluster == a_manifest().cluster


def test_a_backup_that_is_cut_anywhere_is_refused():
    whole = a_backup()
    end = whole.rindex(b"SHA256SUMS")
    for length in [0, 1, 511, 512, 513, *range(600, end, 700), end]:
        with pytest.raises(BackupDamaged):
            archive.read(io.BytesIO(whole[:length]))


def test_a_backup_of_which_any_byte_that_means_something_was_changed_is_refused():
    whole, meant = a_backup(), []
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        for member in tar:
            meant += range(member.offset_data, member.offset_data + member.size)
    for place in meant[::7]:
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises((BackupDamaged, BackupTooNew)):
            archive.read(io.BytesIO(bytes(changed)))


def test_something_else_is_refused_in_words():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("etc/passwd"))
    for content in (stream.getvalue(), b"x" * 10_000, b""):
        with pytest.raises(BackupDamaged, match=r"this is no (whole )?backup"):
            archive.read(io.BytesIO(content))


@pytest.mark.parametrize(
    "name", ["files/../../etc/cron.d/x", "/etc/passwd", "files//x", "files/./x", "other"]
)
def test_a_part_never_lies_outside_of_the_folder(name, tmp_path):
    text = a_manifest(parts={"store.jsonl": manifest.Part(0, ""), name: manifest.Part(1, "")}).render()
    with pytest.raises(BackupDamaged, match="which none has"):
        manifest.parse(text)


def test_a_link_in_it_is_refused(tmp_path):
    stream = io.BytesIO(a_backup())
    other = io.BytesIO()
    with tarfile.open(fileobj=stream) as tar, tarfile.open(fileobj=other, mode="w") as changed:
        for member in tar:
            content = tar.extractfile(member)
            if member.name == "files/tokens":
                member.type, member.linkname, member.size, content = tarfile.SYMTYPE, "/etc/shadow", 0, None
            changed.addfile(member, content)
    other.seek(0)
    with pytest.raises(BackupDamaged, match="that its manifest does not have"):
        archive.read(other, lambda _: tmp_path)


def test_a_part_larger_than_the_manifest_says_takes_no_room(tmp_path):
    stream, other = io.BytesIO(a_backup()), io.BytesIO()
    with tarfile.open(fileobj=stream) as tar, tarfile.open(fileobj=other, mode="w") as changed:
        for member in tar:
            content = tar.extractfile(member)
            if member.name == "store.jsonl":
                member.size, content = 1 << 20, io.BytesIO(bytes(1 << 20))
            changed.addfile(member, content)
    other.seek(0)
    with pytest.raises(BackupDamaged, match=r"store\.jsonl in this backup is damaged"):
        archive.read(other, lambda _: tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_would_fill_the_memory_is_refused(kind):
    member = tarfile.TarInfo("x")
    member.type, member.size = kind, 1 << 20
    stream = io.BytesIO(member.tobuf() + b"1" * (1 << 20))
    with pytest.raises(BackupDamaged, match="a header in it goes on for too long"):
        archive.read(stream)
    assert stream.tell() < 1 << 19


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"backup": "kohakuriver", "format": Infinity}'])
def test_a_manifest_made_to_break_its_reader_is_refused_in_words(text):
    with pytest.raises(BackupDamaged, match=r"manifest of this backup is damaged"):
        manifest.parse(text)


@pytest.mark.parametrize(
    ("version", "is_read"),
    [
        ("0.1.0", True),
        ("0.0.9", True),
        ("0.1.0rc1", True),
        ("0.2.0", False),
        ("0.1.1", False),
        ("1.0", False),
    ],
)
def test_an_older_version_is_read_and_a_newer_one_refused_in_words(version, is_read):
    text = a_manifest(parts={"store.jsonl": manifest.Part(0, "")}, version=version).render()
    if is_read:
        assert manifest.parse(text, ours="0.1.0").version == version
        return
    with pytest.raises(BackupTooNew, match=f"KohakuRiver {re.escape(version)} has made this backup") as told:
        manifest.parse(text, ours="0.1.0")
    assert f"install KohakuRiver {version} or a later one" in told.value.hint


def test_a_later_form_is_refused_whatever_version_it_says():
    text = a_manifest(parts={"store.jsonl": manifest.Part(0, "")}).render()
    with pytest.raises(BackupTooNew):
        manifest.parse(text.replace(b'"format": 1', b'"format": 2'))
