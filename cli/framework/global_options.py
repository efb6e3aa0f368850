"""The options that every command which talks to the API takes, before or after the command's name.

A command is written as `def name(settings: Settings, …)`; `with_globals` gives it these options and hands it
what they say. What stands after the command wins over what stands before it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from kohakuriver import durations
from kohakuriver.cli.framework import declared
from kohakuriver.cli.framework.declared import Option
from kohakuriver.cli.framework.settings import DEFAULT_TIMEOUT, Settings

if TYPE_CHECKING:
    import inspect

    import typer

PANEL = "Global options"
KEY = "globals"  # where in the context's object the options before the command lie

Config = Annotated[
    str | None,
    Option(
        "--config",
        metavar="FILE",
        help="The config file, as kubectl's. [default: $KOHAKURIVER_CONFIG, or ~/.kohakuriver/config]",
        panel=PANEL,
        show_default=False,
    ),
]
Context = Annotated[
    str | None,
    Option("--context", metavar="NAME", help="The context in it.", panel=PANEL),
]
Namespace = Annotated[
    str | None,
    Option("--namespace", "-n", metavar="NAME", help="The namespace meant.", panel=PANEL),
]
RequestTimeout = Annotated[
    str | None,
    Option(
        "--request-timeout",
        metavar="DURATION",
        help=f"How long one request may take. [default: {DEFAULT_TIMEOUT:g}s]",
        panel=PANEL,
    ),
]
Verbose = Annotated[
    bool,
    Option("--verbose", "-v", help="Show requests on stderr.", panel=PANEL),
]
OPTIONS: dict[str, Any] = {
    "config": Config,
    "context": Context,
    "namespace": Namespace,
    "request_timeout": RequestTimeout,
    "verbose": Verbose,
}
DEFAULTS: dict[str, Any] = {**dict.fromkeys(OPTIONS), "verbose": False}


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the global options that were given."""
    return {name: values[name] for name in OPTIONS if values.get(name) not in (None, False)}


def read(values: Mapping[str, Any]) -> Settings:
    """What the options say. Raises ValueError for what is not a duration."""
    known = dict(values)
    if "request_timeout" in known:
        # 0 means no limit, as in kubectl
        known["request_timeout"] = durations.parse(known["request_timeout"]) or 3600.0
    return Settings(**known)


def settings(values: Mapping[str, Any]) -> Settings:
    """As `read`. Raises a usage error."""
    try:
        return read(values)
    except ValueError as error:
        import typer

        raise typer.BadParameter(str(error), param_hint="--request-timeout") from None


def with_globals(function: Callable[..., int]) -> Callable[..., int]:
    """The command with the global options added to its own."""
    import inspect

    own = list(inspect.signature(function).parameters.values())[1:]

    def command(ctx: "typer.Context", **values: Any) -> int:
        before = (ctx.find_root().obj or {}).get(KEY, {})
        merged = settings({**before, **given(values)})
        with merged.opened:
            return function(merged, **{name: value for name, value in values.items() if name not in OPTIONS})

    _sign(command, function, own + _parameters())
    return command


def without_globals(function: Callable[..., int]) -> Callable[..., int]:
    """A command that talks to no API server: global options before it are a mistake worth telling."""
    import inspect
    import pathlib

    import typer

    own = list(inspect.signature(function).parameters.values())

    def command(ctx: "typer.Context", **values: Any) -> int:
        before = dict((ctx.find_root().obj or {}).get(KEY, {}))
        if "config" in before:
            before["config"] = pathlib.Path(before["config"])
        values |= {name: value for name, value in before.items() if values.get(name, value) is None}
        for name in before:
            if name in values:
                continue
            option = "--" + name.replace("_", "-")
            raise typer.BadParameter(f"{ctx.info_name} has no use for it", param_hint=option)
        return function(**values)

    _sign(command, function, own)
    return command


def _parameters() -> "list[inspect.Parameter]":
    import inspect

    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS[name], annotation=annotation)
        for name, annotation in OPTIONS.items()
    ]


def _sign(
    command: Callable[..., int], function: Callable[..., int], parameters: "list[inspect.Parameter]"
) -> None:
    """Make typer see these parameters."""
    import inspect

    import typer

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    keyword = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=declared.as_typer(one.annotation))
        for one in parameters
    ]
    command.__doc__ = function.__doc__
    command.__annotations__ = {one.name: one.annotation for one in [context, *keyword]}
    command.__signature__ = inspect.Signature([context, *keyword])  # type: ignore[attr-defined]
