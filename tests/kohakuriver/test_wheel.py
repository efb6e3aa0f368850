"""The wheel that an API server makes of itself: what pip would make of the same files, and installable."""

import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

import kohakuriver
from kohakuriver import wheel
from kohakuriver.wheel import File

PROJECT = Path(__file__).parents[2]
FOLDERS = ("kohakuriver", "agent", "apiserver", "cli", "controller", "manifests")


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def sh(*words: str | Path, cwd: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PIP_NO_INDEX": "1", "PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_same_files_make_the_same_bytes_in_whatever_order() -> None:
    files = [File("kohakuriver/b.py", b"2"), File("kohakuriver/a.py", b"1"), File(".dist-info/METADATA", b"")]
    assert wheel.pack("1", files) == wheel.pack("1", files[::-1])


def test_every_file_is_in_the_record_with_its_hash() -> None:
    content = wheel.pack("1", [File("kohakuriver/a,b.py", b"abc")])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        record = archive.read("kohakuriver-1.dist-info/RECORD").decode().splitlines()
    assert record[0] == '"kohakuriver/a,b.py",sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3'
    assert record[-1] == "kohakuriver-1.dist-info/RECORD,," and len(record) == 3


def test_an_installation_that_is_just_being_replaced_is_told_by_its_record() -> None:
    recorded = {
        "kohakuriver/a.py": "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0",
        "kohakuriver/b.py": "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0",
        "../../../bin/kohakuriver": "other",
    }
    whole = [File("kohakuriver/a.py", b"abc"), File("kohakuriver/b.py", b"abc")]
    assert wheel.differing(whole, recorded) == []
    assert wheel.differing(whole[:1], recorded) == ["kohakuriver/b.py"]
    changed = [File("kohakuriver/a.py", b"abd"), *whole[1:]]
    assert wheel.differing(changed, recorded) == ["kohakuriver/a.py"]
    assert wheel.differing([], {"__editable__.kohakuriver.pth": "x"}) == [], "a checkout installed in place"


def test_only_what_is_shipped_is_taken(tmp_path: Path) -> None:
    for name in (
        *("a.py", "py.typed", "b.pyc", "notes.txt", "__pycache__/a.py", "sub/c.py"),
        *("manifests/README.md", "manifests/development/say", "manifests/image/build", "manifests/image/x/y"),
        *("web/index.html", "web/assets/a-1.js.gz", "web/assets/x/y.js"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "manifests/image/build").chmod(0o755)
    found = {file.name: file.executable for file in wheel.code(tmp_path)}
    assert found == {
        "kohakuriver/a.py": False,
        "kohakuriver/py.typed": False,
        "kohakuriver/sub/c.py": False,
        "kohakuriver/manifests/image/build": True,
        "kohakuriver/web/index.html": False,
        "kohakuriver/web/assets/a-1.js.gz": False,
    }


def test_what_is_shipped_is_what_the_project_says() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    assert set(data["kohakuriver"]) == {f"manifests/{name}/*" for name in wheel.SHIPPED} | {*wheel.PAGE}
    assert data["*"] == ["py.typed"]


def test_it_holds_what_a_wheel_of_pip_holds(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / folder, source / folder, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(PROJECT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    sh(*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ".", cwd=source)
    [made] = tmp_path.glob("*.whl")
    own = wheel.own()
    assert own.file_name == made.name
    assert set(names(own.content)) == set(names(made.read_bytes()))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An empty one, with what KohakuRiver needs of this one's."""
    made = tmp_path / "environment"
    sh(sys.executable, "-m", "venv", "--without-pip", made, cwd=tmp_path)
    [packages] = made.glob("lib/python3*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def test_it_is_installed_runs_and_makes_the_same_wheel_again(tmp_path: Path, environment: Path) -> None:
    own = wheel.own()
    (tmp_path / own.file_name).write_bytes(own.content)
    python = environment / "bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    sh(*pip, "install", "-q", "--no-deps", "--force-reinstall", tmp_path / own.file_name, cwd=tmp_path)
    assert kohakuriver.__version__ in sh(environment / "bin/kohakuriver", "version", "--client", cwd=tmp_path)
    program = "import sys; from kohakuriver import wheel; print(wheel.__file__); "
    program += f"open({str(tmp_path / 'again')!r}, 'wb').write(wheel.own().content)"
    where = sh(python, "-P", "-c", program, cwd=tmp_path)
    assert where.startswith(str(environment)), "it is the installed one that was asked"
    assert (tmp_path / "again").read_bytes() == own.content
    Path(where.strip()).with_name("clock.py").write_text("")
    refused = "from kohakuriver import errors, wheel\n"
    refused += "try:\n    wheel.own()\nexcept errors.ConfigError as error:\n    print(error.message)"
    said = sh(python, "-P", "-c", refused, cwd=tmp_path)
    assert "not those that pip installed, such as kohakuriver/clock.py" in said
