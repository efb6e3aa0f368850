"""What the agent wants of the packet filter of its machine: read it, change it in one step, mend a bridge.

isolation.py decides which rules there must be and calls a `Firewall`; iptables.py carries it out on the
machine, fake_firewall.py in memory, and tests/agent/firewall_contract.py holds both to the same rules.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from kohakuriver.errors import KohakuRiverError

TABLE: Final = "mangle"  # where our rules are: no engine writes there what forwards or lets in


class FirewallError(KohakuRiverError):
    """The packet filter cannot be used from here; `reason` is one word for the condition."""

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class Firewall(Protocol):
    """The packet filter of the machine that the engine runs on."""

    async def rules(self, table: str = TABLE) -> tuple[str, ...]:
        """A table as `iptables -t TABLE -S` prints it: chains (-P, -N), then rules (-A). FirewallError."""
        ...

    async def change(self, text: str) -> None:
        """Apply a text for `iptables-restore --noflush`, whole or not at all. FirewallError."""
        ...

    async def tame(self, bridge: str) -> None:
        """See to it that what passes the bridge meets the rules, and that it has no IPv6. FirewallError."""
        ...


def without(listing: Sequence[str], chains: Sequence[str], table: str = TABLE) -> str:
    """The change that removes these chains, and others of their clusters, from the table so listed; empty
    where there are none."""
    starts = tuple(f"-N {chain.rpartition('-')[0]}-" for chain in chains)
    there = [line.removeprefix("-N ") for line in listing if line.startswith(starts)]
    jumps = [
        line.replace("-A ", "-D ", 1)
        for line in listing
        for chain in there
        if line.endswith((f" -j {chain}", f" -g {chain}"))
    ]
    gone = [*jumps, *(f"-F {chain}" for chain in there), *(f"-X {chain}" for chain in there)]
    return "\n".join([f"*{table}", *gone, "COMMIT", ""]) if there else ""
