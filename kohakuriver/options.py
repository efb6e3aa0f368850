"""The options of a program, declared once: each is a field of a dataclass, with how it is typed and read.

    relist: float = option("--relist DURATION", default=10.0, read=duration, help="how often …")

The dataclass has the defaults, and what was typed is laid over them. `up` reads the same fields to know what
it passes on to the agent. argparse is imported when a command line is read: the command needs none of it.
"""

import dataclasses
import ipaddress
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kohakuriver import durations

if TYPE_CHECKING:
    import argparse

LOOPBACK: Final = "127.0.0.1"
_KEY: Final = "option"
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """A section of the help."""

    title: str
    exclusive: bool = False  # whether at most one of its options may be given


@dataclasses.dataclass(frozen=True, slots=True)
class PassedOn:
    """How `up` takes an option that it passes on to this machine's agent."""

    help: str
    metavar: str = ""  # empty: the agent's own
    kept_as: Callable[[str], str] = str  # checks what was typed; the form that is kept. Raises ValueError
    hint: str = ""  # to a text that `kept_as`, or the option's choices, refuse
    can_be_taken_back: bool = False  # by `off`
    rank: int = 0  # among the options of its group in the help of `up`


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """How a field is typed, and what is made of the text."""

    flags: tuple[str, ...]
    help: str  # empty: it is not shown
    read: Callable[[str], Any] | None = None  # raises ValueError with what is allowed
    metavar: str = ""
    group: Group | None = None
    choices: tuple[str, ...] = ()
    gathered: Callable[[list[Any]], Any] | None = None  # it may be repeated: what is made of all
    up: PassedOn | None = None
    is_switch: bool = False
    is_required: bool = False

    @property
    def flag(self) -> str:
        return self.flags[-1]

    @property
    def name(self) -> str:
        """The flag as a name: reserve_cores."""
        return self.flag.removeprefix("--").replace("-", "_")

    def value(self, typed: Any) -> Any:
        """What the field gets."""
        if self.gathered is not None:
            return self.gathered(typed)
        return self.read(typed) if self.choices and self.read is not None else typed

    def add_to(self, place: "argparse._ActionsContainer") -> None:
        """Have argparse take it. What is not typed is left out of what argparse finds."""
        import argparse

        shown = self.help or argparse.SUPPRESS
        how: dict[str, Any] = {"dest": self.name, "default": argparse.SUPPRESS, "help": shown}
        if self.is_switch:
            place.add_argument(*self.flags, action="store_true", **how)
            return
        if self.choices:
            how |= {"choices": self.choices}
        elif self.read is not None:
            how |= {"type": _with_reason(self.read)}
        if self.gathered is not None:
            how |= {"action": "append"}
        if self.is_required:
            how |= {"required": True}
        place.add_argument(*self.flags, metavar=self.metavar or None, **how)


def option(
    *flags: str,
    default: Any = dataclasses.MISSING,
    default_factory: Any = dataclasses.MISSING,
    is_secret: bool = False,
    **how: Any,
) -> Any:
    """A field of a dataclass that is an option, typed as the help shows it: `--relist DURATION`. With the
    default False it is a switch, with none it is required."""
    is_required = default is dataclasses.MISSING and default_factory is dataclasses.MISSING
    *others, last = flags
    flag, _, metavar = last.partition(" ")
    declared = Option(
        flags=(*others, flag),
        metavar=metavar,
        is_switch=default is False,
        is_required=is_required,
        **how,
    )
    return as_field(declared, default=default, default_factory=default_factory, is_secret=is_secret)


def as_field(
    declared: Option,
    *,
    default: Any = dataclasses.MISSING,
    default_factory: Any = dataclasses.MISSING,
    is_secret: bool = False,
) -> Any:
    """A field of a dataclass that is an option which is declared elsewhere."""
    kept: dict[str, Any] = {"metadata": {_KEY: declared}, "repr": not is_secret}
    if default_factory is not dataclasses.MISSING:
        kept["default_factory"] = default_factory
    elif default is not dataclasses.MISSING:
        kept["default"] = default
    return dataclasses.field(**kept)


def file(flag: str, **how: Any) -> Any:
    """A field that is an option: a file, or None."""
    return option(f"{flag} FILE", default=None, read=Path, **how)


def declared(kind: type) -> Iterator[tuple[str, Option]]:
    """The options of a dataclass with the names of their fields, as they follow each other in the help."""
    for field in dataclasses.fields(kind):
        if _KEY in field.metadata:
            yield field.name, field.metadata[_KEY]


def add(parser: "argparse.ArgumentParser", kind: type) -> None:
    """Have the parser take the options of this dataclass."""
    places: dict[Group | None, argparse._ActionsContainer] = {None: parser}
    for _, one in declared(kind):
        if one.group is not None and one.group not in places:
            section = parser.add_argument_group(one.group.title)
            places[one.group] = section.add_mutually_exclusive_group() if one.group.exclusive else section
        one.add_to(places[one.group])


def read(parser: "argparse.ArgumentParser", kind: type[T], arguments: Sequence[str] | None) -> T:
    """What was typed, as this dataclass. Ends the process with usage and reason where it makes no sense."""
    typed = vars(parser.parse_args(arguments))
    return kind(**{field: one.value(typed[one.name]) for field, one in declared(kind) if one.name in typed})


def _with_reason(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """argparse hides the message of a ValueError; this keeps it."""
    import argparse

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, host: str = "", such_as: str = "127.0.0.1:6443") -> "Address":
        """From HOST:PORT; `host` is meant where none is written. Raises ValueError."""
        written, _, port = text.rpartition(":")
        found = written.removeprefix("[").removesuffix("]") or host
        if not (found and port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError(f'invalid address "{text}": write {such_as}')
        return cls(found, int(port))

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def metrics_address(text: str) -> Address:
    """Where to serve metrics: HOST:PORT, on loopback where no host is written. Raises ValueError."""
    return Address.parse(text, host=LOOPBACK, such_as="127.0.0.1:9102")


def duration(text: str) -> float:
    """Seconds, more than none. Raises ValueError."""
    seconds = durations.parse(text)
    if seconds <= 0:
        raise ValueError(f'invalid duration "{text}": use more than 0')
    return seconds
