"""The garbage collector of a server that holds much and throws little away.

A full collection looks at everything that is held, and keeps the event loop meanwhile: 70 ms with a thousand
watchers. What there is at start (modules, the cache) is left out of it for good, and it is done a tenth as
often; what has no cycles, and that is nearly all, never waits for it.
"""

import gc

RARER = 10


def settle() -> None:
    """Once, when everything that stays is there."""
    gc.collect()
    gc.freeze()
    young, middle, full = gc.get_threshold()
    gc.set_threshold(young, middle, full * RARER)
