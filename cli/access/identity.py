"""Which private key opens a VPS: the one that was named, else the generated one, else what ssh tries."""

from pathlib import Path

from kohakuriver import errors
from kohakuriver.cli.access import entrance
from kohakuriver.cli.access import generated as generated_keys
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.view import key_pair

DEFAULTS = ("id_ed25519", "id_rsa", "id_ecdsa")


def chosen(vps: Object, named: Path | None, *, home: Path) -> Path | None:
    """The key to log in with; None leaves the choice to ssh. Raises ConfigError for one that is not there."""
    if named is not None:
        file = named.expanduser()
        private = file.with_suffix("") if file.suffix == ".pub" else file
        if not private.is_file():
            raise errors.ConfigError(
                f"there is no key {private}",
                hint="name the private half of one that may log in, or leave --key out",
            )
        return private
    return own(vps, home=home)


def own(vps: Object, *, home: Path) -> Path | None:
    """The key that `vps create --gen-ssh-key` made here and that may log in, wherever it was put."""
    generated = key_pair.default_file(vps["metadata"]["name"], home=home)
    if generated.is_file() and _may_log_in(generated, vps):
        return generated
    return generated_keys.find(entrance.authorized(vps), home=home)


def opens(vps: Object, private: Path) -> bool:
    """Whether the public half beside this key is in the VPS."""
    return key_pair.public_of(private).is_file() and _may_log_in(private, vps)


def defaults(home: Path) -> list[Path]:
    """The keys of this person that ssh would try by itself."""
    return [file for name in DEFAULTS if (file := home / ".ssh" / name).is_file()]


def _may_log_in(private: Path, vps: Object) -> bool:
    """Whether its public half is in the VPS; a key left over from a namesake is not."""
    try:
        words = key_pair.public_of(private).read_text().split()
    except OSError:
        return True  # its public half is gone, so nothing speaks against it
    return bool(entrance.authorized(vps).intersection(words))
