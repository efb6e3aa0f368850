"""What the guide says of a private registry, typed against one on this machine's loopback.

Its name is the only thing that is changed in the page's lines; `docker login` gets the password by a pipe.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.conftest import PROJECT, Cluster, eventually, free_port
from tests.e2e.processes import Process
from tests.e2e.registry import LOGIN

PAGE = PROJECT / "docs/guide/4-common-use-cases.md"


@pytest.fixture
def registry(tmp_path: Path, engine: docker.APIClient) -> Iterator[str]:
    """The address of one that wants a login."""
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "mode").write_text("private")
    command = [sys.executable, "-P", "-m", "tests.e2e.registry", address.partition(":")[2], str(tmp_path)]
    process = Process("registry", command, tmp_path / "log", {"PYTHONPATH": str(PROJECT)})
    process.start()
    try:
        eventually(lambda: "listening" in process.tail())
        yield address
    finally:
        process.kill()
        for image in engine.images():
            for name in image["RepoTags"] or ():
                if name.startswith(f"{address}/"):
                    engine.remove_image(name, force=True)


def printed(address: str) -> list[list[str]]:
    """The lines of that part of the page, as words, for this registry."""
    part = PAGE.read_text().partition("## A private registry")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
    text = "".join(blocks).replace("registry.example.org", address)
    return [line.split() for line in text.splitlines()]


def log_in(cluster: Cluster, words: list[str]) -> None:
    user, password = LOGIN.split(":")
    assert words[:2] == ["docker", "login"]
    done = subprocess.run(
        [*words, "--username", user, "--password-stdin"],
        input=password,
        env=cluster.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def has(engine: docker.APIClient, image: str) -> bool:
    return any(image in (one["RepoTags"] or ()) for one in engine.images())


def test_after_docker_login_the_node_pulls_what_environments_name(
    cluster: Cluster, engine: docker.APIClient, registry: str
) -> None:
    login, *rest = printed(registry)
    make, create = ([*words[1:]] for words in rest)
    image = make[make.index("--image") + 1]
    cluster.ok(*make)
    cluster.ok(*create, "--no-ssh-key", "--no-wait")
    eventually(lambda: "refuses access to" in cluster.ok("vps", "status", "train"))
    assert not has(engine, image)

    log_in(cluster, login)

    eventually(lambda: has(engine, image))
    mine = f"{registry}/team/mine:1"
    cluster.ok("vps", "create", "--name", "mine", "--image", mine, "--no-ssh-key", "--no-wait")
    eventually(lambda: "--registry-credentials-for all" in json.dumps(cluster.get("mine")["status"]))
    assert not has(engine, mine)
    cluster.ok("vps", "delete", "train", "mine")
