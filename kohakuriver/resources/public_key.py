"""One line of sshd's `authorized_keys`: whether it is one, and if not, why. Pure.

    [options ]type base64[ comment]      restrict,command="uptime" ssh-ed25519 AAAA… me@here

sshd passes over a line that it cannot read without a word, so it is refused where it is declared.
"""

import base64
import binascii
import re
from typing import Final

TYPES: Final = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip
_OPTIONS: Final = re.compile(r'(?:[^"\s]|"(?:\\"|[^"])*")+')


def trouble(line: str) -> str:
    """Why this is no public key, for the end of a sentence; empty if it is one."""
    text = line.strip()
    if "PRIVATE KEY" in text:
        return "it is a private key, which stays on its machine: give its public half, the file with .pub"
    if text.startswith("---- BEGIN SSH2"):
        return "it is in the format of RFC 4716: ssh-keygen -i -f FILE turns it into one line"
    if "\n" in text or "\r" in text:
        return f"it has {len(text.splitlines())} lines: each key stands on one line, and is one of the list"
    if not text or text.startswith("#"):
        return "there is no key in it"
    kind, _, rest = _without_options(text).partition(" ")
    if kind not in TYPES:
        return "a type is missing, such as ssh-ed25519"
    blob = rest.split()
    return _trouble_of_blob(kind, blob[0]) if blob else f"the key itself is missing behind {kind}"


def _without_options(text: str) -> str:
    """The line from its type on; nothing where its options have no end."""
    text = text.replace("\t", " ")
    if text.partition(" ")[0] in TYPES:
        return text
    options = _OPTIONS.match(text)
    return text[options.end() :].lstrip() if options is not None else ""


def _trouble_of_blob(kind: str, blob: str) -> str:
    try:
        content = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return f"what follows {kind} is not whole, or not base64"
    parts = _parts(content)
    if parts is None or len(parts) < 2:
        return f"what follows {kind} is cut short"
    named = parts[0].decode("ascii", errors="replace")
    return "" if named == kind else f"it says {kind}, and what follows is of type {named[:40]}"


def _parts(content: bytes) -> list[bytes] | None:
    """The strings that it is made of, each behind its length; None where they do not come out even."""
    parts: list[bytes] = []
    while content:
        length = int.from_bytes(content[:4], "big")
        if len(content) < 4 + length:
            return None
        parts.append(content[4 : 4 + length])
        content = content[4 + length :]
    return parts
