"""`apiserver`, `controller`, `agent`: this process becomes that program, with all arguments but a secret one.

Everybody on a machine reads the command lines of its processes, and an agent runs for years.
"""

import os
import sys
from collections.abc import Mapping
from typing import Annotated, NoReturn

import typer

from kohakuriver.client import config

Arguments = Annotated[list[str] | None, typer.Argument(metavar="[ARGUMENTS]...")]


def apiserver(arguments: Arguments = None) -> int:
    """Run an API server."""
    become("apiserver", arguments or [])


def controller(arguments: Arguments = None) -> int:
    """Run a controller."""
    become("controller", arguments or [])


def agent(arguments: Arguments = None) -> int:
    """Run the agent of this machine."""
    words, token = without_token(arguments or [])
    become("agent", words, environment={config.JOIN_TOKEN: token} if token else {})


def command(program: str, arguments: list[str]) -> list[str]:
    """How a program is started. `-P`: never a folder of that name in the working directory."""
    return [sys.executable, "-P", "-m", f"kohakuriver.{program}", *arguments]


def without_token(arguments: list[str]) -> tuple[list[str], str]:
    """The arguments without `--token`, and what it says."""
    words, token, waiting = [], "", list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--token" and waiting:
            token = waiting.pop(0)
        elif word.startswith("--token="):
            token = word.removeprefix("--token=")
        else:
            words.append(word)
    return words, token


def become(program: str, arguments: list[str], *, environment: Mapping[str, str] | None = None) -> NoReturn:
    """Replace this process."""
    line = command(program, arguments)
    os.execve(line[0], line, {**os.environ, **(environment or {})})  # noqa: S606 - no shell is wanted
