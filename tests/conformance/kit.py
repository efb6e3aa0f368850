"""A whole API server on a real etcd, over TLS, and clients that nobody here wrote.

The server is a process of its own, so that a client may block. Nothing of our own client is used.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kohakuriver import certificates
from kohakuriver.apiserver.identity.identity import fingerprint
from tests.etcd import EtcdProcess, free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
KUBECTL = BIN / "kubectl"
DEBIANS_KUBECTL = (
    ROOT / "build" / "kubernetes-client" / "usr" / "bin" / "kubectl"
)  # 1.20; see system-packages
START_WITHIN = 240.0
Json = dict[str, Any]

USERS: tuple[Json, ...] = (
    {"user": "admin", "role": "admin"},
    {"user": "alice", "role": "user", "namespaces": ["default"]},
    {"user": "eve", "role": "viewer"},
    {"user": "node:n1", "role": "node", "node": "n1"},
    {"user": "controller", "role": "controller"},
)


@dataclasses.dataclass(frozen=True)
class Said:
    """What a program printed and how it ended."""

    code: int
    out: str
    err: str


@dataclasses.dataclass(frozen=True)
class Server:
    """Where it is, and the files by which clients come in."""

    url: str
    folder: Path
    etcd: str  # its client endpoint, for who hurts it

    @property
    def authority(self) -> Path:
        return self.folder / "ca.crt"

    def config(self, user: str = "admin") -> Path:
        """A kubeconfig of that user."""
        path = self.folder / f"config-{user}"
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": "default"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": token_of(user)}}],
        }
        path.write_text(json.dumps(content))
        path.chmod(0o600)
        return path

    def kubectl(
        self,
        *words: str,
        stdin: str = "",
        user: str = "admin",
        program: Path = KUBECTL,
        timeout: float = 240,
        **environment: str,
    ) -> Said:
        """kubectl to its end."""
        done = subprocess.run(
            [program, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=self.environment(user) | environment,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def kube(self, *words: str, stdin: str = "", user: str = "admin", **more: Any) -> str:
        """What kubectl prints; it must succeed."""
        said = self.kubectl(*words, stdin=stdin, user=user, **more)
        assert said.code == 0, f"kubectl {' '.join(words)}: {said.err}{said.out}"
        return said.out

    def environment(self, user: str = "admin") -> dict[str, str]:
        return {"KUBECONFIG": str(self.config(user)), "HOME": str(self.folder), "PATH": os.environ["PATH"]}

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "admin",
        media: str = "application/json",
    ) -> tuple[int, Any]:
        """One request: the code and the JSON that came back."""
        context = ssl.create_default_context(cafile=str(self.authority))
        headers = {"Authorization": f"Bearer {token_of(user)}", "Content-Type": media}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as reply:  # noqa: S310
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def token_of(user: str) -> str:
    return f"token-of-{user}"


def a_manifest(name: str, *, kind: str = "VPS", cores: Any = 1, labels: str = "", more: str = "") -> str:
    """A VPS as a person writes it."""
    inside = f"name: {name}, labels: {labels}" if labels else f"name: {name}"
    return (
        f"apiVersion: kohakuriver.io/v1alpha1\nkind: {kind}\nmetadata: {{{inside}}}\n"
        f"spec:\n  image: kohakuriver/busybox\n  resources: {{cores: {cores}, memory: 64Mi}}\n{more}"
    )


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """etcd and an API server, ready."""
    now = datetime.datetime.now(datetime.UTC)
    authority = certificates.new_authority("test", now=now)
    authority.save(folder, "ca")
    certificates.sign(authority, "server", hosts=["127.0.0.1"], now=now).save(folder, "server")
    lines = [json.dumps({**user, "sha256": fingerprint(token_of(user["user"]))}) for user in USERS]
    (folder / "tokens").write_text("\n".join(lines))
    port = free_port()
    with EtcdProcess(folder / "etcd") as etcd, (folder / "log").open("wb") as log:
        server = Server(f"https://127.0.0.1:{port}", folder, etcd.endpoint)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "kohakuriver.apiserver"),
                *("--etcd", etcd.url, "--listen", f"127.0.0.1:{port}"),
                *("--tls-cert", folder / "server.crt", "--tls-key", folder / "server.key"),
                *("--tls-ca", folder / "ca.crt", "--token-file", folder / "tokens"),
            ],
            cwd=ROOT,
            stderr=log,
        )
        try:
            _until_ready(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_WITHIN
    while True:
        with contextlib.suppress(OSError, ValueError):
            code, _ = server.call("GET", "/apis")
            if code == 200:
                return
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"the API server did not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def eventually(what: Any, *, within: float = 240.0) -> Any:
    """The first true answer."""
    give_up = time.monotonic() + within
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < give_up, f"not within {within} s: {what}"
        time.sleep(0.1)
