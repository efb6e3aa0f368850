"""OpenSSH public keys as people hand them over: checked before they travel. Pure."""

import base64
import binascii
import itertools

from kohakuriver import errors

_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def parse(text: str, *, where: str) -> list[str]:
    """The keys in a file or an option's value, one a line. Raises ConfigError."""
    if "PRIVATE KEY" in text:
        raise errors.ConfigError(
            f"{where} is a private key, which must not leave this machine",
            hint="give its public half: the file of that name with .pub",
        )
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise errors.ConfigError(f"{where} holds no key", hint='a public key reads "ssh-ed25519 AAAA… name"')
    for key in keys:
        if not _is_key(key):
            raise errors.ConfigError(
                f'{where}: "{_shortened(key)}" is not an OpenSSH public key',
                hint='a public key reads "ssh-ed25519 AAAA… name"; the whole of it on one line',
            )
    return keys


def _is_key(line: str) -> bool:
    """Whether somewhere in the line (options may come first) a type is followed by a key of that type."""
    words = line.split()
    for kind, blob in itertools.pairwise(words):
        if kind in _TYPES:
            try:
                content = base64.b64decode(blob, validate=True)
            except (binascii.Error, ValueError):
                return False
            name = kind.encode()
            return content[:4] == len(name).to_bytes(4, "big") and content[4 : 4 + len(name)] == name
    return False


def _shortened(key: str) -> str:
    return key if len(key) <= 40 else key[:40] + "…"
