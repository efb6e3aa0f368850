"""What is asked for in vain leaves nothing behind; what is asked for twice is made once."""

import asyncio
import gc

import pytest

from kohakuriver import errors
from kohakuriver.agent.holder.sessions import Sessions, Wanted
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.execs import Execs


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
