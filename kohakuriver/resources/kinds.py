"""The registry: kind <-> URL path <-> the names people type. Knows no model, so that the CLI starts fast."""

from typing import NamedTuple

GROUP = "kohakuriver.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

SYSTEM_NAMESPACE = "kohakuriver-system"
NODE_LEASE_NAMESPACE = "kohakuriver-node-lease"
DEFAULT_NAMESPACE = "default"
CLUSTER_ID_ANNOTATION = "kohakuriver.io/cluster-id"  # on the system namespace, which every role may read
NAME_LABEL = "kubernetes.io/metadata.name"  # on every namespace: its name, for selectors
HISTORY_HEADER = "KohakuRiver-History"  # on every answer: which history of the store it is from
RENEW_HEADER = "KohakuRiver-Renew-Every"  # on the answer to a node's renewal: seconds to the next
SERVERS_HEADER = "KohakuRiver-Servers"  # there too: the URLs of the API servers, with blanks between
SESSION_HEADER = "KohakuRiver-Session"  # on what an agent sends: its session's number, its secret
BUILT_IN_NAMESPACES = (DEFAULT_NAMESPACE, SYSTEM_NAMESPACE, NODE_LEASE_NAMESPACE)


class ResourceType(NamedTuple):
    """One kind of object and where it is served."""

    kind: str
    plural: str
    singular: str
    group: str = GROUP
    version: str = VERSION
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()  # named transactions: POST …/NAME/ACTION
    streams: tuple[str, ...] = ()  # GET …/NAME/STREAM, upgraded
    categories: tuple[str, ...] = ()
    read_only: bool = False  # to every client: the server alone writes it

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def base_path(self) -> str:
        """`/api/v1` or `/apis/GROUP/VERSION`."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, *, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of one object, or of the collection; across all namespaces when none is given."""
        parts = [self.base_path]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything a person may type for this kind, in lower case."""
        return (self.plural, self.singular, self.kind.lower(), *self.short_names)


VPS = ResourceType(
    kind="VPS",
    plural="vpses",
    singular="vps",
    short_names=("vps",),
    subresources=("status",),
    actions=("bind", "finish", "release", "regrant", "reject", "newport", "forget", "adopt"),
    streams=("terminal", "exec", "logs", "stats", "forward", "files", "changes"),
    categories=("all",),
)
NODE = ResourceType(
    kind="Node",
    plural="nodes",
    singular="node",
    short_names=("no",),
    namespaced=False,
    subresources=("status",),
    actions=("forget", "join", "revoke"),
)
NODE_ALLOCATION = ResourceType(
    kind="NodeAllocation",
    plural="nodeallocations",
    singular="nodeallocation",
    namespaced=False,
    actions=("confirm",),
    read_only=True,
)
ENVIRONMENT = ResourceType(
    kind="Environment",
    plural="environments",
    singular="environment",
    short_names=("env",),
    namespaced=False,
    streams=("tarball",),
    subresources=("status",),
)
SNAPSHOT = ResourceType(
    kind="Snapshot",
    plural="snapshots",
    singular="snapshot",
    short_names=("snap",),
    subresources=("status",),
    actions=("finish",),
)
TOKEN = ResourceType(
    kind="Token",
    plural="tokens",
    singular="token",
    namespaced=False,
)
NAMESPACE = ResourceType(
    kind="Namespace",
    plural="namespaces",
    singular="namespace",
    group="",
    version="v1",
    short_names=("ns",),
    namespaced=False,
)
EVENT = ResourceType(
    kind="Event", plural="events", singular="event", group="", version="v1", short_names=("ev",)
)
LEASE = ResourceType(
    kind="Lease",
    plural="leases",
    singular="lease",
    group="coordination.k8s.io",
    version="v1",
)

RESOURCE_QUOTA = ResourceType(
    kind="ResourceQuota",
    plural="resourcequotas",
    singular="resourcequota",
    group="",
    version="v1",
    short_names=("quota",),
)
POLICY = ResourceType(
    kind="Policy",
    plural="policies",
    singular="policy",
    namespaced=False,
)

ALL: tuple[ResourceType, ...] = (
    VPS,
    NODE,
    NODE_ALLOCATION,
    ENVIRONMENT,
    SNAPSHOT,
    TOKEN,
    POLICY,
    NAMESPACE,
    RESOURCE_QUOTA,
    EVENT,
    LEASE,
)

# What is shown of these kinds in the forms that other clients know, and never stored.
POD = ResourceType(
    kind="Pod", plural="pods", singular="pod", group="", version="v1", short_names=("po",), read_only=True
)
CORE_NODE = ResourceType(
    kind="Node",
    plural="nodes",
    singular="node",
    group="",
    version="v1",
    short_names=("no",),
    namespaced=False,
    read_only=True,
)
NEW_EVENT = ResourceType(
    kind="Event",
    plural="events",
    singular="event",
    group="events.k8s.io",
    version="v1",
    short_names=("ev",),
    read_only=True,
)


def _metrics(kind: str, plural: str, version: str, *, namespaced: bool) -> ResourceType:
    return ResourceType(
        kind=kind,
        plural=plural,
        singular="",
        group="metrics.k8s.io",
        version=version,
        namespaced=namespaced,
        read_only=True,
    )


_METRICS_VERSIONS = ("v1beta1", "v1")
POD_METRICS = tuple(_metrics("PodMetrics", "pods", one, namespaced=True) for one in _METRICS_VERSIONS)
NODE_METRICS = tuple(_metrics("NodeMetrics", "nodes", one, namespaced=False) for one in _METRICS_VERSIONS)


class Entry(NamedTuple):
    """A part of a view that leads to a stream of what it shows: who may open that may use this. `kind` is
    what clients take it for."""

    part: str
    stream: str
    verbs: tuple[str, ...]
    kind: str


class View(NamedTuple):
    """A kind that shows the objects of another one. `right` is the part of that one that the caller must have
    the right to; by default the object itself."""

    shown: ResourceType
    of: ResourceType
    verbs: tuple[str, ...] = ("get", "list", "watch")
    right: str = ""
    entries: tuple[Entry, ...] = ()


_UPGRADED = ("create", "get")
VIEWS: tuple[View, ...] = (
    View(
        POD,
        VPS,
        entries=(
            Entry("attach", "terminal", _UPGRADED, "PodAttachOptions"),
            Entry("exec", "exec", _UPGRADED, "PodExecOptions"),
            Entry("log", "logs", ("get",), POD.kind),
            Entry("portforward", "forward", _UPGRADED, "PodPortForwardOptions"),
        ),
    ),
    View(CORE_NODE, NODE, verbs=("get", "list", "watch", "patch")),
    View(NEW_EVENT, EVENT),
    *(View(one, VPS, verbs=("get", "list"), right="stats") for one in (*POD_METRICS, *NODE_METRICS)),
)
SERVED: tuple[ResourceType, ...] = (*ALL, *(view.shown for view in VIEWS))


def view(shown: ResourceType) -> View:
    """The view that this kind is, which it must be."""
    return next(one for one in VIEWS if one.shown == shown)


def view_of(resource: ResourceType) -> View | None:
    """The view that this kind is; None for a kind that is stored."""
    return next((view for view in VIEWS if view.shown == resource), None)


def find(word: str) -> ResourceType | None:
    """The kind that a person means by `vps`, `VPSes`, `no` or `nodes.kohakuriver.io`, if any."""
    name, _, group = word.lower().partition(".")
    for resource in ALL:
        if name in resource.names and (not group or group == resource.group):
            return resource
    return None


def by_kind(api_version: str, kind: str) -> ResourceType | None:
    """The kind that a manifest's apiVersion and kind name; None if there is none."""
    for resource in ALL:
        if resource.kind == kind and resource.api_version == api_version:
            return resource
    return None
