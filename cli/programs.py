"""`apiserver`, `controller`, `agent`: this process becomes that program, with all arguments."""

import os
import sys
from typing import Annotated, NoReturn

import typer

Arguments = Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENTS]...")]


def apiserver(arguments: Arguments = None) -> int:
    """Run an API server."""
    become("apiserver", arguments or [])


def controller(arguments: Arguments = None) -> int:
    """Run a controller."""
    become("controller", arguments or [])


def agent(arguments: Arguments = None) -> int:
    """Run the agent of this machine."""
    become("agent", arguments or [])


def command(program: str, arguments: list[str]) -> list[str]:
    """How a program is started. `-P`: never a folder of that name in the working directory."""
    return [sys.executable, "-P", "-m", program, *arguments]


def become(program: str, arguments: list[str]) -> NoReturn:
    """Replace this process."""
    line = command(program, arguments)
    os.execv(line[0], line)  # noqa: S606 - no shell is wanted
