"""Names of images are completed as an engine completes them; our own are known in every spelling."""

import pytest

from kohakuriver import image_name

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("debian", "docker.io/library/debian:latest"),
        ("debian:12", "docker.io/library/debian:12"),
        ("docker.io/debian", "docker.io/library/debian:latest"),
        ("index.docker.io/library/debian:12", "docker.io/library/debian:12"),
        ("team/image", "docker.io/team/image:latest"),
        ("localhost/image", "localhost/image:latest"),
        ("localhost:5000/team/image:tag", "localhost:5000/team/image:tag"),
        ("registry.example.org/image", "registry.example.org/image:latest"),
        ("[fd00::1]:5000/image", "[fd00::1]:5000/image:latest"),
        ("Registry/image", "Registry/image:latest"),
        ("2026/image", "docker.io/2026/image:latest"),
        (f"debian@{DIGEST}", f"docker.io/library/debian@{DIGEST}"),
        (f"debian:12@{DIGEST}", f"docker.io/library/debian@{DIGEST}"),
        ("cafe", "docker.io/library/cafe:latest"),
        ("sha256:cafe", "docker.io/library/sha256:cafe"),
        ("registry-1.docker.io/library/debian", "registry-1.docker.io/library/debian:latest"),
    ],
)
def test_a_name_is_completed_as_the_engine_completes_it(written: str, meant: str) -> None:
    assert image_name.full(written) == meant == image_name.full(meant)
    repository, version = image_name.repository(written)
    assert meant in (f"{repository}:{version}", f"{repository}@{version}")


@pytest.mark.parametrize(
    ("written", "short"),
    [
        ("kohakuriver/debian-ssh", "kohakuriver/debian-ssh:latest"),
        ("docker.io/kohakuriver/debian-ssh:latest", "kohakuriver/debian-ssh:latest"),
        ("index.docker.io/kohakuriver/environment-a:1", "kohakuriver/environment-a:1"),
        ("registry-1.docker.io/kohakuriver/commit-a:1", "kohakuriver/commit-a:1"),
        ("Docker.IO/kohakuriver/commit-a:1", "kohakuriver/commit-a:1"),
        ("docker.io:443/kohakuriver/commit-a:1", "kohakuriver/commit-a:1"),
        ("docker.io./kohakuriver/commit-a:1", "kohakuriver/commit-a:1"),
        (f"kohakuriver/debian-ssh:1@{DIGEST}", f"kohakuriver/debian-ssh@{DIGEST}"),
        ("kohakuriver", ""),
        ("kohakuriver-labs/commit-a", ""),
        ("library/kohakuriver", ""),
        ("registry.example.org/kohakuriver/debian-ssh", ""),
        ("docker.io/library/kohakuriver/debian-ssh", ""),
    ],
)
def test_our_own_images_are_known_in_every_spelling(written: str, short: str) -> None:
    assert image_name.own(written) == short


@pytest.mark.parametrize("written", ["a", "4", "134b", "DEADBEEF", "a" * 64, DIGEST, "sha256:a", "sha512:a"])
def test_what_an_engine_may_take_for_an_id(written: str) -> None:
    assert image_name.may_be_an_id(written)


@pytest.mark.parametrize("written", ["cafe:1", "library/cafe", "debian", "cafe-x", f"debian@{DIGEST}"])
def test_what_no_engine_takes_for_an_id(written: str) -> None:
    assert not image_name.may_be_an_id(written)
