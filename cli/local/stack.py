"""The four programs of a cluster on one machine: their command lines, and what makes each of them ready."""

import contextlib
import dataclasses
import random
from typing import Protocol

from kohakuriver import errors
from kohakuriver.cli import programs
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.local import etcd_process, ports
from kohakuriver.cli.local.cluster_files import CONTEXT, ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.cli.local.etcd_process import Binary, Etcd
from kohakuriver.cli.local.supervisor import Program
from kohakuriver.client import config
from kohakuriver.resources import conditions, kinds
from kohakuriver.resources.view import Node

_LOOK = 3.0  # seconds one look at the API may take


@dataclasses.dataclass(frozen=True)
class Stack:
    """What is to run, and what is known of it."""

    programs: tuple[Program, ...]
    etcd: Etcd
    binary: Binary


def build(files: ClusterFiles, options: Options) -> Stack:
    """Raises ConfigError where something is missing. Chooses etcd's ports; starts nothing."""
    binary = etcd_process.find(etcd_process.parse_version(files.etcd_version()))
    etcd = private_etcd(files, chance=random.Random())  # noqa: S311 - to spread, not to hide
    near = Near(files, options.local_url)
    node = NodeWatch(near, options.node)
    return Stack(
        programs=(
            Program("etcd", etcd.command(binary), files.log("etcd"), etcd.missing),
            Program(
                "apiserver",
                _apiserver(files, options, etcd),
                files.log("apiserver"),
                near.missing,
                prepare=lambda: _remember_etcd(files, binary) or etcd.tidy(),
            ),
            Program(
                "controller",
                programs.command("controller", ["--config", str(files.root / "controller.config")]),
                files.log("controller"),
                lambda: "",  # it makes itself known by what it does
                prepare=lambda: _remember_cluster(files, near),
            ),
            Program(
                "agent",
                agent_command(files, options),
                files.log("agent"),
                node.missing,
                prepare=node.look_before,
            ),
        ),
        etcd=etcd,
        binary=binary,
    )


def private_etcd(files: ClusterFiles, *, chance: random.Random) -> Etcd:
    """etcd on two ports that are free now."""
    client_port = ports.choose("127.0.0.1", chance=chance)
    return Etcd(
        data=files.root / "etcd",
        client_port=client_port,
        peer_port=ports.choose("127.0.0.1", chance=chance, besides=[client_port]),
        ca=files.pki / "etcd-ca.crt",
        certificate=files.pki / "etcd.crt",
        key=files.pki / "etcd.key",
    )


def _apiserver(files: ClusterFiles, options: Options, etcd: Etcd) -> list[str]:
    arguments = {
        "--etcd": etcd.url,
        "--etcd-ca": etcd.ca,
        "--etcd-cert": etcd.certificate,
        "--etcd-key": etcd.key,
        "--listen": options.listen_address,
        "--advertise": options.url.removeprefix("https://"),
        "--tls-cert": files.pki / "apiserver.crt",
        "--tls-key": files.pki / "apiserver.key",
        "--tls-ca": files.pki / "ca.crt",
        "--client-ca": files.pki / "ca.crt",
        "--token-file": files.tokens,
        "--audit-log": files.audit_log,
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    return programs.command(
        "apiserver", [*words, *options.words("default_quota"), *options.words("authentication_config")]
    )


def agent_command(files: ClusterFiles, options: Options) -> list[str]:
    """How the agent of this machine is started."""
    arguments = [
        "--config",
        files.root / "agent.config",
        "--node",
        options.node,
        "--data-dir",
        files.root / "agent",
    ]
    return programs.command("agent", [*map(str, arguments), *options.agent_arguments()])


@dataclasses.dataclass(frozen=True)
class Near:
    """The API server of this machine, as the administrator sees it from here. What it is advertised as may be
    a name that only others can resolve."""

    files: ClusterFiles
    url: str

    def look(self, path: str) -> Object:
        """A short one. Raises KohakuRiverError."""
        known = config.load(self.files.config, context=CONTEXT)
        connection = known._replace(server=self.url, others=())
        with contextlib.closing(Api(connection, timeout=_LOOK, warn=lambda text: None)) as api:
            return api.call("GET", path)

    def missing(self) -> str:
        """What it still lacks."""
        try:
            self.look("/readyz")
        except errors.Unreachable:
            return "the API server to listen"
        except errors.KohakuRiverError as error:
            return f"the API server to be ready: {error.message}"
        return ""


def _remember_etcd(files: ClusterFiles, binary: Binary) -> str:
    """Keep which etcd has written the data, as soon as it serves: an older one would not read it."""
    with contextlib.suppress(OSError):  # a full disk: the tidying up that follows may make room
        files.remember_etcd(binary.version_text)
    return ""


def _remember_cluster(files: ClusterFiles, near: Near) -> str:
    """Keep the cluster's id beside its files: `down --purge` needs it when the API is gone.
    Raises ConfigError when etcd's is another."""
    try:
        found = near.look(kinds.NAMESPACE.path(name=kinds.SYSTEM_NAMESPACE))
    except (errors.ApiError, errors.Unreachable) as error:
        return f"the cluster's id: {error.message}"
    annotations = found["metadata"].get("annotations") or {}
    files.remember_cluster_id(annotations[kinds.CLUSTER_ID_ANNOTATION])
    return ""


class Looks(Protocol):
    """Whoever reads one object of the API."""

    def look(self, path: str) -> Object: ...


class NodeWatch:
    """Whether this machine's Node is ready. What etcd remembers of an earlier run does not count: its Lease
    must have been renewed since."""

    def __init__(self, near: Looks, node: str) -> None:
        self._near = near
        self._node = node
        self._before: str | None = None

    def look_before(self) -> str:
        """Take down how the Lease is before the agent starts."""
        try:
            self._before = self._lease()
        except (errors.ApiError, errors.Unreachable) as error:
            return f"a look at node {self._node}: {error.message}"
        return ""

    def missing(self) -> str:
        """What the node still lacks."""
        try:
            if self._lease() in (None, self._before):
                return f"node {self._node} to report"
            found = self._near.look(kinds.NODE.path(name=self._node))
        except errors.NotFound:  # its Lease comes a moment before it
            return f"node {self._node} to report"
        except errors.KohakuRiverError as error:
            return f"node {self._node}: {error.message}"
        ready = Node.of(found).condition(conditions.READY)
        if not ready:
            return f"node {self._node} to report that it is Ready"
        return "" if ready.is_true else f"node {self._node} to be Ready: {ready.message or ready.status}"

    def _lease(self) -> str | None:
        path = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE, name=self._node)
        try:
            return str(self._near.look(path)["metadata"]["resourceVersion"])
        except errors.NotFound:
            return None
