"""What this agent has brought to the engine: images carry no mark of who pulled them, so it is noted."""

import logging
from collections.abc import Mapping
from typing import Final

from kohakuriver import image_name
from kohakuriver.agent.deciding.unused import Fetched
from kohakuriver.agent.journal import Journal
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)

MOST: Final = 5_000  # images; of more, those that were used longest ago count as somebody else's


class Stock:
    """Images by their full names, on the agent's disk."""

    def __init__(self, journal: Journal, *, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._fetched = journal.load_fetched()

    @property
    def fetched(self) -> Mapping[str, Fetched]:
        return self._fetched

    def brought(self, reference: str, image_id: str) -> None:
        """The agent has pulled or loaded it, and it was not there before."""
        self._note(image_name.full(reference), image_id)

    def used(self, reference: str) -> None:
        """A container was made of it."""
        name = image_name.full(reference)
        known = self._fetched.get(name)
        if known is not None:
            self._note(name, known.id)

    def forget(self, name: str) -> None:
        """It is gone from the engine."""
        if self._fetched.pop(name, None) is not None:
            self._journal.save_fetched(self._fetched)

    def _note(self, name: str, image_id: str) -> None:
        self._fetched.pop(name, None)
        self._fetched[name] = Fetched(image_id, self._clock.now().timestamp())
        while len(self._fetched) > MOST:
            del self._fetched[next(iter(self._fetched))]
        self._journal.save_fetched(self._fetched)
