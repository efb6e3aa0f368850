"""The agent's own look at who enters: by what the container was made with, whatever the spec says by then."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.agent.deciding.desired import Mount, Security
from kohakuriver.agent.runtime.base import Container
from kohakuriver.agent.streams.control import Controls
from kohakuriver.agent.streams.door import Opened, Opening
from tests.agent.builders import a_container, a_vps

pytestmark = pytest.mark.looptime

MOUNT = Mount("/srv", "/srv", read_only=False)
MADE = {
    "plain": a_container(),
    "privileged": a_container(a_vps(privileged=True)),
    "mounts": a_container(a_vps(mounts=(MOUNT,))),
    "capabilities": a_container(a_vps(security=Security(added=("SYS_PTRACE",)))),
}
KINDS = ("terminal", "exec", "files", "forward", "changes", "logs", "stats")


class Ready:
    """What stands ready, and is not fetched."""

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        """Nobody comes."""

    async def aclose(self) -> None:
        """Nothing to let go of."""


class Doors:
    """Every kind of stream, and what was opened by it."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    async def open(self, opening: Opening) -> Opened:
        self.opened.append(opening.kind)
        return Ready()


class Server:
    """A dialer and the control connection that it gets: one stream is asked for on it."""

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        self.framed = self
        self.refusals: list[Any] = []
        self.answered = asyncio.Event()
        self._messages = [{"open": wanted}, None]

    async def stream(self, path: str, **more: float) -> "Server":
        return self

    async def receive(self) -> Any:
        await asyncio.sleep(0)
        return self._messages.pop(0)

    async def send_control(self, message: Any) -> None:
        self.refusals.append(message["refuse"]["status"])
        self.answered.set()

    async def transport(self, path: str, *, upgrade: str) -> None:
        self.answered.set()
        raise errors.Unreachable("nobody waits for it")

    def abort(self) -> None:
        """It is over."""


async def asked(kind: str, container: Container, **rights: list[str]) -> tuple[list[str], list[Any]]:
    """What was opened, and what was refused."""

    async def find(uid: str, epoch: int) -> Container:
        return container

    async def lend(environment: str) -> Opened:
        return Ready()

    wanted = {
        "id": "1",
        "kind": kind,
        "namespace": "default",
        "name": "dev",
        "uid": "u",
        "epoch": 1,
        **rights,
    }
    server, doors = Server(wanted), Doors()
    every = dict.fromkeys(KINDS, doors)
    controls = Controls(server, node="n1", doors=every, find=find, lend=lend)  # type: ignore[arg-type]
    await controls.step()
    await server.answered.wait()
    return doors.opened, server.refusals


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", MADE)
async def test_a_container_is_entered_with_the_rights_that_it_was_made_with_alone(
    made: str, kind: str
) -> None:
    for held in ([], ["privileged"], ["mounts"], ["capabilities"], ["privileged", "mounts", "capabilities"]):
        opened, refusals = await asked(kind, MADE[made], rights=held)
        may = made == "plain" or made in held or kind in ("logs", "stats")
        assert opened == ([kind] if may else []), held
        assert [status["code"] for status in refusals] == ([] if may else [403]), held
        field = "security.capabilities.add" if made == "capabilities" else made
        assert all(f"made with spec.{field}" in status["message"] for status in refusals)


async def test_a_container_with_less_than_the_default_is_entered_without_a_right() -> None:
    less = Security(added=("CHOWN",), dropped=("ALL",), no_new_privileges=True)
    assert await asked("exec", a_container(a_vps(security=less)), rights=[]) == (["exec"], [])


@pytest.mark.parametrize("made", MADE)
async def test_a_server_that_does_not_say_who_has_which_right_is_served_as_before(made: str) -> None:
    assert await asked("exec", MADE[made]) == (["exec"], [])
