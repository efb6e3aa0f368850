"""What may stand where the cursor is: `kohakuriver __complete SHELL -- WORDS…`, asked by the shells' scripts.

One candidate a line: the word, a tab, and what it is. It stays silent where anything goes wrong: whoever
presses Tab has asked for no error. Names come from the cluster, within two seconds. Where only names may
stand and there are none, it ends with 1: then the shell offers no files in their place.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.framework import catalogue, reading
from kohakuriver.cli.framework import line as lines
from kohakuriver.cli.framework.line import Line
from kohakuriver.printable import on_one_line
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

Candidates = dict[str, str]  # the word, and what it is
MOST = 500
_WITHIN = "2s"
_VALUES: Mapping[str, tuple[str, ...]] = {
    "--output": ("yaml", "json", "name", "wide", "jsonpath=", "custom-columns="),
    "--for": ("delete", "condition=", "jsonpath="),
    "--role": ("admin", "user", "viewer", "controller", "node"),
    "--type": ("merge", "json"),
    "--types": ("Normal", "Warning"),
    "--dry-run": ("server", "client", "none"),
}
_KINDS_OF_VALUES: Mapping[str, ResourceType] = {
    "--namespace": kinds.NAMESPACE,
    "--container": kinds.ENVIRONMENT,
    "--target": kinds.NODE,
    "--node": kinds.NODE,
    "--from": kinds.VPS,
    "--from-snapshot": kinds.SNAPSHOT,
}
_LONG = {"-o": "--output", "-n": "--namespace", "-t": "--target"}
_OF_KIND = {
    "vps": kinds.VPS,
    "node": kinds.NODE,
    "token": kinds.TOKEN,
    "environment": kinds.ENVIRONMENT,
    "snapshot": kinds.SNAPSHOT,
}


def main(words: list[str]) -> int:
    """SHELL -- WORDS…; 1 where nothing is offered and no file may stand there, else 0."""
    shell, typed = words[0] if words else "", words[2:] if words[1:2] == ["--"] else []
    code = 0
    with contextlib.suppress(Exception):
        current = lines.read(typed or [""], options_of)
        prefix = "" if shell == "bash" else current.prefix
        found = matching(current)
        code = 1 if not found and takes_names(current) else 0
        for word, about in found.items():
            if word.isprintable():  # a line of its own would be a candidate of its own
                screen.out(f"{prefix}{word}\t{on_one_line(about)}")
    return code


def takes_names(current: Line) -> bool:
    """Whether nothing but the name of something in the cluster may stand there."""
    option = _LONG.get(current.option, current.option)
    if option:
        return option in _KINDS_OF_VALUES or option == "--context"
    entry = current.entry
    if entry is None or current.needs_command or (current.arguments and entry.module == "vps.connect"):
        return False  # what stands behind its VPS is ssh's, a file perhaps
    return not current.partial.startswith("-") and _named(current, entry) in (*_OF_KIND, "kind", "context")


def _named(current: Line, entry: catalogue.Entry) -> str:
    """What the argument names that is being typed."""
    by_place = entry.names.split() or [""]
    return by_place[min(len(current.arguments), len(by_place) - 1)]


def matching(current: Line) -> Candidates:
    """Those that begin as the word does."""
    found = _all(current)
    return {word: about for word, about in found.items() if word.startswith(current.partial)}


def options_of(entry: catalogue.Entry) -> dict[str, bool]:
    """Each spelling of each option of a command, and whether it takes a value."""
    if entry.passthrough:
        return {}
    return {name: takes for names, takes, _ in _options_of(entry) for name in names}


def _options_of(entry: catalogue.Entry) -> Iterator[tuple[list[str], bool, str]]:
    """Of each option its names, whether it takes a value, and what it is; without typer where that can be."""
    if entry.quick:
        yield from reading.options_of(entry)
        return
    from kohakuriver.cli.framework import application

    for parameter in application.load(entry).params:
        if parameter.param_type_name == "option":
            yield [*parameter.opts, *parameter.secondary_opts], not parameter.is_flag, parameter.help or ""


def _all(current: Line) -> Candidates:
    if current.option:
        return _values(current)
    if current.needs_command and current.partial.startswith("-"):
        return dict.fromkeys(["--help", "--version", "--verbose", *lines.GLOBALS], "")
    if current.needs_command:
        entries = current.entry.commands if current.entry else catalogue.ENTRIES
        return {entry.name: entry.summary for entry in entries}
    if current.entry is None or not current.entry.name:
        return {}
    if current.partial.startswith("-"):
        return _options(current.entry)
    return _arguments(current, current.entry)


def _options(entry: catalogue.Entry) -> Candidates:
    found: Candidates = {"--help": "Show what it takes"}
    for names, _, about in _options_of(entry):
        long = [name for name in names if name.startswith("--")]
        found |= dict.fromkeys(long, about.partition(". [")[0])
    return found


def _values(current: Line) -> Candidates:
    option = _LONG.get(current.option, current.option)
    if option == "--context":
        return _contexts(current)
    if option == "--from" and current.entry is not None and current.entry.name == "fork":
        return _snapshots(current)
    if option in _KINDS_OF_VALUES:
        return _names(current, _KINDS_OF_VALUES[option])
    return dict.fromkeys(_VALUES.get(option, ()), "")


def _arguments(current: Line, entry: catalogue.Entry) -> Candidates:
    named = _named(current, entry)
    if named == "context":
        return _contexts(current)
    if named == "snapshot":
        return _snapshots(current)
    if named in _OF_KIND:
        names = _names(current, _OF_KIND[named])
        return {name: about for name, about in names.items() if name not in current.arguments}
    if named == "shell":
        return dict.fromkeys(("bash", "zsh", "fish"), "")
    if named != "kind":
        return {}
    kind, slash, _ = current.partial.partition("/")
    resource = kinds.find(kind if slash else current.arguments[0] if current.arguments else "")
    if slash and resource is not None:
        return {f"{kind}/{name}": about for name, about in _names(current, resource).items()}
    if resource is not None and "/" not in current.arguments[0]:
        return _names(current, resource)
    return {one.singular: one.kind for one in kinds.ALL}


def _snapshots(current: Line) -> Candidates:
    """Those of the VPS that is named already."""
    of = current.arguments[0] if current.arguments else ""
    return {name: vps for name, vps in _names(current, kinds.SNAPSHOT).items() if of in ("", vps)}


def _names(current: Line, resource: ResourceType) -> Candidates:
    """The names there are, each with the second column of the server's table."""
    from kohakuriver.cli.api import http
    from kohakuriver.cli.framework import global_options

    settings = global_options.settings({**_readable(current.given), "request_timeout": _WITHIN})
    with settings.opened, contextlib.suppress(errors.KohakuRiverError):
        api = settings.api()
        path = api.path(resource, namespace=api.namespace if resource.namespaced else None)
        answer = api.call("GET", path, params={"limit": str(MOST)}, accept=http.TABLE)
        rows: Iterable[list[object]] = (row["cells"] for row in answer.get("rows") or ())
        return {str(cells[0]): str(cells[1]) if len(cells) > 1 else "" for cells in rows}
    return {}


def _contexts(current: Line) -> Candidates:
    from kohakuriver.cli.contexts import file as files

    found = files.load(_readable(current.given).get("config"))
    return {name: str(found.entry("contexts", name).get("cluster", "")) for name in found.names("contexts")}


def _readable(given: dict[str, str]) -> dict[str, Any]:
    """The global options as commands get them; the shell has not seen to the `~` of an unfinished line."""
    return given | ({"config": Path(given["config"]).expanduser()} if given.get("config") else {})
