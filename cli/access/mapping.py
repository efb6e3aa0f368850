"""Which local port leads to which port of the VPS, as it was typed. Pure.

8888        the same on both sides
3000:80     local 3000 leads to 80
:80, 0:80   any free local port leads to 80
"""

import dataclasses
import re
from collections.abc import Sequence

from kohakuriver.cli import failures

_HTTPS = (443, 6443, 8443, 9443)
# Where HTTP is spoken by custom: of any other port nobody knows what it speaks.
_HTTP = {80, *range(3000, 3011), 4000, 4200, 5000, 5001, 5173, 6006, 7860, *range(8000, 9001), 9090, 11434}
_PORTS = re.compile(r"([0-9]*:)?[0-9]+")


@dataclasses.dataclass(frozen=True, slots=True)
class Mapping:
    """One port here and the port in the VPS that it leads to."""

    local: int  # 0: any that is free
    remote: int


def parse(words: Sequence[str], *, local_port: str | None = None) -> list[Mapping]:
    """What `[LOCAL:]REMOTE…` and `--local-port` say. Raises UsageError."""
    found = [_parse(word) for word in words]
    if local_port is not None:
        if len(found) != 1 or ":" in words[0]:
            raise failures.UsageError(
                "--local-port is for a single PORT",
                hint="write LOCAL:REMOTE for each, such as 3000:80 3001:81",
            )
        found = [dataclasses.replace(found[0], local=_port(local_port, "--local-port", least=0))]
    for mapping in found:
        if mapping.local and sum(other.local == mapping.local for other in found) > 1:
            raise failures.UsageError(
                f"local port {mapping.local} is meant twice", hint="write LOCAL:REMOTE with another LOCAL"
            )
    return found


def turned(name: str, words: Sequence[str]) -> list[str]:
    """The VPS, then the ports, where these were typed the other way round; else nothing."""
    names = [word for word in words if not is_port(word)]
    return [*names, *(word for word in (name, *words) if is_port(word))] if is_port(name) and names else []


def is_port(word: str) -> bool:
    """Whether it can be nothing but `[LOCAL:]PORT`."""
    return bool(_PORTS.fullmatch(word))


def address(host: str, port: int, *, remote: int, udp: bool) -> str:
    """Where it is, as somebody wants to paste it: a URL where it is likely to be one."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if udp:
        return f"{where} (UDP)"
    if remote in _HTTPS:
        return f"https://{where}"
    return f"http://{where}" if remote in _HTTP else where


def _parse(word: str) -> Mapping:
    left, colon, right = word.rpartition(":")
    remote = _port(right, word)
    return Mapping(_port(left, word, least=0) if left else 0, remote) if colon else Mapping(remote, remote)


def _port(text: str, word: str, *, least: int = 1) -> int:
    if text.isascii() and text.isdigit() and least <= int(text) <= 65535:
        return int(text)
    raise failures.UsageError(
        f'invalid port "{text}": use a number from {least} to 65535',
        hint="write LOCAL:REMOTE where the ports differ",
    )
