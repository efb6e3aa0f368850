"""What `kohakuriver --help` and `kohakuriver GROUP --help` show, from the catalogue alone.

Importing what shows the help of a command takes longer than all of this, so these pages are made without it.
"""

import importlib
from collections.abc import Sequence

from kohakuriver import __version__
from kohakuriver.cli.framework import catalogue

HELP = ("-h", "--help")
_OPENING = """\
Usage: kohakuriver COMMAND [ARGUMENTS] [OPTIONS]

Long-lived containers to work in, on your own machines: declared, placed, kept running.
"""
_GLOBALS = """\
Global options, before or after the command:
  --config FILE               The config file, as kubectl's
  --context NAME              The context in it
  -n, --namespace NAME        The namespace meant
  --request-timeout DURATION  How long one request may take
  -v, --verbose               Show requests
"""
_CLOSING = f"""\
{_GLOBALS}
`kohakuriver COMMAND --help` shows what a command takes, with examples.
Exit codes: 0 done, 1 an error, 2 a wrong command line, 124 a wait timed out, 130 Ctrl-C.
"""
VERSION = f"kohakuriver {__version__}\n"


def page(words: Sequence[str]) -> str | None:
    """The page that these words ask for and nothing else; None where they ask for more."""
    match [word for word in words if word not in HELP]:
        case [] | ["help"] if len(words) < 2:
            return whole()
        case ["--version"] if len(words) == 1:
            return VERSION
        case [name] | ["help", name] | [name, "help"] if len(words) < 3:
            entry = catalogue.find(name)
            return of_group(entry) if entry is not None and entry.is_group and words[0] not in HELP else None
    return None


def whole() -> str:
    """All commands by section."""
    lines = [_OPENING]
    for title, entries in catalogue.sections().items():
        lines.append(f"{title}:\n" + "".join(f"  {entry.name:<15}{entry.summary}\n" for entry in entries))
    return "\n".join([*lines, _CLOSING])


def of_group(entry: catalogue.Entry) -> str:
    """The commands of a group, with examples, which stand in its folder."""
    examples: str = importlib.import_module(entry.path).EXAMPLES
    return "\n".join(
        [
            f"Usage: kohakuriver {entry.name} COMMAND [ARGUMENTS] [OPTIONS]\n",
            "Examples:\n" + "".join(f"  {line}\n" for line in examples.strip("\n").splitlines()),
            "Commands:\n" + "".join(f"  {one.name:<17}{one.summary}\n" for one in entry.commands),
            _GLOBALS,
            f"`kohakuriver {entry.name} COMMAND --help` shows what a command takes.\n",
        ]
    )
