"""A fresh SSH key pair for one VPS, made and kept on this machine. The private half never travels.

Written before the VPS is created, never over a file that is there.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from kohakuriver import errors, private_file


class KeyPair(NamedTuple):
    """Two files that this command made."""

    private: Path
    public_key: str

    @property
    def public(self) -> Path:
        return public_of(self.private)

    def discard(self) -> None:
        """Remove them: only for a VPS that certainly was not created."""
        for file in (self.private, self.public):
            file.unlink(missing_ok=True)


def default_file(name: str, *, home: Path) -> Path:
    """Where the private key of a VPS lies unless told otherwise."""
    return home / ".ssh" / f"kohakuriver_vps_{name}"


def public_of(private: Path) -> Path:
    return private.with_name(private.name + ".pub")


def check_free(private: Path) -> None:
    """Raises ConfigError where a file of either name is there."""
    for file in (private, public_of(private)):
        if file.is_symlink() or file.exists():
            raise _taken(file)


def generate(private: Path, *, comment: str) -> KeyPair:
    """Make a pair and write both halves. Raises ConfigError where a file is there."""
    check_free(private)
    private_text, public_text = _ed25519()
    pair = KeyPair(private, f"{public_text} {comment}")
    _write_new(pair.private, private_text, mode=0o600)
    try:
        _write_new(pair.public, pair.public_key + "\n", mode=0o644)
    except BaseException:
        pair.private.unlink(missing_ok=True)
        raise
    return pair


def kept(private: Path, *, comment: str) -> KeyPair | None:
    """The pair that was made for a VPS of this name before, if both halves are there and belong together."""
    from cryptography.exceptions import UnsupportedAlgorithm  # here: only this key mode pays for it
    from cryptography.hazmat.primitives import serialization

    try:
        words = public_of(private).read_text().split()
        key = serialization.load_ssh_private_key(private.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    if len(words) != 3 or words[2] != comment or " ".join(words[:2]) != public.decode():
        return None
    return KeyPair(private, " ".join(words))


def _ed25519() -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization  # here: only this key mode pays for it
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


def _write_new(file: Path, content: str, *, mode: int) -> None:
    """Whole and durable, or not at all; a link made of it fails where a file is there."""
    private_file.make_folder(file.parent)
    import tempfile  # here: most commands make no key

    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w") as opened:
            os.fchmod(opened.fileno(), mode)
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        os.link(temporary, file)
        _sync_folder(file.parent)
    except FileExistsError:
        raise _taken(file) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _taken(file: Path) -> errors.ConfigError:
    return errors.ConfigError(
        f"{file} is there already, and keys are never overwritten",
        hint="name another file with --key-out-file, or use that key: --public-key-file FILE.pub",
    )
