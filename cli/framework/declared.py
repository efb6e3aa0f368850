"""How the commands that are typed most declare their arguments and options: typer's words, without typer.

    x: Annotated[bool, Option("--all", "-a", help="Stopped ones too.")]

`reading.py` reads command lines by them, and where it does not, typer does: `as_typer` makes its parameters
of the same declarations. So there is no second list of options.
"""

import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any


class Argument:
    """A word that belongs to no option, or all of them."""

    def __init__(self, *, metavar: str, help: str | None = None, show_default: bool = False) -> None:
        self.words: dict[str, Any] = {"metavar": metavar, "help": help, "show_default": show_default}

    @property
    def is_command(self) -> bool:
        """Whether what it means stands behind `--`."""
        return str(self.words["metavar"]).startswith("-- ")


class Option:
    """An option, by all its names; `--pin/--no-pin` are the names of one that is on by itself."""

    def __init__(
        self,
        *names: str,
        metavar: str | None = None,
        help: str | None = None,
        show_default: bool = True,
        panel: str | None = None,
    ) -> None:
        self.names = names
        self.words: dict[str, Any] = {
            "metavar": metavar,
            "help": help,
            "show_default": show_default,
            "rich_help_panel": panel,
        }


Declared = Argument | Option


def of(function: Callable[..., Any]) -> Iterator[tuple[str, Any, Declared | None]]:
    """Each parameter of a function but the first: its name, its type, and what it declares."""
    code = function.__code__
    for name in code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]:
        yield name, *split(function.__annotations__[name])


def split(annotation: Any) -> tuple[Any, Declared | None]:
    """The type of an annotation, and what it declares; None where typer's own words do."""
    for one in getattr(annotation, "__metadata__", ()):
        if isinstance(one, Argument | Option):
            return annotation.__origin__, one
    return annotation, None


def as_typer(annotation: Any) -> Any:
    """The same declaration in typer's words; what is in them already stays as it is."""
    kind, declared = split(annotation)
    if declared is None:
        return annotation
    import typer

    if isinstance(declared, Argument):
        return Annotated[kind, typer.Argument(**declared.words)]
    return Annotated[kind, typer.Option(*declared.names, **declared.words)]


def plain(kind: Any) -> type | None:
    """`str` of `str | None`, `list` of `list[str] | None`; None for what is more than that."""
    kinds = [one for one in typing.get_args(kind) if one is not type(None)] or [kind]
    if len(kinds) != 1:
        return None
    origin = typing.get_origin(kinds[0]) or kinds[0]
    return origin if isinstance(origin, type) else None
