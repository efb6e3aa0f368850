"""Options of other tools that a command here does not have, each answered by a sentence. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence

from kohakuriver.cli import failures

Answer = str | Callable[[str], str]
"""A sentence, or what makes one of the option's value, which is empty where there is none."""


def answer(option: str, words: Sequence[str], answers: Mapping[str, Answer]) -> failures.UsageError | None:
    """What to say of this option; None where nothing is known of it."""
    found = answers.get(option)
    if found is None:
        return None
    return failures.UsageError(found if isinstance(found, str) else found(_value(option, words)))


def _value(option: str, words: Sequence[str]) -> str:
    for place, word in enumerate(words):
        if word == option:
            return words[place + 1] if words[place + 1 : place + 2] else ""
        if word.startswith(f"{option}=") or (len(option) == 2 and word.startswith(option)):
            return word[len(option) :].removeprefix("=")
    return ""


def _port(value: str) -> str:
    found = re.fullmatch(r"(?:(?:[0-9.]+:)?([0-9]*):)?([0-9]+)(?:/(tcp|udp))?", value)
    local, remote, protocol = found.groups() if found else (None, "PORT", None)
    there = f" --local-port {local}" if local and local != remote else ""
    udp = " --udp" if protocol == "udp" else ""
    return f"ports need no mapping: kohakuriver forward NAME {remote}{there}{udp}"


def _cores(value: str) -> str:
    return f"cores are asked for by --cores {value or 'N'}"


_STAYS = "a VPS runs until it is stopped, with nobody watching: leave {} out"
_TERMINAL = "a terminal is opened afterwards, kohakuriver connect NAME: leave {} out"
_RESTARTS = (
    "a VPS is started again by itself, unless its spec.restartPolicy says otherwise: leave --restart out"
)
_COMMAND = "a manifest names a command of its own, as spec.command: kohakuriver explain vps.spec.command"
_NETWORK = "each VPS has a network of its own: leave {} out; its ports: kohakuriver forward NAME PORT"
_LABELS = "labels are set afterwards: kohakuriver label vps NAME KEY=VALUE"
_HOST = "its host name is its name: kohakuriver vps create NAME"
_USER = "root logs in; more users are made in it: kohakuriver exec NAME -- useradd USER"
CREATE: Mapping[str, Answer] = {
    "-p": _port,
    "--publish": _port,
    "--port": _port,
    "-P": _port,
    "--publish-all": _port,
    "-d": _STAYS.format("-d"),
    "--detach": _STAYS.format("--detach"),
    "-i": _TERMINAL.format("-i"),
    "--interactive": _TERMINAL.format("--interactive"),
    "--tty": _TERMINAL.format("--tty"),
    "--rm": "a VPS stays until somebody deletes it: kohakuriver vps delete NAME",
    "--restart": _RESTARTS,
    "--cpus": _cores,
    "--cpu": _cores,
    "--node": lambda value: f"the node is asked for by --target {value or 'NODE'}",
    "-f": lambda value: f"a manifest is applied: kohakuriver apply -f {value or 'FILE'}",
    "--file": lambda value: f"a manifest is applied: kohakuriver apply -f {value or 'FILE'}",
    "--net": _NETWORK.format("--net"),
    "--network": _NETWORK.format("--network"),
    "--entrypoint": _COMMAND,
    "--cmd": _COMMAND,
    "--hostname": _HOST,
    "-l": _LABELS,
    "--label": _LABELS,
    "-u": _USER,
    "--user": _USER,
}
"""Of `docker run`, for `vps create`."""

_PREVIOUS = (
    "restarts keep the container, so its log goes on: kohakuriver logs NAME --tail 100; "
    "of a container that was made anew, no log is kept"
)
LOGS: Mapping[str, Answer] = {"--previous": _PREVIOUS, "-p": _PREVIOUS}
"""Of `kubectl logs`, for `logs`."""
