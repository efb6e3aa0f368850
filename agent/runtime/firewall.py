"""What the agent wants of the packet filter of its machine: read it, change it in one step, mend a bridge.

isolation.py decides which rules there must be and calls a `Firewall`; iptables.py carries it out on the
machine, fake_firewall.py in memory, and tests/agent/firewall_contract.py holds both to the same rules.
"""

from typing import Protocol

from kohakuriver.errors import KohakuRiverError


class FirewallError(KohakuRiverError):
    """The packet filter cannot be used from here; `reason` is one word for the condition."""

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class Firewall(Protocol):
    """The packet filter in which the engine has its rules."""

    async def rules(self) -> tuple[str, ...]:
        """The filter table as `iptables -S` prints it: chains (-P, -N), then rules (-A). FirewallError."""
        ...

    async def change(self, text: str) -> None:
        """Apply a text for `iptables-restore --noflush`, whole or not at all. FirewallError."""
        ...

    async def tame(self, bridge: str) -> None:
        """See to it that what passes the bridge meets the rules, and that it has no IPv6. FirewallError."""
        ...
