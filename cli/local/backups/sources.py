"""What a backup is made of: which files, and how etcd is reached. Reads, and changes nothing.

Two kinds of clusters: that of `up`, in its data directory, and one of several machines, whose programs have
their settings in a folder such as /etc/kohakuriver (docs/operations.md).
"""

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from kohakuriver import errors
from kohakuriver.cli.local import run_state
from kohakuriver.cli.local.backups import manifest
from kohakuriver.cli.local.cluster_files import KNOWN, ClusterFiles
from kohakuriver.cli.local.cluster_options import Options, load

MACHINES: Final = Path("/etc/kohakuriver")
ENVIRONMENT: Final = "cluster.env"
_OF_UP: Final = ("cluster-id", "config", "controller.config", "agent.config", "tokens", "options.json", "pki")
_OF_THE_AGENT: Final = ("agent/hostkeys", "agent/node.json", "agent/agent.config")
"""What makes it the same node again. What it notes of the moment is not brought back: it would be old."""
_LARGEST: Final = 8 * 1024**2  # bytes of one file of settings
_MOST: Final = 64 * 1024**2  # of all of them
_VPSES: Final = "the files of VPSes, their volumes, snapshots and images, which are on the nodes"


@dataclasses.dataclass(frozen=True)
class Source:
    """One cluster, ready to be copied."""

    kind: str
    folder: Path
    etcd: tuple[str, ...]  # options of the API server
    files: Mapping[str, bytes]
    keys: str
    not_inside: tuple[str, ...]


def of_up(files: ClusterFiles) -> Source:
    """Raises ConfigError where there is no cluster, or it does not run."""
    options = load(files.options)
    if options is None:
        raise errors.ConfigError(f"{files.root} holds no cluster", hint="name its folder with --data-dir")
    names = [*_OF_UP, *_OF_THE_AGENT]
    found = {name: content for one in names for name, content in _below(files.root, files.root / one)}
    assert set(_OF_UP) <= set(KNOWN)  # noqa: S101 - it would not be removed with the cluster
    return Source(
        kind=manifest.UP,
        folder=files.root,
        etcd=_private_etcd(files),
        files=found,
        keys="none",
        not_inside=(_VPSES, *_named_by(options, files)),
    )


def _named_by(options: Options, files: ClusterFiles) -> Iterator[str]:
    if options.authentication_config:
        yield f"{options.authentication_config}, which --authentication-config names"


def _private_etcd(files: ClusterFiles) -> tuple[str, ...]:
    """Where the etcd that runs listens: it takes other ports at each start."""
    state = run_state.read(files.run)
    etcd = state.programs.get("etcd") if state is not None else None
    if etcd is None or not etcd.alive:
        raise errors.ConfigError(
            f"nothing runs from {files.root}, and a backup is taken of a cluster that runs",
            hint="start it: kohakuriver up --detach",
        )
    words = Path(f"/proc/{etcd.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    for word in words:
        if word.startswith("--advertise-client-urls="):
            return etcd_words(word.partition("=")[2], files.pki, "etcd-ca.crt")
    raise errors.ConfigError(
        f"etcd (pid {etcd.pid}) does not say where it listens", hint="kohakuriver down, then kohakuriver up"
    )


def etcd_words(urls: str, folder: Path, authority: str) -> tuple[str, ...]:
    """How the API server reaches an etcd whose certificates lie there."""
    certificates = ("--etcd-ca", folder / authority, "--etcd-cert", folder / "etcd.crt")
    return ("--etcd", urls, *map(str, certificates), "--etcd-key", str(folder / "etcd.key"))


def of_settings(folder: Path, *, with_keys: bool) -> Source:
    """Of the machine of an API server. Raises ConfigError."""
    settings = Settings.read(folder)
    found = dict(_below(folder, folder))
    keys = "none"
    if settings.encryption_keys is not None:
        name = _inside(settings.encryption_keys, folder)
        keys = "included" if name in found else "elsewhere"
        if not with_keys and name in found:
            del found[name]
            keys = "left out"
    outside = [path for path in settings.named_files() if _inside(path, folder) is None]
    return Source(
        kind=manifest.SETTINGS,
        folder=folder,
        etcd=settings.etcd,
        files=found,
        keys=keys,
        not_inside=(
            _VPSES,
            "the settings of other machines",
            *(() if "ca.key" in found else ("the keys of the authorities (the folder authority/)",)),
            *(f"{path}, which lies outside {folder}" for path in outside),
        ),
    )


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `cluster.env` says, as the units of manifests/systemd read it."""

    folder: Path
    etcd: tuple[str, ...]
    options: tuple[str, ...]  # of the API server, beside what its unit has

    @classmethod
    def read(cls, folder: Path) -> "Settings":
        """Raises ConfigError."""
        file = folder / ENVIRONMENT
        try:
            said = dict(_assignments(file.read_text()))
            options = tuple(shlex.split(said.get("APISERVER_OPTIONS", "")))
        except FileNotFoundError:
            raise errors.ConfigError(
                f"{folder} holds no {ENVIRONMENT}",
                hint="name the folder that manifests/cluster/prepare made for this machine",
            ) from None
        except ValueError as error:
            raise errors.ConfigError(f"{file} makes no sense: {error}") from None
        if not said.get("ETCD_ENDPOINTS"):
            raise errors.ConfigError(
                f"{file} does not say ETCD_ENDPOINTS", hint="it is a line ETCD_ENDPOINTS=https://HOST:2379,…"
            )
        words = etcd_words(said["ETCD_ENDPOINTS"], folder, "etcd-ca.crt")
        return cls(folder, (*words, *_of_etcd(options)), options)

    @property
    def encryption_keys(self) -> Path | None:
        value = _value_of("--encryption-keys", self.options)
        return Path(value) if value else None

    def named_files(self) -> Iterator[Path]:
        """The files that its options name."""
        for word in self.options:
            path = word.partition("=")[2] if word.startswith("--") else word
            if path.startswith("/") and Path(path).is_file():
                yield Path(path)


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", ";")):
            words = shlex.split(value) if value[:1] in ("'", '"') else [value]
            yield name, words[0] if words else ""


def _of_etcd(options: tuple[str, ...]) -> Iterator[str]:
    """Those about etcd, with their values."""
    takes = False
    for word in options:
        if word.startswith("--"):
            takes = word.startswith("--etcd-") and "=" not in word
            if word.startswith("--etcd-"):
                yield word
        elif takes:
            takes = False
            yield word


def _value_of(flag: str, options: tuple[str, ...]) -> str:
    for place, word in enumerate(options):
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
        if word == flag:
            return options[place + 1] if place + 1 < len(options) else ""
    return ""


def _inside(path: Path, folder: Path) -> str | None:
    """Its name below the folder; None where it lies elsewhere."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else None


def _below(root: Path, path: Path) -> Iterator[tuple[str, bytes]]:
    """The plain files there, by their names below `root`. Raises ConfigError for more than settings are."""
    found = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    total = 0
    for one in found:
        size = one.stat().st_size
        total += size
        if size > _LARGEST or total > _MOST:
            raise errors.ConfigError(
                f"{one} is too large to be a setting of a cluster ({size} bytes)",
                hint=f"move what is no setting out of {root}",
            )
        yield str(one.relative_to(root)), one.read_bytes()
