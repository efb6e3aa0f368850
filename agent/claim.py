"""What an agent names itself by to the API servers, beside the node's token (CORRECTNESS 21, 34).

The secret is made once for each data directory and stays there; what is sent is made from it and the holder's
name, so that a copy of this machine's disk is another. With it goes the number of the session, once the Lease
has it. Who has the token and not this is refused for as long as this agent renews the Lease.
"""

import hashlib
import hmac

from kohakuriver.resources import kinds


class Claim:
    """One agent process's."""

    def __init__(self, key: str, *, holder: str) -> None:
        self.holder = holder
        self._secret = hmac.new(key.encode(), holder.encode(), hashlib.sha256).hexdigest()
        self._number: int | None = None

    def opened(self, number: int) -> None:
        """The Lease has this session."""
        self._number = number

    def headers(self) -> dict[str, str]:
        """For every request to an API server."""
        number = "" if self._number is None else str(self._number)
        return {kinds.SESSION_HEADER: f"{number},{self._secret}"}
