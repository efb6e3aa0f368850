"""`kubectl attach`: which terminal it comes back to, and what it does without one."""

import asyncio
from typing import Any

import pytest

from kohakuriver.apiserver.kubelet.channels import V5
from kohakuriver.apiserver.kubelet.returning import newest
from tests.apiserver.kubelet.kit import POD, Dev, a_vps, query, status, told

pytestmark = pytest.mark.looptime


def session(id_: str, user: str = "alice", **more: Any) -> dict[str, Any]:
    """One that was left ten seconds ago, as the node tells it."""
    return {
        "session": id_,
        "user": user,
        "attached": False,
        "age": 60.0,
        "detached": 10.0,
        "ended": False,
    } | more


def test_it_is_the_one_that_its_caller_left_last():
    left = [session("a"), session("b", detached=5.0), session("c", "bob", detached=1.0)]
    assert newest(left, "alice") == "b"
    assert newest([session("a", ended=True)], "alice") is None
    assert newest([], "alice") is None


def test_one_that_nobody_is_at_goes_before_one_that_somebody_is_at():
    at = session("at", attached=True, detached=None, age=1.0)
    older = session("older", attached=True, detached=None, age=2.0)
    assert newest([older, at, session("left", detached=500.0)], "alice") == "left"
    assert newest([older, at], "alice") == "at"


def test_what_a_node_says_may_be_anything():
    assert newest([session("a", detached="x"), {"user": "bob"}], "alice") == "a"


async def attached(dev: Dev, sessions: list[dict[str, Any]]) -> tuple[Any, Any, dict[str, Any]]:
    """The client, the agent's end of the terminal, and what was asked for."""
    asks = query(stdin="true", tty="true", stderr="false")
    opening = asyncio.create_task(dev.websocket("attach", asks, V5))
    listing = await dev.asked()
    assert (listing["kind"], listing["params"]) == ("terminal", {"list": ["1"]})
    inside = await dev.bring(listing["id"])
    await inside.send_control({"sessions": sessions})
    inside.close()
    wanted = await dev.asked()
    terminal = await dev.bring(wanted["id"])
    return await opening, terminal, wanted


async def test_it_comes_back_with_what_was_missed():
    async with a_vps() as dev:
        client, terminal, wanted = await attached(dev, [session("kubectl-1"), session("main", detached=2.0)])
        assert wanted["params"] == {"session": ["main"], "create": ["0"], "redraw": ["1"]}
        await told(client)
        await terminal.send_control({"attached": {"session": "main", "output": 400, "input": 0}})
        await terminal.send(b"missed")
        assert await told(client) == (1, b"missed")
        await terminal.send_control({"exit": {"code": 0}})
        assert (await status(client))["status"] == "Success"


async def test_a_new_one_begins_with_the_size_of_its_client():
    async with a_vps() as dev:
        asks = query(stdin="true", tty="true", stderr="false")
        opening = asyncio.create_task(dev.websocket("attach", asks, V5))
        inside = await dev.bring((await dev.asked())["id"])
        await inside.send_control({"sessions": []})
        client = await opening
        await client.send_bytes(b'\x04{"Width":140,"Height":42}')
        wanted = await dev.asked()
        assert (wanted["params"]["rows"], wanted["params"]["cols"]) == (["42"], ["140"])
        await client.close()


async def test_who_has_left_none_gets_a_new_one():
    async with a_vps() as dev:
        client, terminal, wanted = await attached(dev, [session("of-bob", "bob")])
        assert list(wanted["params"]) == ["session"]
        assert wanted["params"]["session"][0].startswith("kubectl-")
        terminal.close()
        await client.close()


async def test_without_a_terminal_it_follows_what_the_main_process_writes():
    async with a_vps() as dev, dev.exec(part="attach") as (client, inside, wanted):
        assert (wanted["kind"], wanted["params"]) == ("logs", {"follow": ["1"], "tail": ["0"]})
        await told(client)
        await inside.send(b"written")
        assert await told(client) == (1, b"written")


async def test_input_without_a_terminal_is_refused_in_words():
    async with a_vps() as dev:
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": V5}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
        asks = {"headers": headers, "params": query(stdin="true")}
        reply = await dev.api.get(f"{POD}/attach", user="alice", **asks)
        assert reply.code == 400 and "kubectl attach -it dev" in reply.body["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("user", "path"), [("viewer", POD), ("alice", POD.replace("default", "team-b"))])
async def test_who_may_only_look_does_not_get_in(method, user, path):
    async with a_vps() as dev:
        assert (await dev.api.call(method, f"{path}/attach", user=user)).code == 403
