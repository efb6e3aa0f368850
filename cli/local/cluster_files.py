"""The data directory of a cluster on this machine: what lies where, and making it once.

`up` takes a folder that is empty or already a cluster's, and nothing else; so `down --purge` can remove
what it knows by name and never more. Keys, tokens and certificates are made once and kept. What makes
certificates is imported where they are looked at: `down` needs none of it.
"""

import base64
import contextlib
import dataclasses
import datetime
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from kohakuriver import errors, private_file
from kohakuriver.client import config
from kohakuriver.client.config import Connection

DEFAULT = Path("~/.kohakuriver")
CONTEXT = "kohakuriver"  # the name of cluster and context in the config files
KNOWN = (
    "agent", "agent.config", "cluster-id", "config", "controller.config", "etcd", "etcd-version", "lock",
    "logs", "options.json", "pki", "run.json", "tokens",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Role:
    """One identity that `up` makes: whose config file, and what its token may do."""

    name: str
    file: str
    user: str


ADMIN = Role("admin", "config", "admin")
CONTROLLER = Role("controller", "controller.config", "controller")
NODE = Role("node", "agent.config", "node")
ROLES = (ADMIN, CONTROLLER, NODE)


@dataclasses.dataclass(frozen=True)
class ClusterFiles:
    """The paths in one data directory."""

    root: Path

    @classmethod
    def at(cls, path: Path | None) -> "ClusterFiles":
        return cls((path or DEFAULT).expanduser().absolute())

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def options(self) -> Path:
        return self.root / "options.json"

    @property
    def run(self) -> Path:
        return self.root / "run.json"

    @property
    def tokens(self) -> Path:
        return self.root / "tokens"

    @property
    def config(self) -> Path:
        return self.root / ADMIN.file

    @property
    def is_ours(self) -> bool:
        """Whether a cluster lives, or lived, here."""
        return self.options.is_file()

    @property
    def is_default(self) -> bool:
        return self.root == DEFAULT.expanduser().absolute()

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.jsonl"

    def log(self, program: str) -> Path:
        return self.logs / f"{program}.log"

    def cluster_id(self) -> str:
        """The cluster's id, if it was ever up."""
        with contextlib.suppress(FileNotFoundError):
            return (self.root / "cluster-id").read_text().strip()
        return ""

    def remember_cluster_id(self, found: str) -> None:
        """Raises ConfigError when the data in etcd is another cluster's."""
        known = self.cluster_id()
        if known and known != found:
            raise errors.ConfigError(
                f"{self.root} was cluster {known}, and its etcd now holds cluster {found}"
            )
        if not known:
            private_file.write(self.root / "cluster-id", found + "\n")

    def etcd_version(self) -> str:
        """Which etcd wrote the data that is there; empty if nobody knows. Where it was never written
        down, etcd's log has it."""
        if not (self.root / "etcd").exists():
            return ""
        with contextlib.suppress(FileNotFoundError):
            return (self.root / "etcd-version").read_text().strip()
        with contextlib.suppress(FileNotFoundError):
            told = re.findall(
                r'"etcd-version":"(\d+)\.(\d+)\.(\d+)"', self.log("etcd").read_text(errors="replace")
            )
            return ".".join(max(told, key=lambda one: tuple(map(int, one)), default=()))
        return ""

    def remember_etcd(self, version: str) -> None:
        """It serves, so it has written."""
        if self.etcd_version() != version or not (self.root / "etcd-version").exists():
            private_file.write(self.root / "etcd-version", version + "\n")

    def accept_engine(self) -> None:
        """Tell the agent, now or when it starts, that the engine there is may be used: this once."""
        if self.is_ours:  # a new cluster takes any
            private_file.make_folder(self.root / "agent")
            private_file.write(self.root / "agent" / "accept-engine", "")

    def claim(self) -> bool:
        """Make the folder; whether there was none. Raises ConfigError when it holds somebody else's files."""
        is_new = not self.root.exists()
        private_file.make_folder(self.root)
        strange = sorted(entry.name for entry in self.root.iterdir() if not self._is_begun(entry))
        if strange and not self.is_ours:
            raise errors.ConfigError(
                f"{self.root} is not the folder of a cluster: it holds {', '.join(strange[:3])}",
                hint="name another folder with --data-dir",
            )
        private_file.make_folder(self.logs)
        return is_new

    def _is_begun(self, entry: Path) -> bool:
        """Whether that is what an `up` leaves which was refused."""
        return entry == self.root / "lock" or (entry == self.logs and not any(entry.iterdir()))

    def remove_begun(self, *, folder: bool = True) -> bool:
        """Remove what an `up` that was refused has left; whether the folder held that, and nothing else."""
        if not self.root.is_dir() or not all(self._is_begun(entry) for entry in self.root.iterdir()):
            return False
        if not any(self.root.iterdir()):
            return False
        (self.root / "lock").unlink(missing_ok=True)
        if self.logs.is_dir():
            self.logs.rmdir()
        if folder:
            self.root.rmdir()
        return True

    @contextlib.contextmanager
    def locked(self) -> Iterator[bool]:
        """Whether we hold the folder alone. The kernel lets go of the lock when its holder dies."""
        handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        else:
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            yield True
        finally:
            os.close(handle)

    def remove(self) -> list[str]:
        """Remove what is ours, and the folder if nothing else is in it; what was left."""
        for name in KNOWN:
            path = self.root / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        for rest in self.root.glob("logs*.1"):
            rest.unlink()
        left = sorted(entry.name for entry in self.root.iterdir())
        if not left:
            self.root.rmdir()
        return left


def ensure_certificates(
    files: ClusterFiles, hosts: Sequence[str], now: datetime.datetime
) -> datetime.datetime | None:
    """Authorities and certificates of the API server and of etcd; the first is signed anew for new hosts, and
    all of them when a third of their time is left. The end of the API server's authority as it was, if that
    was renewed: there are copies of it."""
    from kohakuriver import certificates

    before = certificates.load(files.pki, "ca")
    authority = certificates.authority(files.pki, "ca", "KohakuRiver", now=now)
    server = certificates.load(files.pki, "apiserver")
    if server is None or not set(hosts) <= certificates.hosts_of(server) or certificates.is_due(server, now):
        kept = certificates.hosts_of(server) if server else frozenset()
        names = list(dict.fromkeys([*hosts, *sorted(kept)]))
        certificates.sign(authority, "kohakuriver-apiserver", hosts=names, now=now).save(
            files.pki, "apiserver"
        )
    etcd_authority = certificates.authority(files.pki, "etcd-ca", "KohakuRiver private etcd", now=now)
    etcd = certificates.load(files.pki, "etcd")
    if etcd is None or certificates.is_due(etcd, now):
        pair = certificates.sign(etcd_authority, "etcd", hosts=["127.0.0.1", "localhost"], now=now)
        pair.save(files.pki, "etcd")
    return certificates.ends_of(before.certificate) if before not in (None, authority) else None


def running_out(files: ClusterFiles, now: datetime.datetime) -> str:
    """Which certificate is over in less than a year, and when; empty if none is."""
    from kohakuriver import certificates

    for name in ("ca", "apiserver", "etcd-ca", "etcd"):
        pair = certificates.load(files.pki, name)
        if pair is not None and certificates.days_left(pair.certificate, now) < certificates.WARN_DAYS:
            return f"{files.pki / name}.crt is good until {certificates.ends_of(pair.certificate):%Y-%m-%d}"
    return ""


def ensure_credentials(files: ClusterFiles, *, url: str, local_url: str, node: str) -> None:
    """A config file with a token for each role, and the tokens' hashes for the API server. What people
    changed or added in these files stays."""
    authority = (files.pki / "ca.crt").read_bytes()
    lines = files.tokens.read_text().splitlines() if files.tokens.exists() else []
    known = {json.loads(line)["sha256"] for line in lines if line.strip()}
    for role in ROLES:
        server = url if role is ADMIN else local_url
        token = _ensure_config(files.root / role.file, role, server, authority)
        digest = hashlib.sha256(token.encode()).hexdigest()
        if digest not in known:
            entry = {"sha256": digest, "user": role.user, "role": role.name}
            if role is NODE:
                entry |= {"user": f"node:{node}", "node": node}
            lines.append(json.dumps(entry))
    text = "".join(f"{line}\n" for line in lines)
    if not files.tokens.exists() or files.tokens.read_text() != text:
        private_file.write(files.tokens, text)


def _ensure_config(file: Path, role: Role, server: str, authority: bytes) -> str:
    """The token in the file, which afterwards names this server."""
    if not file.exists():
        connection = Connection(server=server, token=secrets.token_urlsafe(32), ca=authority)
        config.write(file, connection, cluster=CONTEXT, user=role.user)
    found = config.load(file, context=CONTEXT)
    if found.server != server or found.ca != authority:
        _point_to(file, server, authority)
    if not found.token:
        raise errors.ConfigError(
            f"{file} holds no token", hint=f"remove {file}; the next kohakuriver up makes a new one"
        )
    return found.token


def _point_to(file: Path, server: str, authority: bytes) -> None:
    """Change our cluster's address; contexts that people have added stay."""
    whole = config.read(file)
    for entry in whole.get("clusters") or ():
        if entry.get("name") == CONTEXT:
            data = base64.b64encode(authority).decode()
            entry["cluster"] |= {"server": server, "certificate-authority-data": data}
    private_file.write(file, config.render(whole))
