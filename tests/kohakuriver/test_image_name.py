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


@pytest.mark.parametrize(
    ("reference", "where", "is_there"),
    [
        ("debian:12", "docker.io/library", True),
        ("debian", "INDEX.docker.io", True),
        ("team/debian", "docker.io/library", False),
        ("docker.io/lib/x", "docker.io/library", False),
        ("docker.io/library-x/y", "docker.io/library", False),
        ("GHCR.io/a/b@sha256:" + "a" * 64, "ghcr.io/a/b", True),
        ("ghcr.io:443/a", "ghcr.io", False),
    ],
)
def test_an_image_is_in_a_registry_or_in_a_part_of_it_up_to_a_slash(
    reference: str, where: str, is_there: bool
) -> None:
    repository, _ = image_name.repository(reference)
    assert image_name.is_below(repository, image_name.place(where)) is is_there


@pytest.mark.parametrize(
    ("server", "is_one"),
    [
        ("docker.io", False),
        ("r2.example", False),
        ("localhost.example", False),
        ("1password.example:5000", False),
        ("10.0.0.1:80", True),
        ("127.1", True),
        ("2130706433:80", True),
        ("0X7F.1", True),
        ("10.0.0.1.", True),
        ("a.LOCALHOST:1", True),
        ("[::1]:5000", True),
    ],
)
def test_what_a_resolver_takes_for_an_address_is_one(server: str, is_one: bool) -> None:
    assert image_name.is_an_address(server) is is_one


def test_an_environment_stands_for_the_image_that_agents_make_of_it() -> None:
    metadata = {"name": "torch", "uid": "0123-4567-89ab-cdef"}
    tarball = {"metadata": metadata, "spec": {"tarball": "/a.tar", "digest": "sha256:" + "ab" * 32}}
    assert image_name.of_environment(tarball) == "kohakuriver/environment-torch:abababababab"
    assert image_name.of_environment({"metadata": metadata, "spec": {"image": "torch:2"}}) == "torch:2"
    made = {"metadata": metadata, "spec": {"vps": {"name": "a"}}, "status": {"phase": "Ready"}}
    assert image_name.of_environment(made) == "kohakuriver/environment-torch:0123456789ab"
    assert image_name.of_environment({**made, "status": {"phase": "Making"}}) == ""
