"""What the agent decides of one VPS, apart from what it does about it: no I/O, no clock, no framework.

desired      what the VPS object asks of this node
memory       what is known of it beyond what the engine shows; seed is its beginning
decide       desired, seen and known -> actions; recreation and restart are parts of that
status       what is said of it in the API; tell, what people are told
labels       how a container is known as a VPS's; strays are those that are nobody's
"""
