"""The IDE on the real files service over a folder, with a shell that the test plays."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.tui.ide.app import Ide, World
from kohakuriver.cli.tui.ide.editor import Editor
from kohakuriver.cli.tui.ide.terminal.pane import Pane
from kohakuriver.cli.tui.ide.tree import FileTree
from kohakuriver.streams.stream import Stream
from tests.files import Link, adopted


class PlayedShell:
    """The agent's end of terminal streams."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.asked: list[dict[str, str]] = []
        self.typed = b""
        self.controls: list[dict] = []
        self.sent = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def dial(self, params: list[tuple[str, str]]) -> Stream:
        near, far = socket.socketpair()
        client, agent = await adopted(near, Stream(masks=True)), await adopted(far, Stream(masks=False))
        self.asked.append(dict(params))
        created = dict(params).get("create") != "0"
        facts = {
            "session": "s",
            "created": created,
            "output": self.sent,
            "input": len(self.typed),
            "missed": 0,
        }
        await agent.send_control({"attached": {**facts, "attachment": len(self.asked), "detachedFor": 300}})
        self.streams.append(agent)
        self._tasks.append(asyncio.create_task(self._listen(agent)))
        return client

    async def say(self, text: str) -> None:
        data = text.encode()
        self.sent += len(data)
        await self.streams[-1].send(data)

    def cut(self) -> None:
        self.streams[-1].framed.abort()

    def end(self) -> None:
        for stream in self.streams:
            stream.framed.abort()

    async def _listen(self, stream: Stream) -> None:
        with contextlib.suppress(Exception):
            while (message := await stream.receive()) is not None:
                if isinstance(message, bytes):
                    self.typed += message
                else:
                    self.controls.append(message)


class TellingIde(Ide):
    """Keeps what it told: the notes themselves fade after seconds of real time."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.told: list[str] = []

    def notify(self, message: str, **options: Any) -> None:
        self.told.append(message)
        super().notify(message, **options)


class Desk:
    """One IDE, and what a person does with it."""

    def __init__(
        self, app: TellingIde, pilot: Pilot[int], root: Path, link: Link, shell: PlayedShell
    ) -> None:
        self.app, self.pilot, self.root, self.link, self.shell = app, pilot, root, link, shell

    async def until(self, question: Callable[[], object]) -> None:
        """The world behind it takes its time."""
        async with asyncio.timeout(60):
            while not question():
                await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        await self.press(*("space" if char == " " else char for char in text))

    async def open(self, path: str) -> Editor:
        await self.app.open(path)
        await self.until(
            lambda: self.app.workbench.editor is not None and self.app.workbench.editor.opened.path == path
        )
        editor = self.app.workbench.editor
        assert editor is not None
        return editor

    async def answer(self, label: str) -> None:
        """Press that button of the question that is asked."""
        await self.until(lambda: len(self.app.screen_stack) > 1)
        buttons = [button for button in self.app.screen.query("Button") if str(button.label) == label]
        assert buttons, f"no answer {label!r} in {[str(b.label) for b in self.app.screen.query('Button')]}"
        buttons[0].press()
        await self.until(lambda: not buttons[0].is_attached)

    async def answer_line(self, text: str) -> None:
        await self.until(lambda: len(self.app.screen_stack) > 1)
        self.app.screen.query_one("Input").value = text
        await self.press("enter")

    @property
    def tree(self) -> FileTree:
        return self.app.query_one(FileTree)

    @property
    def pane(self) -> Pane:
        return self.app.query_one(Pane)

    def names(self) -> list[str]:
        """What the tree shows at its top."""
        return [str(node.label) for node in self.tree.root.children]

    def tabs(self) -> list[str]:
        return [str(tab.label) for tab in self.app.query("ContentTab")]

    def notes(self) -> str:
        """All that it told."""
        return " | ".join(self.app.told)

    def screen(self) -> str:
        """What the terminal shows."""
        return "\n".join(line.rstrip() for line in self.pane.emulated.display).rstrip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root folder of the VPS; home is /root."""
    made = tmp_path / "root"
    (made / "root/src").mkdir(parents=True)
    (made / "root/a.py").write_text("import os\n\n\ndef main():\n    return os\n")
    (made / "root/src/b.txt").write_text("second\n")
    (made / "root/.hidden").write_text("h\n")
    return made


@pytest.fixture
def desk(root: Path) -> Callable[..., contextlib.AbstractAsyncContextManager[Desk]]:
    @contextlib.asynccontextmanager
    async def make(size: tuple[int, int] = (100, 30)) -> AsyncIterator[Desk]:
        link, shell = Link(root), PlayedShell()
        world = World("dev", files=lambda: FilesClient(link.open), terminal=shell.dial, session=lambda: "s")
        app = TellingIde(world)
        async with app.run_test(size=size) as pilot:
            made = Desk(app, pilot, root, link, shell)
            await made.until(lambda: made.tree.root.children and shell.streams)
            yield made
        shell.end()
        await link.end()

    return make
