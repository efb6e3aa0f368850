"""The capabilities of Linux by their names, and which of them root in a VPS has by default. Pure.

Names are capabilities(7)'s without `CAP_`, in capitals, as Docker writes them.
"""

import difflib
from collections.abc import Mapping
from typing import Any, Final

ALL: Final = "ALL"  # in `drop`: every one of them

DEFAULT: Final = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""Docker's default without those in `WITHHELD`."""

WITHHELD: Final = ("MKNOD", "NET_RAW")
"""Docker's default has them, and a VPS has not: devices, and forged packets on the bridge of its node."""

KNOWN: Final = DEFAULT | frozenset(
    {
        *WITHHELD,
        "AUDIT_CONTROL",
        "AUDIT_READ",
        "BLOCK_SUSPEND",
        "BPF",
        "CHECKPOINT_RESTORE",
        "DAC_READ_SEARCH",
        "IPC_LOCK",
        "IPC_OWNER",
        "LEASE",
        "LINUX_IMMUTABLE",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "NET_ADMIN",
        "NET_BROADCAST",
        "PERFMON",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_MODULE",
        "SYS_NICE",
        "SYS_PACCT",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "SYSLOG",
        "WAKE_ALARM",
    }
)
"""All of Linux 5.9, which later ones have not added to."""


def parse(text: str) -> str:
    """The name of one capability. Raises ValueError with what was probably meant."""
    if text in KNOWN:
        return text
    bare = text.upper().removeprefix("CAP_").replace("-", "_")
    if bare in KNOWN:
        raise ValueError(f'invalid capability "{text[:40]}": write {bare}')
    close = difflib.get_close_matches(bare[:40], sorted(KNOWN), n=1)
    if close:
        raise ValueError(f'unknown capability "{text[:40]}": did you mean {close[0]}?')
    raise ValueError(f'unknown capability "{text[:40]}": use one of {", ".join(sorted(KNOWN))}')


def beyond_default(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """What the spec of a VPS adds to the default, sorted. To add what is in the default gives nothing, and
    neither does what is not of the right shape."""
    added: Any = spec
    for field in ("security", "capabilities", "add"):
        added = added.get(field) if isinstance(added, Mapping) else None
    named = {name for name in added if isinstance(name, str)} if isinstance(added, list) else set[str]()
    return tuple(sorted(named - DEFAULT))
