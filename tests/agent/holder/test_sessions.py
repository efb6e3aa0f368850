"""What is asked for in vain leaves nothing behind; what is asked for twice is made once."""

import asyncio
import gc
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.agent.holder.session import Size
from kohakuriver.agent.holder.sessions import Sessions, Wanted
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.execs import Execs
from tests.agent.holder.memory import Wire


def locks() -> int:
    gc.collect()
    return sum(isinstance(one, asyncio.Lock) for one in gc.get_objects())


async def test_sessions_that_never_were_leave_nothing_behind(tmp_path):
    async def never(*_: object) -> None:
        raise AssertionError

    sessions = Sessions(Execs(EngineSocket(str(tmp_path / "none.sock"))), spawn=never)
    before = locks()
    for number in range(100):
        with pytest.raises(errors.NotFound):
            await sessions.attach(Wanted("u1", "c1", f"s{number}", "anna", create=False))
    assert locks() == before


class Engine(EngineSocket):
    """Has one container that runs, and writes down how commands are started in it."""

    def __init__(self) -> None:
        super().__init__("/nowhere")
        self.started: list[Any] = []

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        return {"Id": "e1", "State": {"Running": True}, "Config": {}}

    async def open(
        self, method: str, path: str, protocol: Any, body: Any = None, *, upgrade: bool = False
    ) -> Any:
        self.started.append(body)
        protocol.connection_made(Wire())
        return protocol


@pytest.mark.parametrize(("size", "told"), [(Size(42, 140), {"ConsoleSize": (42, 140)}), (None, {})])
async def test_a_program_begins_with_the_size_of_its_terminal(size, told):
    engine = Engine()
    sessions = Sessions(Execs(engine), spawn=lambda work: work.close())
    ready = await sessions.attach(Wanted("u1", "c1", "s1", "anna", size=size))
    assert engine.started == [{"Detach": False, "Tty": True} | told]
    ready.session.discard()
