"""`make wheel` makes a file that pip installs, and with it alone a cluster runs: no checkout is in reach.

What KohakuRiver depends on comes from the .venv that runs these tests, by a line in a .pth file: asked is
here whether the wheel is whole, not whether an index has the pinned packages (`make setup` asks that).
"""

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.conftest import PROJECT, Cluster, Result, eventually, free_port, ssh_ports

STEP = PROJECT / "manifests/development/wheel"
SHIPPED = ("bin", "cluster", "examples", "image", "install", "kubernetes", "systemd")  # below manifests/
PAGE = "kohakuriver/web/"
PROGRAMS = ("agent", "apiserver", "cli", "controller")


@dataclasses.dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and a package named `cli` of somebody else's."""

    folder: Path
    outside: Path  # an empty folder, far from the checkout

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / program, *arguments],
            cwd=self.outside,
            env=environment(HOME=str(self.outside)),
            capture_output=True,
            text=True,
            check=False,
        )


@dataclasses.dataclass
class FromTheWheel(Cluster):
    """A cluster whose every program has come with the wheel: for them the checkout's folders are empty."""

    installed: Installed | None = None

    def run(self, program: str, *args: Any, stdin: str = "", timeout: float = 120, **env: str) -> Result:
        assert self.installed is not None
        words = [str(self.installed.bin / program), *map(str, args)]
        hidden = [PROJECT / name for name in ("kohakuriver", "manifests", *PROGRAMS)]
        if os.geteuid() == 0:  # nobody else may mount
            hide = "; ".join(f"mount -t tmpfs tmpfs {shlex.quote(str(folder))}" for folder in hidden)
            words = ["unshare", "--mount", "sh", "-ec", f'{hide}; exec "$@"', "sh", *words]
        done = subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.installed.outside,
            env={name: value for name, value in self.environment(**env).items() if name not in _LEADING},
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def programs(self) -> list[list[str]]:
        """The command lines of all that runs on this cluster's folder."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = file.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(str(self.data_dir) in word for word in words):
                found.append(words)
        return found


_LEADING = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def environment(**more: str) -> dict[str, str]:
    """Without what leads to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, **more}


def sources() -> list[str]:
    """The source files, by their names in the checkout."""
    words = ["bash", "-c", ". manifests/development/say; source_files"]
    listed = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and os.path.lexists(PROJECT / name)]


def files_of_checkout() -> set[str]:
    """What a checkout has as source, by the names that an installation has it by."""
    found = set()
    for name in sources():
        top, *rest = name.split("/")
        is_code = name.endswith((".py", "/py.typed"))
        if top == "kohakuriver" and is_code:
            found.add(name)
        elif (top in PROGRAMS and is_code) or (top == "manifests" and rest[0] in SHIPPED):
            found.add(f"kohakuriver/{name}")
    return found


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make wheel` makes, and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run([STEP, "--sdist", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("kohakuriver-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = Installed(tmp_path_factory.mktemp("venv"), tmp_path_factory.mktemp("outside"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.folder], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", made.bin / "python"]
    subprocess.run([*pip, "install", "-q", "--no-index", "--no-deps", wheel], env=environment(), check=True)
    (made.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (made.packages / "cli").mkdir()
    (made.packages / "cli/__init__.py").write_text("WHOSE = 'somebody else'\n")
    return made


def test_it_holds_one_package_and_nothing_is_missing(wheel: Path) -> None:
    names = set(contents(wheel))
    information = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    data = information.replace(".dist-info", ".data")
    assert {name.split("/")[0] for name in names} == {"kohakuriver", information, data}
    assert [name for name in names if name.startswith(data)] == [f"{data}/scripts/kohakuriver"]
    ours = {name for name in names if name.startswith("kohakuriver/")}
    assert {name for name in ours if not name.startswith(PAGE)} == files_of_checkout()


def test_the_web_page_is_in_it_built(wheel: Path) -> None:
    page = {name.removeprefix(PAGE): text for name, text in contents(wheel).items() if name.startswith(PAGE)}
    named = re.findall(r'"/ui/(assets/[^"]+)"', page["index.html"].decode())
    assert len(named) == 2 and [name for name in named if not {name, f"{name}.gz"} <= page.keys()] == []
    assert "preact" in page["LICENSES.txt"].decode()
    assert [name for name in page if name.endswith(".map")] == []


def test_what_installing_it_takes_lies_beside_it(dist: Path) -> None:
    for name in ("requirements.txt", "requirements-embedded.txt"):
        assert (dist / name).read_bytes() == (PROJECT / name).read_bytes()
    script = PROJECT / "manifests/install/install.sh"
    assert (dist / "install.sh").exists() == script.exists()


def test_a_wheel_made_from_the_checkout_itself_is_the_same(wheel: Path, tmp_path: Path) -> None:
    """`make wheel` goes through the source archive; what pip makes of a plain folder has the same files."""
    source = tmp_path / "source"
    for name in sources():
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, copy, follow_symlinks=False)
    web = PROJECT / "manifests/development/web"
    subprocess.run([web, "--required", "into", source / PAGE], capture_output=True, check=True)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=source, capture_output=True, check=True)
    (other,) = tmp_path.glob("*.whl")
    ours, theirs = contents(wheel), contents(other)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_the_source_archive_holds_no_tests(dist: Path) -> None:
    (found,) = dist.glob("kohakuriver-*.tar.gz")
    with tarfile.open(found) as archive:
        below = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert below == {
        "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "kohakuriver", "kohakuriver.egg-info",
        "pyproject.toml", "setup.cfg",
    }  # fmt: skip


def test_its_commands_run_where_there_is_no_checkout(installed: Installed) -> None:
    told = installed.run("kohakuriver", "version", "--client")
    assert (told.returncode, told.stdout) == (0, "Client: 0.1.0\n"), told.stderr
    told = installed.run("kohakuriver", "--help")
    assert told.returncode == 0 and "Usage: kohakuriver COMMAND" in told.stdout, told.stderr


def test_packages_of_other_people_stay_theirs(installed: Installed) -> None:
    told = installed.run(
        "python", "-c", "import cli, kohakuriver.cli as ours; print(cli.WHOSE, ours.__file__)"
    )
    assert told.stdout.split() == ["somebody", "else", f"{installed.packages}/kohakuriver/cli/__init__.py"]


def test_the_files_beside_the_code_are_there(installed: Installed) -> None:
    program = "from kohakuriver import shipped; print(shipped.path('image/build').read_text())"
    assert installed.run("python", "-c", program).stdout.startswith("#!/usr/bin/env bash")


@pytest.fixture
def cluster(installed: Installed, engine: docker.APIClient, tmp_path: Path) -> Iterator[FromTheWheel]:
    made = FromTheWheel(tmp_path, free_port(), ("--ssh-port-range", ssh_ports(9)), installed=installed)
    yield made
    if made.data_dir.exists():
        made.down("--purge")


def test_a_cluster_runs_from_it_and_goes_again(cluster: FromTheWheel) -> None:
    cluster.up()
    cluster.ok("vps", "create", "--name", "dev", "-c", "0.1", "-m", "128M", "--gen-ssh-key")
    assert cluster.ok("exec", "dev", "--", "hostname") == "dev\n"

    assert cluster.installed is not None
    python = [words for words in cluster.programs() if "python" in words[0]]
    assert {words[0] for words in python} == {str(cluster.installed.bin / "python")}
    modules = {word for words in python for word in words if word.startswith("kohakuriver.")}
    assert {
        "kohakuriver.apiserver",
        "kohakuriver.controller",
        "kohakuriver.agent",
        "kohakuriver.agent.holder",
    } <= modules

    cluster.down("--purge")
    assert not cluster.data_dir.exists()
    assert [words for words in cluster.programs() if "kohakuriver.agent.holder" not in words] == []
    # What keeps terminals looks every five seconds whether its folder is there still.
    eventually(lambda: cluster.programs() == [])
