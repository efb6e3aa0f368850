"""`image build`: the image that VPSes start from by default, made on this machine's engine.

The work is done by manifests/image/build, which is installed with KohakuRiver: no checkout, no registry.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from kohakuriver import shipped

EXAMPLES = """
kohakuriver image build
kohakuriver image build --renew
kohakuriver image build --codename bookworm
kohakuriver image build --docker-host unix:///run/other/docker.sock
"""
COMMAND = "KOHAKURIVER_COMMAND"  # how the script says that it is called again

Codename = Annotated[
    str | None,
    typer.Option(
        "--codename",
        metavar="CODENAME",
        help="The release of Debian. An image of another release is replaced. [default: trixie]",
    ),
]
Renew = Annotated[bool, typer.Option("--renew", help="Build it anew, though the engine has it.")]
DockerHost = Annotated[
    str | None,
    typer.Option(
        "--docker-host",
        metavar="SOCKET",
        help="The engine's socket. [default: $DOCKER_HOST, else unix:///var/run/docker.sock]",
    ),
]


def build(codename: Codename = None, renew: Renew = False, docker_host: DockerHost = None) -> int:
    """Build kohakuriver/debian-ssh, the image that VPSes start from by default.

    It is made from Debian's packages, security updates included. That takes root, debootstrap and a minute or
    two. Where the engine has the image, nothing is done, and it is said when it is old. A new image is for
    VPSes that are made from then on.
    """
    words = [*(["--codename", codename] if codename is not None else []), *(["--renew"] if renew else [])]
    environment = environment_of(os.environ, program=sys.argv[0], docker_host=docker_host)
    return subprocess.run(
        ["bash", shipped.path("image/build"), *words], env=environment, check=False
    ).returncode


def environment_of(given: Mapping[str, str], *, program: str, docker_host: str | None) -> dict[str, str]:
    """What the script is given: the engine, and by which path root finds this command again. Pure."""
    found = {
        **given,
        COMMAND: str(Path(program).absolute()) if Path(program).name == "kohakuriver" else "kohakuriver",
    }
    if docker_host is not None:
        found["DOCKER_HOST"] = docker_host
    return found
