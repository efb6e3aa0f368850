"""Tarballs of images on their way to an engine, and what of them is refused before. No engine is asked."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import docker
import pytest

from kohakuriver.agent.runtime import snapshot, tarball
from kohakuriver.agent.runtime.errors import ImagePullFailed
from kohakuriver.trees.members import Refused

NAME = "kohakuriver/environment-x:1"
MANIFEST = json.dumps([{"Config": "c.json", "RepoTags": ["other:1"], "Layers": ["layer.tar"]}]).encode()
LAYER = b"layer" * 100_000


class AnEngine(docker.APIClient):
    """Takes what it is given."""

    def __init__(self) -> None:
        self.loaded = b""
        self.imported = b""

    def load_image(self, data: IO[bytes], quiet: bool | None = None) -> Any:
        self.loaded = data.read()
        return []

    def import_image_from_file(self, filename: str, **name: Any) -> str:
        self.imported = Path(filename).read_bytes()
        return ""

    def inspect_image(self, image: str) -> Any:
        return {}


def a_tar(files: dict[str, bytes], **headers: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.pax_headers = len(content), headers
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def plain(data: bytes) -> bytes:
    return data


PACKINGS = [plain, gzip.compress, bz2.compress, lzma.compress]


@pytest.mark.parametrize("packed", PACKINGS)
def test_an_image_has_one_name_whatever_it_is_packed_with(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    file, engine = tmp_path / "image", AnEngine()
    names = dict.fromkeys(("repositories", "index.json", "oci-layout"), b"{}")
    file.write_bytes(packed(a_tar({"layer.tar": LAYER, **names, "manifest.json": MANIFEST})))
    tarball.load(engine, file, NAME)
    with tarfile.open(fileobj=io.BytesIO(engine.loaded)) as archive:
        assert archive.getnames() == ["layer.tar", "manifest.json"]
        layer, manifest = (archive.extractfile(name) for name in archive.getnames())
        assert layer is not None and layer.read() == LAYER
        assert manifest is not None and json.load(manifest)[0]["RepoTags"] == [NAME]


@pytest.mark.parametrize("packed", PACKINGS)
def test_a_file_system_is_handed_on_as_it_is(tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    file, engine = tmp_path / "image", AnEngine()
    file.write_bytes(packed(a_tar({"bin/sh": b"#!"})))
    tarball.load(engine, file, NAME)
    assert (engine.imported, engine.loaded) == (file.read_bytes(), b"")


@pytest.mark.parametrize("packed", PACKINGS)
def test_a_tarball_with_long_headers_is_refused(tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    file, engine = tmp_path / "image", AnEngine()
    file.write_bytes(packed(a_tar({"bin/sh": b"#!"}, comment="x" * 1_000_000)))
    with pytest.raises(ImagePullFailed, match="cannot be read: a header in it goes on for too long"):
        tarball.load(engine, file, NAME)
    assert engine.imported == b""


@pytest.mark.parametrize("packed", PACKINGS[1:])
def test_a_packing_that_is_broken_is_no_fault_of_the_disk(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    data = bytearray(packed(a_tar({"layer.tar": LAYER})))
    data[12:52] = b"\xff" * 40
    (tmp_path / "image").write_bytes(data)
    with pytest.raises(ImagePullFailed, match="cannot be read"):
        tarball.load(AnEngine(), tmp_path / "image", NAME)


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(a_tar({"manifest.json": b" " * 2_000_000}))
    with pytest.raises(ImagePullFailed, match=r"manifest\.json is larger than 1048576 bytes"):
        tarball.load(AnEngine(), tmp_path / "image", NAME)


def test_a_snapshot_is_taken_of_a_stream_that_comes_in_odd_pieces() -> None:
    data = a_tar({"keys/key": b"secret", "work/notes": LAYER, "keys": b"", "keysmith": b"kept"})
    pieces = (data[place : place + 777] for place in range(0, len(data), 777))
    taken = b"".join(snapshot.filtered(pieces, without="/keys"))
    with tarfile.open(fileobj=io.BytesIO(taken)) as archive:
        assert archive.getnames() == ["work/notes", "keysmith"]
    assert taken == a_tar({"work/notes": LAYER, "keysmith": b"kept"})[: len(taken)]


def test_a_snapshot_with_long_headers_is_refused() -> None:
    with pytest.raises(Refused, match="goes on for too long"):
        list(snapshot.filtered([a_tar({"work/notes": b""}, comment="x" * 1_000_000)], without="/keys"))
