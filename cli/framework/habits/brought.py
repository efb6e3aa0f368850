"""Words of other tools, and the commands here that do the same. Tables only; `commands.py` reads them."""

from collections.abc import Mapping

ANYWHERE: Mapping[str, str] = {
    "attach": "connect",
    "bash": "connect",
    "code": "connect --ide",
    "console": "connect",
    "container": "vps list",
    "containers": "vps list",
    "context": "config get-contexts",
    "contexts": "config get-contexts",
    "copy": "cp",
    "del": "vps delete",
    "destroy": "vps delete",
    "enter": "connect",
    "environments": "env list",
    "envs": "env list",
    "ide": "connect --ide",
    "images": "env list",
    "info": "vps status",
    "init": "vps create",
    "inspect": "describe vps",
    "kill": "vps stop",
    "launch": "vps create",
    "ls": "vps list",
    "monitor": "dashboard",
    "namespaces": "get namespaces",
    "new": "vps create",
    "nodes": "node list",
    "ns": "get namespaces",
    "port": "forward",
    "port-forward": "forward",
    "ps": "vps list",
    "pull": "cp",
    "push": "cp",
    "remove": "vps delete",
    "rm": "vps delete",
    "run": "vps create",
    "scp": "cp",
    "sh": "connect",
    "shell": "connect",
    "show": "vps status",
    "ssh": "vps connect",
    "stats": "top vps",
    "suspend": "vps pause",
    "tail": "logs",
    "terminal": "connect",
    "tokens": "token list",
    "tui": "dashboard",
    "tunnel": "forward",
    "unpause": "vps resume",
    "vms": "vps list",
    "vpses": "vps list",
    "whoami": "config current-context",
}
"""A word that is not a command of ours, and what to type in its place."""

ALONE: Mapping[str, str] = {"info": "node list"}
"""The same, where nothing follows the word."""

VERBS: Mapping[str, tuple[str, ...]] = {
    "add": ("create", "join"),
    "create": ("join",),
    "del": ("delete", "forget", "revoke"),
    "delete": ("forget", "revoke"),
    "destroy": ("delete", "forget", "revoke"),
    "get": ("list",),
    "inspect": ("status",),
    "launch": ("create",),
    "list": ("get-contexts",),
    "login": ("connect",),
    "ls": ("list", "get-contexts"),
    "new": ("create",),
    "ps": ("list",),
    "remove": ("delete", "forget", "revoke"),
    "rm": ("delete", "forget", "revoke"),
    "run": ("create",),
    "show": ("status", "view"),
    "ssh": ("connect",),
    "suspend": ("pause",),
    "unpause": ("resume",),
    "use": ("use-context",),
}
"""Within a group: the first of these that the group has."""

KINDS: Mapping[str, str] = {"vps": "vps", "node": "node", "env": "environment", "token": "token"}
"""What the objects of a group are called by commands that take a kind."""

TOPS: Mapping[str, str] = {"vps": "vps", "node": "nodes"}
"""What `top` shows of the objects of a group."""

FILES = frozenset({"pull", "push"})
"""What `incus file` does: both are `cp` here."""

MAKERS = frozenset({"run", "launch", "init"})
"""Words whose first argument is an image."""

LONE = frozenset(
    {
        "-d",
        "--detach",
        "-i",
        "-t",
        "-it",
        "-ti",
        "-dit",
        "-itd",
        "--rm",
        "--interactive",
        "--tty",
        "--init",
        "-P",
        "--publish-all",
    }
)
"""Options of `docker run` that mean nothing to a VPS and take no value."""

FLAGS = frozenset({"--privileged", "--gen-ssh-key", "--no-ssh-key", "--no-wait", "--wait"})
"""Those of `vps create` that take no value."""

CALLED: Mapping[str, str] = {"-v": "--volume", "--cpus": "--cores"}
"""Options of `docker run` by their names here."""

_PORTS = "-p, since ports are forwarded afterwards: kohakuriver forward NAME PORT"
_RESTART = "--restart, since a VPS starts again by itself"
LEFT_OUT: Mapping[str, str] = {
    "-p": _PORTS,
    "--publish": _PORTS,
    "-P": _PORTS,
    "--publish-all": _PORTS,
    "--restart": _RESTART,
}
"""Options of `docker run` that `vps create` does not have, and why it needs none."""
