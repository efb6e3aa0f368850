"""OpenSSH public keys as people hand them over: checked before they travel. Pure."""

from kohakuriver import errors
from kohakuriver.resources import public_key


def parse(text: str, *, where: str) -> list[str]:
    """The keys in a file or an option's value, one a line. Raises ConfigError."""
    if "PRIVATE KEY" in text:
        raise errors.ConfigError(
            f"{where} is a private key, which must not leave this machine",
            hint="give its public half: the file of that name with .pub",
        )
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    keys = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not keys:
        raise errors.ConfigError(f"{where} holds no key", hint='a public key reads "ssh-ed25519 AAAA… name"')
    for number, key in keys:
        why = public_key.trouble(key)
        if why:
            line = f", line {number}" if len(lines) > 1 else ""
            raise errors.ConfigError(
                f'{where}{line}: invalid public key "{_shortened(key)}": {why}',
                hint='a public key reads "ssh-ed25519 AAAA… name"; the whole of it on one line',
            )
    return [key for _, key in keys]


def _shortened(key: str) -> str:
    return key if len(key) <= 40 else key[:40] + "…"
