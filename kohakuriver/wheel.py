"""The wheel of the KohakuRiver that runs here, made from its own files: what another machine installs.

    own() ── the files of this installation, or of this checkout ── pack() ── the bytes of a wheel

The same files make the same bytes: names are sorted, and all have the same date. In a checkout the links to
the programs' folders are followed, so that the wheel holds what `pip install` of it would.
"""

import base64
import dataclasses
import hashlib
import importlib.metadata
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kohakuriver import errors

NAME = "kohakuriver"
HANDED_OUT = "/install/kohakuriver.tar"  # by API servers, to machines that are to be nodes
SHIPPED = (
    "bin",
    "cluster",
    "examples",
    "image",
    "install",
    "kubernetes",
    "systemd",
)  # as pyproject.toml has it
PAGE = ("web/*", "web/*/*")  # the web page, where it was built; as there
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can have
_CODE = ("*.py", "py.typed")
_DESCRIPTION = ("METADATA", "top_level.txt", "licenses/*")
_WHEEL = b"Wheel-Version: 1.0\nGenerator: kohakuriver\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One file of a wheel; `name` is its path there."""

    name: str
    content: bytes
    executable: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, and what its file has to be called."""

    version: str
    content: bytes

    @property
    def file_name(self) -> str:
        return f"{NAME}-{self.version}-py3-none-any.whl"


def own() -> Wheel:
    """That of this installation. Raises ConfigError where KohakuRiver was not installed with pip, and where
    its files are not those that pip installed: it is being upgraded just now."""
    try:
        installed = importlib.metadata.distribution(NAME)
    except importlib.metadata.PackageNotFoundError:
        installed = None
    if installed is None or not installed.read_text("METADATA"):
        raise errors.ConfigError(
            "this KohakuRiver was not installed with pip, so no wheel can be made of it",
            hint="install it: pip install, or make setup in a checkout",
        )
    package = Path(__file__).parent
    files = [*code(package), *_scripts(package, installed.version), *_description(installed)]
    recorded = {path.as_posix(): path.hash.value for path in installed.files or () if path.hash}
    if wrong := differing(files, recorded):
        raise errors.ConfigError(
            f"files of this installation are not those that pip installed, such as {wrong[0]}",
            hint="wait until its upgrade has ended; otherwise install it again with pip",
        )
    return Wheel(installed.version, pack(installed.version, files))


def differing(files: Iterable[File], recorded: Mapping[str, str]) -> list[str]:
    """Which of the recorded files of this package are missing here, or have another content.

    `recorded` has the hash of each file that pip installed. Of a checkout that is installed in place it has
    no file of the package, so that there is nothing to compare.
    """
    found = {file.name: _hash(file.content) for file in files}
    wanted = {name: f"sha256={value}" for name, value in recorded.items() if name.startswith(f"{NAME}/")}
    return sorted(name for name, value in wanted.items() if found.get(name) != value)


def code(package: Path) -> Iterator[File]:
    """Of that folder what belongs into a wheel: code, and the files that are shipped beside it."""
    for path in _walk(package):
        name = path.relative_to(package)
        if name.parts[0] == "manifests":
            if len(name.parts) != 3 or name.parts[1] not in SHIPPED:
                continue
        elif name.parts[0] == "web":
            if not any(name.match(pattern) for pattern in PAGE):
                continue
        elif not any(name.match(pattern) for pattern in _CODE):
            continue
        yield _file(f"{NAME}/{name.as_posix()}", path)


def pack(version: str, files: Iterable[File]) -> bytes:
    """A wheel of these files. Those whose names begin with `.dist-info/` describe it."""
    folder = f"{NAME}-{version}.dist-info"
    placed = [
        dataclasses.replace(file, name=f"{folder}/{file.name.removeprefix('.dist-info/')}")
        if file.name.startswith(".dist-info/")
        else file
        for file in (*files, File(".dist-info/WHEEL", _WHEEL))
    ]
    placed.sort(key=lambda file: (file.name.startswith(folder), file.name))
    rows = [f"{_field(file.name)},{_hash(file.content)},{len(file.content)}\n" for file in placed]
    rows.append(f"{folder}/RECORD,,\n")
    placed.append(File(f"{folder}/RECORD", "".join(rows).encode()))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in placed:
            entry = zipfile.ZipInfo(file.name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whose permissions follow
            entry.external_attr = (0o100755 if file.executable else 0o100644) << 16
            archive.writestr(entry, file.content)
    return made.getvalue()


def _scripts(package: Path, version: str) -> Iterator[File]:
    """What pip is to put beside Python. Not what lies there: an installer may have changed its first line."""
    for path in _walk(package / "manifests/bin"):
        yield _file(f"{NAME}-{version}.data/scripts/{path.name}", path)


def _description(installed: importlib.metadata.Distribution) -> Iterator[File]:
    """What says what it is, and how it is started; not what pip noted when it installed it."""
    for path in installed.files or ():
        folder, _, name = path.as_posix().partition("/")
        if folder.endswith(".dist-info") and any(Path(name).match(pattern) for pattern in _DESCRIPTION):
            yield _file(f".dist-info/{name}", Path(str(installed.locate_file(path))))


def _walk(folder: Path) -> Iterator[Path]:
    """The files below it, in order; links to folders are followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name != "__pycache__":
                yield from _walk(path)
        elif path.is_file():
            yield path


def _file(name: str, path: Path) -> File:
    return File(name, path.read_bytes(), executable=bool(path.stat().st_mode & 0o100))


def _hash(content: bytes) -> str:
    digest = hashlib.sha256(content).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _field(name: str) -> str:
    return f'"{name}"' if "," in name else name
