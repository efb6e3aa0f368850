"""What the keys change: run states and deletions, by the verbs of `vps`, without waiting for the outcome.

What comes of it is seen on the screen, as everything else is. Requests are made beside the event loop.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from kohakuriver.cli.api.http import Api
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.tui.dashboard.adding import Asked
from kohakuriver.cli.vps import change, delete, manifest, runstate, submission
from kohakuriver.cli.vps.change import Verb
from kohakuriver.cli.vps.login import Login, has_default
from kohakuriver.cli.vps.submission import Order

Object = dict[str, Any]

CORES: Final = "1"  # as `vps create` has it by default
_VERBS = (runstate.STOP, runstate.START, runstate.PAUSE, runstate.RESUME, runstate.RESTART)
VERBS: Final[dict[str, Verb]] = {verb.name: verb for verb in _VERBS}
QUESTIONS: Final = {
    "stop": ("Stop {name}? What runs in it ends; its files are kept.", "Let it run", "Stop"),
    "delete": ("Delete {name}, with all of its files?", "Keep it", "Delete"),
}
"""What is asked before, the answer that changes nothing, and the one that means it."""


class Doing:
    """With the credential that the dashboard was started with."""

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self._settings, self._warn = settings, warn

    async def add(self, namespace: str, asked: Asked) -> str:
        """Create a VPS as `vps create` does, with the default key, or one that is made where there is none.

        What came of it, in words. Raises KohakuRiverError.
        """
        return await asyncio.to_thread(self._add, namespace, asked)

    def _add(self, namespace: str, asked: Asked) -> str:
        wanted = manifest.read(
            cores=asked.cores or CORES, memory=asked.memory or None, image=asked.image or None,
            target=None, container=None, privileged=False, security=None, mount=(), volume=(), env=(),
        )  # fmt: skip
        connection = self._settings.connection()._replace(namespace=namespace)
        api = Api(connection, timeout=self._settings.request_timeout, warn=self._warn)
        try:
            login = Login(gen_ssh_key=not has_default(Path.home()))
            vps, pair = submission.create(api, Order(wanted, login, Path.home()), asked.name or None)
            made = f"{vps['metadata']['name']} is created in {namespace}"
            return f"{made}; its key is {pair.private}" if pair is not None else made
        finally:
            api.close()

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
