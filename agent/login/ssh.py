"""How a VPS gets its sshd set up: pure, but for the host keys that are kept on disk.

The loop turns a VPS's `spec.ssh` into an `Access`, and that into files which the runtime writes into the
container before it starts; agent/runtime/keepalive.py then runs sshd with the arguments among them. Arguments
come before the image's own /etc/ssh/sshd_config, and sshd takes the first value it sees, so what stands
here holds and everything else stays as the image has it. Nothing is installed, no shell is involved,
and an image without sshd is none the worse for the files.
"""

import dataclasses
import enum
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from kohakuriver.agent.data_dir import Files, PrivateFiles
from kohakuriver.agent.runtime.base import File
from kohakuriver.agent.runtime.keepalive import FOLDER, SSHD_ARGUMENTS

HOST_KEY: Final = f"{FOLDER}/ssh_host_ed25519_key"
AUTHORIZED_KEYS: Final = f"{FOLDER}/authorized_keys"
SHADOW: Final = "/etc/shadow"
PORT: Final = 22

_ALWAYS = (
    f"-oPort={PORT}",
    f"-oHostKey={HOST_KEY}",
    "-oHostKeyAlgorithms=ssh-ed25519",
    f"-oAuthorizedKeysFile=.ssh/authorized_keys .ssh/authorized_keys2 {AUTHORIZED_KEYS}",
    "-oPubkeyAuthentication=yes",
    "-oKbdInteractiveAuthentication=no",
)
_KEYS_ONLY = (
    "-oPermitRootLogin=prohibit-password",
    "-oPasswordAuthentication=no",
    "-oPermitEmptyPasswords=no",
)
_OPEN = ("-oPermitRootLogin=yes", "-oPasswordAuthentication=yes", "-oPermitEmptyPasswords=yes")


class Mode(enum.Enum):
    """Who may log in."""

    KEYS = "keys"  # those whose keys are listed; nobody when none is
    PASSWORDLESS = "passwordless"  # anybody who reaches the port
    DISABLED = "disabled"  # no sshd


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """How people log in to one VPS."""

    mode: Mode = Mode.KEYS
    authorized_keys: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class HostKey:
    """The key by which one VPS is known."""

    private: bytes  # OpenSSH PEM
    public: str  # "ssh-ed25519 AAAA…"


NOTHING: Final = (
    File(HOST_KEY, b"", mode=0o600),
    File(AUTHORIZED_KEYS, b"", mode=0o600),
    File(SSHD_ARGUMENTS, b""),
)
"""What is written over the keys of another VPS where nobody is to log in."""


def files(access: Access, host_key: HostKey) -> tuple[File, ...]:
    """What to write into the container before a start. Replaces what an earlier mode left there."""
    if access.mode is Mode.DISABLED:
        return (File(SSHD_ARGUMENTS, b""),)
    arguments = _ALWAYS + (_OPEN if access.mode is Mode.PASSWORDLESS else _KEYS_ONLY)
    return (
        File(HOST_KEY, host_key.private, mode=0o600),
        authorized_keys(access.authorized_keys),
        File(SSHD_ARGUMENTS, _lines(arguments)),
    )


def authorized_keys(keys: Sequence[str]) -> File:
    """The file of the VPS's own keys; written alone when only the keys have changed."""
    return File(AUTHORIZED_KEYS, _lines([key.strip() for key in keys]), mode=0o600)


def shadow(current: File, mode: Mode) -> File | None:
    """/etc/shadow with root's password empty when passwordless, and never empty otherwise.

    None when nothing has to change. A password that somebody set is kept wherever it does no harm.
    """
    wanted = b"" if mode is Mode.PASSWORDLESS else b"*"
    lines = current.content.split(b"\n")
    for number, line in enumerate(lines):
        name, *fields = line.split(b":")
        if name != b"root" or not fields:
            continue
        if (fields[0] == b"") == (wanted == b""):
            return None
        lines[number] = b":".join((name, wanted, *fields[1:]))
        return dataclasses.replace(current, content=b"\n".join(lines))
    return None


class HostKeys:
    """One key per VPS uid, made once, kept below `folder`, readable by the agent's user alone."""

    def __init__(self, folder: Path, *, files: Files | None = None) -> None:
        self._folder = folder
        self._files = files or PrivateFiles()

    def get(self, uid: str) -> HostKey:
        """The key of this VPS, made now if it has none yet. Blocks for a disk write then; raises OSError."""
        path = self._path(uid)
        if not path.exists():
            self._files.write(path, _new_private_key())
        private = path.read_bytes()
        return HostKey(private=private, public=_public(private))

    def forget(self, uid: str) -> None:
        """The VPS is gone for good."""
        self._files.remove(self._path(uid))

    def _path(self, uid: str) -> Path:
        if not uid or not set(uid) <= set(string.ascii_letters + string.digits + "-"):
            raise ValueError(f"{uid!r} is not the uid of an object")
        return self._folder / f"{uid}.ed25519"


def _new_private_key() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )


def _public(private: bytes) -> str:
    key = serialization.load_ssh_private_key(private, password=None).public_key()
    text = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return text.decode("ascii")


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
