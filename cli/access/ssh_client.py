"""The command line of the user's own ssh for one VPS: our connection, our host key, the right key. Pure."""

import shlex
from collections.abc import Sequence
from pathlib import Path

HARDENED = (
    ("GlobalKnownHostsFile", "/dev/null"),
    ("StrictHostKeyChecking", "yes"),
    ("CheckHostIP", "no"),
    ("UpdateHostKeys", "no"),
    ("ControlPath", "none"),  # a shared connection would outlive the VPS that its name meant
)
"""What holds for every connection: the host key is the one that the API server says."""


def command(
    name: str,
    *,
    proxy: Sequence[str],
    alias: str,
    known_hosts: Path,
    key: Path | None,
    arguments: Sequence[str],
) -> list[str]:
    """`arguments` are the user's: options of ssh, then perhaps a command."""
    options = {
        "ProxyCommand": proxy_command(proxy),
        "HostKeyAlias": alias,
        "UserKnownHostsFile": f'"{escaped(str(known_hosts))}"',
        **dict(HARDENED),
    }
    words = ["ssh"]
    for option, value in options.items():
        words += ["-o", f"{option}={value}"]
    if key is not None:
        words += ["-i", str(key), "-o", "IdentitiesOnly=yes"]
    if not any(word.startswith(("-l", "-oUser=", "User=")) for word in arguments):
        words += ["-o", "User=root"]
    return [*words, name, *arguments]


def proxy_command(words: Sequence[str]) -> str:
    """For ProxyCommand, which a shell reads after ssh has replaced what stands behind a %."""
    return shlex.join(escaped(word) for word in words)


def escaped(text: str) -> str:
    return text.replace("%", "%%")
