"""The commands there are: name, file, one line of help. Knows no more of them, so that `--help` starts fast.

`application.py` imports the file behind a command when that command is called, and not before.
"""

import dataclasses
import difflib
from collections.abc import Sequence

WORK = "VPSes and the nodes they run on"
OBJECTS = "Objects in the cluster"
MACHINE = "A cluster on this machine"
PROGRAMS = "Programs, one by one, for clusters of several machines"
OTHER = "Other"


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One command. `remote` ones talk to the API server and take the global options."""

    name: str
    module: str
    summary: str
    section: str
    remote: bool = True
    passthrough: bool = False  # every argument, --help too, goes to another program
    function: str = ""  # its name in the module, where it is not the command's
    commands: tuple["Entry", ...] = ()  # of a group, such as `vps`

    @property
    def is_group(self) -> bool:
        return bool(self.commands)


def _vps(name: str, summary: str, *, function: str = "") -> Entry:
    return Entry(name, f"cli.vps.{name}", summary, WORK, function=function)


def _node(name: str, summary: str, *, function: str = "") -> Entry:
    return Entry(name, f"cli.node.{name}", summary, WORK, function=function)


_VPS_COMMANDS = (
    _vps("create", "Create a VPS, and wait until it can be used"),
    _vps("list", "List VPSes; --all shows stopped ones too", function="list_vpses"),
    _vps("status", "Show how a VPS stands and why, and what to do next"),
    _vps("stop", "Stop VPSes; their files and their node are kept"),
    _vps("start", "Start stopped VPSes again"),
    _vps("restart", "Restart VPSes; pending changes take effect"),
    _vps("pause", "Freeze VPSes; they keep all they hold"),
    _vps("resume", "Let paused VPSes go on"),
    _vps("delete", "Delete VPSes and their files"),
)
_NODE_COMMANDS = (
    _node("list", "List nodes, and how much of each is booked", function="list_nodes"),
    _node("status", "Show what a node has, who holds it, and how it stands"),
    _node("cordon", "Keep new VPSes off nodes"),
    _node("uncordon", "Take nodes back into use; what a drain stopped starts again"),
    _node("drain", "Stop all VPSes on nodes for maintenance, until uncordon"),
    _node("label", "Set or remove labels of a node"),
    _node("forget", "Give up a node that is gone for good"),
)


def _token(name: str, summary: str, *, function: str = "") -> Entry:
    return Entry(name, f"cli.token.{name}", summary, OBJECTS, function=function)


_TOKEN_COMMANDS = (
    _token("create", "Make a credential: for a person, a program or a new machine"),
    _token("list", "List credentials, and until when they are good", function="list_tokens"),
    _token("revoke", "Take credentials back, at once"),
)


ENTRIES = (
    Entry("vps", "cli.vps", "Create, list, stop, start and delete VPSes", WORK, commands=_VPS_COMMANDS),
    Entry("node", "cli.node", "List, drain and give up nodes", WORK, commands=_NODE_COMMANDS),
    Entry("apply", "cli.apply", "Create or change objects as manifests declare them", OBJECTS),
    Entry("get", "cli.get", "List objects, or show some; -w keeps watching", OBJECTS),
    Entry("describe", "cli.describe", "Show one object in full, with its latest events", OBJECTS),
    Entry("delete", "cli.delete", "Delete objects, and wait until they are gone", OBJECTS),
    Entry("wait", "cli.wait", "Wait until objects are as you want them", OBJECTS),
    Entry("token", "cli.token", "Give people and machines credentials", OBJECTS, commands=_TOKEN_COMMANDS),
    Entry("up", "cli.local.up", "Start one: etcd, API server, controller and agent", MACHINE, remote=False),
    Entry("down", "cli.local.down", "Stop it; VPSes keep running", MACHINE, remote=False),
    Entry(
        "apiserver", "cli.programs", "Run an API server", PROGRAMS, remote=False, passthrough=True
    ),
    Entry(
        "controller", "cli.programs", "Run a controller", PROGRAMS, remote=False, passthrough=True
    ),
    Entry(
        "agent", "cli.programs", "Run the agent of this machine", PROGRAMS, remote=False, passthrough=True
    ),
    Entry("version", "cli.version", "Show the versions of this client and of the server", OTHER),
)  # fmt: skip


def find(name: str, entries: Sequence[Entry] = ENTRIES) -> Entry | None:
    """The command of exactly this name."""
    return next((entry for entry in entries if entry.name == name), None)


def similar(name: str, entries: Sequence[Entry] = ENTRIES) -> list[str]:
    """Commands that a mistyped name may have meant."""
    return difflib.get_close_matches(name, [entry.name for entry in entries], n=2, cutoff=0.7)


def sections() -> dict[str, list[Entry]]:
    """The commands by section, in order."""
    found: dict[str, list[Entry]] = {}
    for entry in ENTRIES:
        found.setdefault(entry.section, []).append(entry)
    return found
