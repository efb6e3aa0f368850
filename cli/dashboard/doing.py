"""What the keys change: run states and deletions, by the verbs of `vps`, without waiting for the outcome.

What comes of it is seen on the screen, as everything else is. Requests are made beside the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from kohakuriver.cli.http import Api
from kohakuriver.cli.settings import Settings
from kohakuriver.cli.vps import change, delete, pause, restart, resume, start, stop
from kohakuriver.cli.vps.change import Verb

Object = dict[str, Any]

VERBS: Final[dict[str, Verb]] = {
    verb.name: verb for verb in (stop.VERB, start.VERB, pause.VERB, resume.VERB, restart.VERB)
}
QUESTIONS: Final = {
    "stop": ("Stop {name}? What runs in it ends; its files are kept.", "Let it run", "Stop"),
    "delete": ("Delete {name}, with all of its files?", "Keep it", "Delete"),
}
"""What is asked before, the answer that changes nothing, and the one that means it."""


class Doing:
    """With the credential that the dashboard was started with."""

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self._settings, self._warn = settings, warn

    async def carry_out(self, what: str, vps: Object) -> str:
        """A verb, or "delete"; what will be so. Raises KohakuRiverError."""
        return await asyncio.to_thread(self._carry_out, what, vps)

    def _carry_out(self, what: str, vps: Object) -> str:
        name = vps["metadata"]["name"]
        connection = self._settings.connection()
        api = Api(connection, timeout=self._settings.request_timeout, warn=self._warn)
        try:
            if what == "delete":
                delete.ask(api, vps)
                return f"{name} is being deleted"
            verb = VERBS[what]
            change.declare(api, vps, verb.spec(vps))
            return f"{name} will be {verb.done}"
        finally:
            api.close()
