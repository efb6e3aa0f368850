"""The dashboard on the real API server over the in-memory store, and what a person does with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.tui.dashboard.app import Dashboard
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.clock import SystemClock
from tests.apiserver.api import token_of
from tests.cli.shell import Shell
from tests.cli.vps.objects import NOW


class StillClock(SystemClock):
    """It is always noon, so that ages are the same in every run."""

    def now(self):  # type: ignore[no-untyped-def]
        return NOW


class TellingDashboard(Dashboard):
    """Keeps what it told: the notes themselves fade after seconds of real time."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(settings, **options)
        self.told: list[str] = []

    def notify(self, message: str, **options: Any) -> None:
        self.told.append(message)
        super().notify(message, **options)


class Watcher:
    """Somebody in front of one dashboard."""

    def __init__(self, app: TellingDashboard, pilot: Pilot[int], world: Shell) -> None:
        self.app, self.pilot, self.world = app, pilot, world

    async def until(self, question: Callable[[], object]) -> None:
        """The world behind it takes its time."""
        try:
            async with asyncio.timeout(60):
                while not question():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"it did not come about; the screen:\n{self.screen()}") from None
        await self.pilot.pause()

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen() for text in texts))

    async def sees_no(self, text: str) -> None:
        await self.until(lambda: text not in self.screen())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        names = {" ": "space", "!": "exclamation_mark", "-": "minus"}
        await self.press(*(names.get(char, char) for char in text))

    async def answer(self, label: str) -> None:
        """Press that button of the question that is asked."""
        await self.until(lambda: self.app.screen.query("Button"))
        buttons = {str(button.label): button for button in self.app.screen.query("Button")}
        buttons[label].press()
        await self.until(lambda: not buttons[label].is_attached)

    def lines(self) -> list[str]:
        """What is on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def screen(self) -> str:
        return "\n".join(self.lines()) + "\n"

    def notes(self) -> str:
        """All that it told."""
        return " | ".join(self.app.told)


@pytest.fixture
def watcher(shell: Shell) -> Callable[..., contextlib.AbstractAsyncContextManager[Watcher]]:
    @contextlib.asynccontextmanager
    async def make(
        size: tuple[int, int] = (80, 24), *, user: str = "admin", others: tuple[str, ...] = (), **options
    ) -> AsyncIterator[Watcher]:
        connection = Connection(shell.url or shell.api.url, others=others, token=token_of(user))
        file = shell.folder / "config"
        config.write(file, connection, cluster="test", user=user)
        options = {"namespace": "default", "clock": StillClock(), **options}
        app = TellingDashboard(Settings(config=file), **options)
        async with app.run_test(size=size) as pilot:
            yield Watcher(app, pilot, shell)

    return make
