"""The authority that signed a cluster's certificates, known by its hash before it is trusted.

`kohakuriver node join` prints the hash, and the machine that joins compares it with what the server
shows, before any secret is sent. Knows no HTTP.
"""

import hashlib
import hmac
import re
import ssl

from kohakuriver import errors

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def hash_of(pem: bytes) -> str:
    """`sha256:` and the SHA-256 of the first certificate. Raises ConfigError where there is none."""
    return f"sha256:{hashlib.sha256(_first(pem)).hexdigest()}"


def pinned(pem: bytes, expected: str, *, server: str) -> bytes:
    """The one certificate of that hash, and nothing that came along with it. Raises ConfigError."""
    found = hash_of(pem)
    if not hmac.compare_digest(found, expected):
        raise errors.ConfigError(
            f"{server} is not the cluster that was meant: its authority is {found}, and not {expected}",
            hint="nothing was sent to it; check address and --ca-hash: kohakuriver node join",
        )
    return ssl.DER_cert_to_PEM_cert(_first(pem)).encode()


def _first(pem: bytes) -> bytes:
    found = _PEM.search(pem)
    try:
        if found is not None:
            return ssl.PEM_cert_to_DER_cert(found.group().decode())
    except ValueError:
        pass
    raise errors.ConfigError("this is not a certificate", hint="a PEM file is expected")
