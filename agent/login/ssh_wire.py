"""As much of the SSH transport (RFC 4253, 5656, 8731) as a server needs to prove who it is. Pure.

One client's side of one key exchange: curve25519 and an ed25519 host key, both of which every sshd has had
since 2014. agent/login/probe.py moves the bytes. No key is derived and nothing is ever sent encrypted:
the exchange ends with the server's signature.
"""

import base64
import hashlib
import os
import struct
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

BANNER: Final = b"SSH-2.0-KohakuRiver_probe"
LARGEST_PACKET: Final = 35_000

DISCONNECT, KEXINIT, KEX_ECDH_INIT, KEX_ECDH_REPLY = 1, 20, 30, 31
PASSED_OVER: Final = frozenset({2, 3, 4, 7})  # ignore, unimplemented, debug, ext-info

_HOST_KEY_TYPE: Final = b"ssh-ed25519"
_CIPHERS: Final = b"aes128-ctr,aes256-ctr,chacha20-poly1305@openssh.com,aes256-gcm@openssh.com"
_MACS: Final = b"hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com"
_OFFER: Final = (
    b"curve25519-sha256,curve25519-sha256@libssh.org", _HOST_KEY_TYPE,
    _CIPHERS, _CIPHERS, _MACS, _MACS, b"none", b"none", b"", b"",
)  # fmt: skip


class ProtocolError(Exception):
    """The other side speaks no SSH that we understand, or says why it hangs up."""


class WrongKey(Exception):
    """The other side is not who it should be."""


class Exchange:
    """One key exchange: what to send, and whether the reply proves the host key `expected`."""

    def __init__(self, *, server_banner: bytes, expected: str) -> None:
        self._server_banner = server_banner
        self._expected = base64.b64decode(expected.split()[1])
        self._private = x25519.X25519PrivateKey.generate()
        self._public = self._private.public_key().public_bytes_raw()
        names = b"".join(_string(name_list) for name_list in _OFFER)
        self._kexinit = bytes([KEXINIT]) + os.urandom(16) + names + bytes(5)
        self._server_kexinit = b""

    def hello(self) -> bytes:
        """Our KEXINIT."""
        return packet(self._kexinit)

    def on_kexinit(self, payload: bytes) -> bytes:
        """What to answer the server's KEXINIT with."""
        self._server_kexinit = payload
        reader = _Reader(payload[17:])
        reader.string()
        if _HOST_KEY_TYPE not in reader.string().split(b","):
            raise WrongKey("the sshd that answers has no ed25519 host key, so it is not the one we set up")
        return packet(bytes([KEX_ECDH_INIT]) + _string(self._public))

    def on_reply(self, payload: bytes) -> None:
        """Returns when the server has proved itself; raises WrongKey or ProtocolError."""
        reader = _Reader(payload[1:])
        host_key, server_public, signature = reader.string(), reader.string(), reader.string()
        if host_key != self._expected:
            raise WrongKey("the sshd that answers has another host key than the one made for this VPS")
        secret = self._private.exchange(x25519.X25519PublicKey.from_public_bytes(server_public))
        parts = (
            BANNER, self._server_banner, self._kexinit, self._server_kexinit,
            host_key, self._public, server_public, _mpint(secret),
        )  # fmt: skip
        digest = hashlib.sha256(b"".join(_string(part) for part in parts)).digest()
        key, proof = _Reader(host_key), _Reader(signature)
        key.string()
        proof.string()
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(key.string()).verify(proof.string(), digest)
        except InvalidSignature:
            raise WrongKey("the sshd that answers does not hold the host key it shows") from None


def goodbye() -> bytes:
    """A DISCONNECT, so that the server's log says that nothing was wrong."""
    return packet(struct.pack(">BI", DISCONNECT, 11) + _string(b"readiness probe") + _string(b""))


def disconnect_reason(payload: bytes) -> str:
    """The words of a DISCONNECT."""
    return _Reader(payload[5:]).string().decode("utf-8", "replace")


def packet(payload: bytes) -> bytes:
    """A packet as it goes over the wire before there are keys."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def payload_of(body: bytes) -> bytes:
    """The payload of a packet whose length field has been taken off."""
    if not body or body[0] + 1 >= len(body):
        raise ProtocolError("a packet without content")
    return body[1 : len(body) - body[0]]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def string(self) -> bytes:
        if len(self._data) < 4:
            raise ProtocolError("a packet that ends too early")
        end = 4 + int(struct.unpack(">I", self._data[:4])[0])
        if len(self._data) < end:
            raise ProtocolError("a packet that ends too early")
        value, self._data = self._data[4:end], self._data[end:]
        return value


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _mpint(data: bytes) -> bytes:
    """A positive number in two's complement, without its length."""
    data = data.lstrip(b"\0")
    return b"\0" + data if data and data[0] & 0x80 else data
