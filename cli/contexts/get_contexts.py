"""`config get-contexts`: the contexts there are; a star marks the one that counts."""

from typing import Annotated

import typer

from kohakuriver.cli import failures, screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.contexts.file import Config
from kohakuriver.cli.view import table

EXAMPLES = """
kohakuriver config get-contexts
kohakuriver config get-contexts -o name
"""

Format = Annotated[str | None, typer.Option("--output", "-o", metavar="FORMAT", help="name: only the names.")]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="Leave the line of titles out.")]


def get_contexts(output_format: Format = None, no_headers: NoHeaders = False, config: Config = None) -> int:
    """List contexts: a cluster, who you are there, and the namespace meant."""
    if output_format not in (None, "name"):
        raise failures.UsageError(f'invalid output format "{output_format}": use name')
    found = files.load(config)
    names = found.names("contexts")
    if output_format == "name":
        screen.out("".join(f"{name}\n" for name in names), end="")
        return 0
    rows = [["CURRENT", "NAME", "CLUSTER", "USER", "NAMESPACE"]] if not no_headers else []
    for name in names:
        context = found.entry("contexts", name)
        parts = [str(context.get(part) or "") for part in ("cluster", "user", "namespace")]
        rows.append(["*" if name == found.current else "", name, *parts])
    screen.out("\n".join(table.Printer().lines(rows)))
    return 0
