"""What has to outlive the agent is noted before the deed, where the disk lets it be (CORRECTNESS 31).

Where it does not, what takes something away goes on all the same, for it makes room: `hold` keeps back only
what is to be started or made anew. keeper.py asks after each look, so that it goes on by itself.
"""

from kohakuriver.agent.data_dir import DataDirNotWritable
from kohakuriver.agent.deciding.memory import Durable, Hold
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.login.access import Access
from kohakuriver.agent.roster import Entry
from kohakuriver.agent.settings import Settings


class Notes:
    """The notes of one node's VPSes."""

    def __init__(self, journal: Journal, access: Access, *, settings: Settings) -> None:
        self._journal = journal
        self._access = access
        self._settings = settings

    async def host_key(self, entry: Entry) -> tuple[str, str]:
        """The public one, or why it cannot be had."""
        try:
            return entry.memory.host_key or await self._access.host_key(entry.desired), ""
        except OSError as error:
            return "", self.words(error)

    async def save(self, entry: Entry, durable: Durable) -> str:
        """Have the journal say it, and the history of the store that it is of. Why it does not, in words."""
        try:
            if entry.unsaved or durable != entry.saved:
                entry.unsaved = True
                await self._journal.save(entry.desired.uid, durable)
                entry.saved, entry.unsaved = durable, False
            await self._journal.settle_seen()
        except OSError as error:
            return self.words(error)
        return ""

    def words(self, error: OSError) -> str:
        """For a person."""
        why = error.strerror or str(error)
        return f"its notes in {self._settings.data_dir} of {self._settings.node} cannot be kept: {why}"


def hold(why: str) -> Hold:
    """Nothing is started or made anew meanwhile."""
    words = f"{why}; it is started as soon as they can be"
    return Hold(DataDirNotWritable.__name__, words, failed=True)
