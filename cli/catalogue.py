"""The commands there are: name, file, one line of help. Knows no more of them, so that `--help` starts fast.

`application.py` imports the file behind a command when that command is called, and not before.
"""

import dataclasses
import difflib

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


ENTRIES = (
    Entry("apply", "cli.apply", "Create or change objects as manifests declare them", OBJECTS),
    Entry("get", "cli.get", "List objects, or show some; -w keeps watching", OBJECTS),
    Entry("describe", "cli.describe", "Show one object in full, with its latest events", OBJECTS),
    Entry("delete", "cli.delete", "Delete objects, and wait until they are gone", OBJECTS),
    Entry("wait", "cli.wait", "Wait until objects are as you want them", OBJECTS),
    Entry("up", "cli.up", "Start a cluster: etcd, API server, controller and agent", MACHINE, remote=False),
    Entry("down", "cli.down", "Stop it; VPSes keep running", MACHINE, remote=False),
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


def find(name: str) -> Entry | None:
    """The command of exactly this name."""
    return next((entry for entry in ENTRIES if entry.name == name), None)


def similar(name: str) -> list[str]:
    """Commands that a mistyped name may have meant."""
    return difflib.get_close_matches(name, [entry.name for entry in ENTRIES], n=2, cutoff=0.7)


def sections() -> dict[str, list[Entry]]:
    """The commands by section, in order."""
    found: dict[str, list[Entry]] = {}
    for entry in ENTRIES:
        found.setdefault(entry.section, []).append(entry)
    return found
