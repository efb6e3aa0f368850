"""What the keys do with a VPS: ask where something would be lost, do it, and say what came of it.

Everything goes on beside the screen; an error is shown, and ends nothing else.
"""

from collections.abc import Coroutine
from typing import Any

from textual.app import App

from kohakuriver import errors
from kohakuriver.cli.access.ssh import program
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.tui.dashboard import outside
from kohakuriver.cli.tui.dashboard.adding import Adding, Asked
from kohakuriver.cli.tui.dashboard.doing import QUESTIONS, Doing
from kohakuriver.cli.tui.dashboard.forwards import Forwards
from kohakuriver.cli.tui.dashboard.logs import Logs
from kohakuriver.cli.tui.ide.asking import Choice, Line
from kohakuriver.clock import Clock

Object = dict[str, Any]


class Hands:
    """What the keys of one dashboard do with a VPS."""

    def __init__(self, app: App[int], settings: Settings, clock: Clock) -> None:
        self._app, self._settings, self._clock = app, settings, clock
        self.is_outside = False  # another command has the terminal
        self.forwards = Forwards(settings.connection(), self._warn)
        self._doing = Doing(settings, lambda words: app.call_from_thread(self._warn, words))

    def take(self, what: str, vps: Object) -> None:
        """Begin: "connect", "logs", "forward", "delete", or a verb of the run state."""
        works = {"connect": self._connect, "logs": self._logs, "forward": self._forward}
        work = works[what](vps) if what in works else self._carry_out(what, vps)
        self._app.run_worker(self._told(work), group="hands")

    def add(self, namespace: str) -> None:
        """Begin to create a VPS there."""
        self._app.run_worker(self._told(self._add(namespace)), group="hands")

    async def _add(self, namespace: str) -> None:
        """What is refused is asked again, with what was typed."""
        asked = Asked()
        while (typed := await self._app.push_screen_wait(Adding(namespace, asked))) is not None:
            asked = typed
            try:
                self._app.notify(await self._doing.add(namespace, asked), markup=False)
                return
            except errors.KohakuRiverError as error:
                self._complain(error)

    def _complain(self, error: Exception) -> None:
        hint = getattr(error, "hint", "")
        self._app.notify(f"{error}" + (f"\n{hint}" if hint else ""), severity="error", markup=False)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (errors.KohakuRiverError, OSError) as error:
            self._complain(error)

    def _warn(self, words: str) -> None:
        self._app.notify(words, severity="warning", markup=False)

    async def _carry_out(self, what: str, vps: Object) -> None:
        if what in QUESTIONS:
            question, *answers = QUESTIONS[what]
            asked = Choice(question.format(name=vps["metadata"]["name"]), *answers)
            if await self._app.push_screen_wait(asked) != answers[-1]:
                return
        self._app.notify(await self._doing.carry_out(what, vps), markup=False)

    async def _connect(self, vps: Object) -> None:
        metadata = vps["metadata"]
        words = ["connect", metadata["name"], "--namespace", metadata["namespace"]]
        self.is_outside = True
        try:
            await outside.run(self._app, [*program(self._settings), *words])
        finally:
            self.is_outside = False

    async def _logs(self, vps: Object) -> None:
        target = Target(self._settings, vps)
        heading = f"logs of {target.name}"
        logs = Logs(heading, lambda params: target.stream("logs", params), clock=self._clock)
        await self._app.push_screen(logs)

    async def _forward(self, vps: Object) -> None:
        name = vps["metadata"]["name"]
        question = f"Which port of {name}? LOCAL:PORT where another one is wanted here."
        words = await self._app.push_screen_wait(Line(question))
        if words:
            begun = await self.forwards.begin(vps, words)
            self._app.notify("\n".join(f"{one.title} is at {one.url}" for one in begun), markup=False)
