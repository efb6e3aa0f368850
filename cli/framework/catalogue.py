"""The commands there are: name, module, one line of help. It knows no more, so that `--help` starts fast.

`application.py` imports the module behind a command when that command is called, and not before.
"""

from collections.abc import Sequence
from typing import NamedTuple

WORK = "VPSes and the nodes they run on"
ACCESS = "Into a VPS"
OBJECTS = "Objects in the cluster"
MACHINE = "A cluster on this machine"
PROGRAMS = "Programs, one by one, for clusters of several machines"
OTHER = "Other"


class Entry(NamedTuple):
    """One command. `remote` ones talk to the API server and take the global options."""

    name: str
    module: str  # below kohakuriver.cli
    summary: str
    section: str
    remote: bool = True
    passthrough: bool = False  # every argument, --help too, goes to another program
    function: str = ""  # its name in the module, where it is not the command's
    quick: bool = (
        False  # read without typer where it can be: its file imports none, nor does what it declares
    )
    names: str = ""  # what its arguments name, for completion: a kind's singular, "kind", "context"; or
    # one of these for each argument, with a blank between, and "-" for what is free
    commands: tuple["Entry", ...] = ()  # of a group, such as `vps`

    @property
    def path(self) -> str:
        """What to import."""
        return f"kohakuriver.cli.{self.module}"

    @property
    def is_group(self) -> bool:
        return bool(self.commands)


def _vps(name: str, summary: str, *, function: str = "") -> Entry:
    names = "" if name == "create" else "vps"
    module = "access.ssh" if name == "connect" else f"vps.{name}"
    return Entry(
        name, module, summary, WORK, function=function, names=names, quick=name in ("list", "status")
    )


def _node(name: str, summary: str, *, function: str = "") -> Entry:
    names = "" if name in ("list", "join") else "node"
    quick = name == "list"
    return Entry(name, f"node.{name}", summary, WORK, function=function, names=names, quick=quick)


def _run_state(name: str, summary: str) -> Entry:
    return Entry(name, "vps.runstate", summary, WORK, names="vps")


def _snapshots(name: str, summary: str, *, function: str = "") -> Entry:
    module = "list" if name == "snapshots" else name
    names = {"restore": "vps snapshot", "diff": "vps snapshot", "fork": "vps -", "snapshot": "vps -"}.get(
        name, "vps"
    )
    return Entry(name, f"snapshots.{module}", summary, WORK, function=function, names=names)


_VPS_COMMANDS = (
    _vps("create", "Create a VPS, and wait until it can be used"),
    _vps("list", "List VPSes; --all shows stopped ones too", function="list_vpses"),
    _vps("status", "Show how a VPS stands and why, and what to do next"),
    _vps("connect", "Log in to a VPS by SSH"),
    _run_state("stop", "Stop VPSes; their files and their node are kept"),
    _run_state("start", "Start stopped VPSes again"),
    _run_state("restart", "Restart VPSes; pending changes take effect"),
    _run_state("pause", "Freeze VPSes; they keep all they hold"),
    _run_state("resume", "Let paused VPSes go on"),
    _snapshots("snapshot", "Keep the files of a VPS as they are now"),
    _snapshots("snapshots", "List snapshots", function="list_snapshots"),
    _snapshots("restore", "Let a VPS begin again from a snapshot"),
    _snapshots("fork", "Make new VPSes with the files of another one"),
    _snapshots("diff", "List the files of a VPS that differ from its image or a snapshot"),
    _vps("adopt", "Take over a container that the restored store does not know"),
    _vps("delete", "Delete VPSes and their files"),
)
_NODE_COMMANDS = (
    _node("list", "List nodes, and how much of each is booked", function="list_nodes"),
    _node("status", "Show what a node has, who holds it, and how it stands"),
    _node("cordon", "Keep new VPSes off nodes"),
    Entry(
        "uncordon", "node.cordon", "Take nodes back into use; what a drain stopped starts again", WORK,
        names="node",
    ),
    _node("drain", "Stop all VPSes on nodes for maintenance, until uncordon"),
    _node("accept", "End the quarantine of nodes after the store was restored"),
    _node("label", "Set or remove labels of a node"),
    _node("join", "Print the command that makes a machine a node"),
    _node("revoke", "End the credential of a node at once, as when it was stolen"),
    _node("forget", "Give up a node that is gone for good"),
)  # fmt: skip


def _env(name: str, summary: str, *, function: str = "") -> Entry:
    names = "environment" if name == "delete" else ""
    return Entry(name, f"env.{name}", summary, WORK, function=function, names=names)


_ENV_COMMANDS = (
    _env("create", "Make an environment: of a VPS, an image or a tarball"),
    _env("list", "List environments, and where each comes from", function="list_environments"),
    _env("load", "Make an environment of a tarball"),
    _env("delete", "Delete environments; VPSes made from them stay"),
)


def _token(name: str, summary: str, *, function: str = "") -> Entry:
    names = "token" if name == "revoke" else ""
    return Entry(name, f"token.{name}", summary, OBJECTS, function=function, names=names)


_TOKEN_COMMANDS = (
    _token("create", "Make a credential: for a person, a program or a new machine"),
    _token("list", "List credentials, and until when they are good", function="list_tokens"),
    _token("revoke", "Take credentials back, at once"),
)


def _object(name: str, summary: str, *, function: str = "") -> Entry:
    module = (function or name).replace("-", "_")
    names = {"diff": "", "events": "vps", "replace": "", "api-resources": ""}.get(name, "kind")
    return Entry(name, f"kubectl.{module}", summary, OBJECTS, function=function, names=names)


def _access(name: str, summary: str) -> Entry:
    function = name.replace("-", "_")
    names = "" if name == "ssh-config" else "vps"
    quick = name in ("exec", "ssh-proxy")
    return Entry(name, f"access.{function}", summary, ACCESS, function=function, names=names, quick=quick)


_TOP_COMMANDS = (
    Entry("vps", "access.top", "What running VPSes use", ACCESS, function="top_vps", names="vps"),
    Entry("nodes", "access.top", "What the VPSes of each node use", ACCESS, function="top_nodes"),
)


def _config(name: str, summary: str, *, function: str) -> Entry:
    names = "context" if name == "use-context" else ""
    return Entry(name, f"contexts.{function}", summary, OTHER, remote=False, function=function, names=names)


_CONFIG_COMMANDS = (
    _config("view", "Show the config file, without its secrets", function="view"),
    _config("get-contexts", "List the contexts: clusters, and who you are there", function="get_contexts"),
    _config("current-context", "Show which context counts", function="current_context"),
    _config("use-context", "Let another context count", function="use_context"),
    _config("set", "Set a value in the config file", function="set_value"),
    _config("add", "Take the contexts of another config file in", function="add"),
)

_IMAGE_COMMANDS = (
    Entry("build", "image.build", "Build it, or say how old the one that is there is", MACHINE, remote=False),
)

ENTRIES = (
    Entry("vps", "vps", "Create, list, stop, start and delete VPSes", WORK, commands=_VPS_COMMANDS),
    Entry("node", "node", "List, drain and give up nodes", WORK, commands=_NODE_COMMANDS),
    Entry("dashboard", "tui.dashboard.start", "Watch nodes and VPSes, full screen, and work with them", WORK),
    Entry("cp", "files.cp", "Copy files and folders to a VPS or from one", WORK),
    Entry("env", "env", "Make container environments to start from", WORK, commands=_ENV_COMMANDS),
    _access("connect", "Open a terminal in a VPS"),
    _access("exec", "Run a command in a VPS"),
    _access("logs", "Show what a VPS's main process wrote"),
    _access("sessions", "List the terminals open in a VPS"),
    Entry("top", "access.top", "Show what VPSes and nodes use", ACCESS, commands=_TOP_COMMANDS),
    _access("forward", "Bring ports of a VPS to this machine"),
    _access("ssh-config", "Make `ssh NAME.vps` work, and scp, rsync, git, VS Code with it"),
    _access("ssh-proxy", "Be ssh's connection to a VPS, as its ProxyCommand"),
    Entry("apply", "kubectl.apply", "Create or change objects as manifests declare them", OBJECTS),
    _object("diff", "Show what apply would change"),
    Entry(
        "get", "kubectl.get", "List objects, or show some; -w keeps watching", OBJECTS, names="kind",
        quick=True,
    ),
    Entry(
        "describe", "kubectl.describe", "Show objects in full, with their events", OBJECTS, names="kind",
        quick=True,
    ),
    _object("explain", "Say what a kind or a field is for"),
    _object("events", "Show what happened lately"),
    _object("edit", "Change an object in a text editor"),
    _object("patch", "Change fields of objects"),
    _object("label", "Set or remove labels of objects"),
    _object("annotate", "Set or remove annotations of objects"),
    _object("replace", "Make objects exactly what manifests say"),
    Entry("delete", "kubectl.delete", "Delete objects, and wait until they are gone", OBJECTS, names="kind"),
    Entry("wait", "kubectl.wait", "Wait until objects are as you want them", OBJECTS, names="kind"),
    _object("api-resources", "List the kinds there are", function="api_resources"),
    Entry("ui", "login.ui", "Open the web page in a browser, logged in", WORK),
    Entry(
        "login", "login.login", "Log in with an identity provider", OTHER, names="context",
    ),
    Entry(
        "logout", "login.logout", "Forget the tokens of a login", OTHER, names="context",
    ),
    Entry("token", "token", "Give people and machines credentials", OBJECTS, commands=_TOKEN_COMMANDS),
    Entry("up", "local.up", "Start one: etcd, API server, controller and agent", MACHINE, remote=False),
    Entry("down", "local.down", "Stop it; VPSes keep running", MACHINE, remote=False),
    Entry(
        "backup", "local.backups.backup", "Write what brings a control plane back into one file", MACHINE,
        remote=False,
    ),
    Entry(
        "restore", "local.backups.restore", "Bring a control plane back from such a file", MACHINE,
        remote=False,
    ),
    Entry(
        "image", "image", "Build the image that VPSes start from by default", MACHINE, remote=False,
        commands=_IMAGE_COMMANDS,
    ),
    Entry(
        "apiserver", "programs", "Run an API server", PROGRAMS, remote=False, passthrough=True
    ),
    Entry(
        "controller", "programs", "Run a controller", PROGRAMS, remote=False, passthrough=True
    ),
    Entry(
        "agent", "programs", "Run the agent of this machine", PROGRAMS, remote=False, passthrough=True
    ),
    Entry(
        "config", "contexts", "Choose among clusters", OTHER, remote=False, commands=_CONFIG_COMMANDS
    ),
    Entry(
        "completion", "completing.completion", "Print what makes your shell complete", OTHER,
        remote=False, names="shell",
    ),
    Entry("version", "version", "Show the versions of this client and of the server", OTHER, quick=True),
)  # fmt: skip


def find(name: str, entries: Sequence[Entry] = ENTRIES) -> Entry | None:
    """The command of exactly this name."""
    return next((entry for entry in entries if entry.name == name), None)


def sections() -> dict[str, list[Entry]]:
    """The commands by section, in order."""
    found: dict[str, list[Entry]] = {}
    for entry in ENTRIES:
        found.setdefault(entry.section, []).append(entry)
    return found
