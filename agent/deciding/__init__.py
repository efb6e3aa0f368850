"""What the agent decides of one VPS, apart from what it does about it: no I/O, no clock, no framework.

desired      what the VPS object asks of this node
memory       what is known of it beyond what the engine shows; seed begins it, learn brings it up to date
situation    desired, seen and known at one moment, and the facts that follow from the three
judge        situation -> verdict: what to do and what to say; news, recreation and restart are parts of that
status       the verdict as it stands in the API
labels       how a container is known as a VPS's; strays are those that are nobody's
"""
