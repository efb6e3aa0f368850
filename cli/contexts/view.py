"""`config view`: the config file, its secrets left out unless they are asked for."""

import copy
from typing import Annotated, Any

import typer

from kohakuriver.cli import screen
from kohakuriver.cli.contexts import file as files
from kohakuriver.cli.contexts.file import Body, Config, ConfigFile
from kohakuriver.cli.kubectl import output

EXAMPLES = """
kohakuriver config view
kohakuriver config view --minify --raw
"""
_SECRET = ("token", "password", "client-key-data", "client-certificate-data", "certificate-authority-data")

Raw = Annotated[bool, typer.Option("--raw", help="With secrets and certificates.")]
Minify = Annotated[bool, typer.Option("--minify", help="Only what the current context uses.")]


def view(raw: Raw = False, minify: Minify = False, config: Config = None) -> int:
    """Show the config file that counts."""
    found = files.load(config)
    body = minified(found) if minify else copy.deepcopy(found.body)
    screen.out(output.to_yaml(body if raw else redacted(body)), end="")
    return 0


def minified(found: ConfigFile) -> Body:
    """What the current context uses."""
    context = found.entry("contexts", found.current)
    used = {"contexts": found.current, "clusters": context.get("cluster"), "users": context.get("user")}
    kept: dict[str, Any] = {
        section: [copy.deepcopy(one) for one in found.body.get(section) or () if one.get("name") == name]
        for section, name in used.items()
    }
    return {**copy.deepcopy(found.body), **kept}


def redacted(body: Any) -> Any:
    """The same without secrets. Pure."""
    if isinstance(body, dict):
        return {
            key: ("DATA+OMITTED" if key.endswith("-data") else "REDACTED")
            if key in _SECRET and value
            else redacted(value)
            for key, value in body.items()
        }
    return [redacted(one) for one in body] if isinstance(body, list) else body
