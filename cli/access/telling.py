"""What somebody who forwards a port is told: a change for the worse once, and when it is over."""

from collections.abc import Callable

from kohakuriver import errors
from kohakuriver.cli import screen


class Telling:
    """Of one forward; `verbose` adds a line for each connection."""

    def __init__(self, title: str, *, verbose: bool, say: Callable[[str], None] = screen.note) -> None:
        self._title = title
        self._say = say
        self._verbose = verbose
        self._told = ""

    def failed(self, error: errors.KohakuRiverError) -> None:
        """A connection could not be made; what was told last is not told again."""
        if error.message != self._told:
            self._told = error.message
            hint = f" ({error.hint})" if error.hint else ""
            self._say(f"{self._title}: {error.message}{hint}")

    def worked(self) -> None:
        """Say that connections are made again, if the last thing said was that none is."""
        if self._told:
            self._told = ""
            self._say(f"{self._title} answers again")

    def detail(self, text: str) -> None:
        """Say something of one connection, where details are wanted."""
        if self._verbose:
            self._say(f"{self._title}: {text}")
