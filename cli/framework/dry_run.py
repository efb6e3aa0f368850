"""`--dry-run`: bare, or as kubectl has it, `--dry-run=client|server|none`. Pure."""

import enum
from typing import Annotated

import typer

from kohakuriver.cli import failures

OPTION = "--dry-run"
DryRun = Annotated[
    str | None,
    typer.Option(
        OPTION,
        metavar="[=server|client]",
        help="Change nothing: have the server check it all the same, or (client) send it nothing to check.",
        show_default=False,
    ),
]


class Rehearsal(enum.Enum):
    """How much of a change is made."""

    NONE = ""
    CLIENT = " (dry run)"
    SERVER = " (server dry run)"

    @property
    def params(self) -> dict[str, str]:
        """What a write says in its URL."""
        return {"dryRun": "All"} if self is Rehearsal.SERVER else {}

    @property
    def suffix(self) -> str:
        """What is added to the line that says what was done."""
        return self.value

    def __bool__(self) -> bool:
        return self is not Rehearsal.NONE


def read(text: str | None) -> Rehearsal:
    """Raises UsageError."""
    match text:
        case None | "none":
            return Rehearsal.NONE
        case "server":
            return Rehearsal.SERVER
        case "client":
            return Rehearsal.CLIENT
    raise failures.UsageError(f'{OPTION}="{text}" is not known', hint="there are server, client and none")


def spelled_out(words: list[str]) -> list[str]:
    """A bare `--dry-run` says which: options of typer take a value or take none."""
    end = words.index("--") if "--" in words else len(words)
    return [f"{OPTION}=server" if word == OPTION else word for word in words[:end]] + words[end:]
