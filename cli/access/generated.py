"""Where the keys lie that `vps create --gen-ssh-key` made, so that all ways in find them again.

One line for each in `~/.ssh/kohakuriver/generated-keys`: public key, name of the VPS, private file.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from kohakuriver.cli.access import known_hosts
from kohakuriver.cli.view import key_pair
from kohakuriver.cli.view.key_pair import KeyPair

_FILE = "generated-keys"


def note(pair: KeyPair, name: str, *, home: Path) -> None:
    """Remember where this pair lies, unless that is where it would be looked for anyway."""
    if pair.private != key_pair.default_file(name, home=home) and str(pair.private).isprintable():
        body = pair.public_key.split()[1]
        known_hosts.pin(home / known_hosts.FOLDER / _FILE, body, f"{name} {pair.private.absolute()}")


def noted(home: Path) -> Iterator[tuple[str, str, Path]]:
    """The public key, the VPS's name and the private file of each that is still there."""
    try:
        lines = (home / known_hosts.FOLDER / _FILE).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        words = line.split(" ", 2)
        if len(words) == 3 and Path(words[2]).is_file():
            yield words[0], words[1], Path(words[2])


def find(authorized: Collection[str], *, home: Path) -> Path | None:
    """The private file of one of these public keys."""
    return next((file for body, _, file in noted(home) if body in authorized), None)
