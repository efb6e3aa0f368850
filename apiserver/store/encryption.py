"""What a value looks like once it is encrypted, and the file of keys.

    \\0kr1 | length of the key's name | name | salt, 24 bytes | AES-256-GCM of the value

Each value has a key of its own, derived (HKDF-SHA256) from the named key and the salt: so there is no number
of writes after which a key has to go. The key under which the value is stored is authenticated with it, so a
value that somebody moved to another place in the store does not open. Pure, but for the salt.
"""

import base64
import binascii
import dataclasses
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kohakuriver.errors import ConfigError

PLAIN: Final = "plain"  # in place of a first key: what is written is not encrypted any more
_MARK: Final = b"\0kr1"  # no JSON begins so
_SALT: Final = 24  # bytes: never twice the same
_NONCE: Final = bytes(12)  # each derived key is used once
_BYTES: Final = 32  # of a key
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOW: Final = (
    "one line for each key, the first for what is written: NAME BASE64, 32 bytes (openssl rand -base64 32)"
)


class CannotDecrypt(ValueError):
    """A value of the store cannot be read with these keys."""


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """By name; new values are written under `first`, in plain text where that is None."""

    named: Mapping[str, bytes]
    first: str | None

    @classmethod
    def load(cls, path: Path) -> "Keys":
        """Raises ConfigError for a file that cannot be read, that others may read, or that makes no sense."""
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise ConfigError(f"others can read {path}, which holds keys", hint=f"chmod 600 {path}")
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {path}: {error}", hint=_HOW) from error
        named: dict[str, bytes] = {}
        first: str | None = None
        told = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
        for place, (number, words) in enumerate(told):
            if words == [PLAIN] and place == 0:
                continue
            if len(words) != 2 or not _NAME.fullmatch(words[0]) or words[0] in named or words[0] == PLAIN:
                raise ConfigError(f"line {number} of {path} is not a key with a name of its own", hint=_HOW)
            named[words[0]] = _key(words[1], path, number)
            first = words[0] if place == 0 else first
        if not named:
            raise ConfigError(f"{path} holds no key", hint=_HOW)
        return cls(named, first)

    def is_current(self, value: bytes) -> bool:
        """Whether a stored value is as this server would write it."""
        return name_of(value) == self.first

    def encrypt(self, key: str, value: bytes) -> bytes:
        """The value as it is stored under that key of the store."""
        if self.first is None:
            return value
        salt = secrets.token_bytes(_SALT)
        name = self.first.encode()
        head = _MARK + bytes([len(name)]) + name + salt
        return head + self._cipher(self.first, salt).encrypt(_NONCE, value, key.encode())

    def decrypt(self, key: str, value: bytes) -> bytes:
        """The value that was stored under that key of the store. Raises CannotDecrypt."""
        name = name_of(value)
        if name is None:
            return value
        if name not in self.named:
            raise CannotDecrypt(f'{key} is encrypted with key "{name}", which this API server does not have')
        rest = value[len(_MARK) + 1 + len(name.encode()) :]
        try:
            return self._cipher(name, rest[:_SALT]).decrypt(_NONCE, rest[_SALT:], key.encode())
        except InvalidTag:
            raise CannotDecrypt(
                f'{key} does not open with key "{name}": the key or the value was changed'
            ) from None

    def _cipher(self, name: str, salt: bytes) -> AESGCM:
        derived = HKDF(hashes.SHA256(), _BYTES, salt=salt, info=b"kohakuriver value").derive(self.named[name])
        return AESGCM(derived)


NO_KEYS: Final = Keys({}, None)


def name_of(value: bytes) -> str | None:
    """The name of the key that a stored value is encrypted with; None where it is not."""
    if not value.startswith(_MARK):
        return None
    begin = len(_MARK) + 1
    return value[begin : begin + value[len(_MARK)]].decode(errors="replace") if len(value) > begin else ""


def _key(text: str, path: Path, number: int) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _BYTES:
        raise ConfigError(f"line {number} of {path} does not hold {_BYTES} bytes in base64", hint=_HOW)
    return key
