"""The options of `up`: its own, and those of this machine's API server and agent that it passes on.

What these two take is declared with their options, how `up` explains and checks it included.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kohakuriver.agent_options import passed_on
from kohakuriver.cli import failures
from kohakuriver.options import Option, PassedOn
from kohakuriver.server_options import AUTHENTICATION_CONFIG, DEFAULT_QUOTA

NOTHING = "off"
HINT = "nothing was started or kept; see what it takes: kohakuriver up --help"


def _of_server(one: Option) -> Any:
    up = one.up or PassedOn(help=one.help)
    return typer.Option(one.flag, metavar=up.metavar or one.metavar, help=up.help)


DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Where everything is kept. [default: ~/.kohakuriver]"),
]
Port = Annotated[
    int | None, typer.Option("--port", metavar="N", min=1, max=65535, help="The API's port. [default: 6443]")
]
Listen = Annotated[
    str | None,
    typer.Option("--listen", metavar="ADDRESS", help="Where the API listens. [default: 127.0.0.1]"),
]
Advertise = Annotated[
    str | None,
    typer.Option("--advertise", metavar="HOST", help="The name or address by which others reach the API."),
]
DefaultQuota = Annotated[str | None, _of_server(DEFAULT_QUOTA)]
AuthenticationConfig = Annotated[str | None, _of_server(AUTHENTICATION_CONFIG)]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Return when the node is ready; go on in the background.")
]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="How long --detach waits for the node.")
]
InstallService = Annotated[
    bool, typer.Option("--install-service", help="Write and enable a systemd unit that runs it from now on.")
]
Node = Annotated[
    str | None, typer.Option("--node", metavar="NAME", help="This machine's name. [default: its host name]")
]
AcceptEngine = Annotated[
    bool,
    typer.Option(
        "--accept-engine",
        help="Use this container engine, once, though it is not the one that held this node's containers.",
    ),
]


def with_agents(function: Callable[..., int]) -> Callable[..., int]:
    """The command with the agent's options in place of its `**passed`, in front of its own last one."""
    *own, last, _ = inspect.signature(function).parameters.values()
    agents = [_parameter(one, one.up) for one in passed_on() if one.up is not None]
    function.__signature__ = inspect.Signature([*own, *agents, last])  # type: ignore[attr-defined]
    return function


def _parameter(one: Option, up: PassedOn) -> inspect.Parameter:
    flag, metavar = one.flag, up.metavar or one.metavar or None
    kind: Any = list[str] | None if one.gathered is not None else str | None
    if one.is_switch:
        flag, kind = f"{flag}/--no-{one.flag.removeprefix('--')}", bool | None
    typed = Annotated[kind, typer.Option(flag, metavar=metavar, help=up.help)]
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=typed)


def kept(passed: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed of the agent's options, in the form that is kept. Raises UsageError."""
    typed = {one: passed.get(one.name) for one in passed_on()}
    return {one.name: _kept(one, value) for one, value in typed.items() if value not in (None, [])}


def _kept(one: Option, typed: Any) -> Any:
    if one.is_switch or one.up is None:
        return typed
    words = typed if isinstance(typed, list) else [typed]
    if one.up.can_be_taken_back and words == [NOTHING]:
        return type(typed)()
    checked = [_checked(one, one.up, word) for word in words]
    return checked if isinstance(typed, list) else checked[0]


def _checked(one: Option, up: PassedOn, word: str) -> str:
    if one.choices and word not in one.choices:
        choices = " or ".join(one.choices)
        raise failures.UsageError(f'invalid {one.flag} "{word}": use {choices}', hint=up.hint or HINT)
    try:
        return up.kept_as(word)
    except ValueError as error:
        raise failures.UsageError(f"{one.flag}: {error}", hint=up.hint or HINT) from None


def of_server(one: Option, typed: str | None) -> str | None:
    """What was typed of an option that the API server gets, in the form that is kept. Raises UsageError."""
    return typed if typed is None or one.up is None else _checked(one, one.up, typed)
