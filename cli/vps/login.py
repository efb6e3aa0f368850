"""Who may log in to a new VPS: the guide's five key modes, read into `spec.ssh`.

The default keys, a file, a text, a generated pair, or no key at all. Reads files below the home folder;
writes nothing (`key_pair.py` does).
"""

import dataclasses
from pathlib import Path
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import failures
from kohakuriver.cli.view import key_pair
from kohakuriver.cli.vps import public_key

DEFAULT_KEYS = ("id_ed25519.pub", "id_rsa.pub")
OTHERS = (
    "--gen-ssh-key makes a key for this VPS; --public-key-file PATH and --public-key-string KEY take one; "
    "--no-ssh-key lets root in without a password"
)
PASSWORDLESS = "no password: anyone with an account on the node is root in it"


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """The key options of one command line."""

    public_key_file: Path | None = None
    public_key_string: str | None = None
    gen_ssh_key: bool = False
    key_out_file: Path | None = None
    no_ssh_key: bool = False

    def check(self) -> None:
        """Raises UsageError for what does not go together."""
        given = [
            option
            for option, value in (
                ("--public-key-file", self.public_key_file is not None),
                ("--public-key-string", self.public_key_string is not None),
                ("--gen-ssh-key", self.gen_ssh_key),
                ("--no-ssh-key", self.no_ssh_key),
            )
            if value
        ]
        if len(given) > 1:
            raise failures.UsageError(
                f"{' and '.join(given)} do not go together", hint="say one way to log in"
            )
        if self.key_out_file is not None and not self.gen_ssh_key:
            raise failures.UsageError(
                "--key-out-file says where a generated key goes", hint="add --gen-ssh-key, or leave it out"
            )

    def out_file(self, name: str, *, home: Path) -> Path:
        """Where a generated private key goes."""
        chosen = self.key_out_file
        return _expanded(chosen, home) if chosen is not None else key_pair.default_file(name, home=home)

    def spec(self, *, home: Path) -> dict[str, Any]:
        """`spec.ssh` of every mode but the generated one. Raises ConfigError."""
        if self.no_ssh_key:
            return {"passwordless": True}
        if self.public_key_string is not None:
            return {"authorizedKeys": public_key.parse(self.public_key_string, where="--public-key-string")}
        if self.public_key_file is not None:
            return {"authorizedKeys": _read(_expanded(self.public_key_file, home))}
        return {"authorizedKeys": _read(_default(home))}


def has_default(home: Path) -> bool:
    """Whether there is a key that is taken where none is named."""
    return any((home / ".ssh" / name).is_file() for name in DEFAULT_KEYS)


def _default(home: Path) -> Path:
    for name in DEFAULT_KEYS:
        file = home / ".ssh" / name
        if file.is_file():
            return file
    raise errors.ConfigError(
        f"there is no SSH key to log in with: neither {DEFAULT_KEYS[0]} nor {DEFAULT_KEYS[1]} in "
        f"{home / '.ssh'}",
        hint=OTHERS,
    )


def _read(file: Path) -> list[str]:
    try:
        text = file.read_text()
    except UnicodeDecodeError:
        raise errors.ConfigError(f"{file} is not text", hint="name the .pub file of a key") from None
    return public_key.parse(text, where=str(file))


def _expanded(file: Path, home: Path) -> Path:
    """`~/x` as the shell would have it; after `=` the shell leaves it to us."""
    parts = file.parts
    return home.joinpath(*parts[1:]) if parts[:1] == ("~",) else file
