"""`kubectl exec` over WebSockets: what goes in, what comes out, how it ends, and what is refused."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.apiserver.kubelet.channels import V4, V5
from kohakuriver.apiserver.kubelet.sizing import SAYS_SIZE_WITHIN
from kohakuriver.resources import kinds
from tests.apiserver.kubelet.kit import POD, Dev, a_vps, query, status, told

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("protocol", [V4, V5])
async def test_a_command_gets_its_input_and_its_output_goes_to_two_channels(protocol):
    async with (
        a_vps() as dev,
        dev.exec("cat", "-n", stdin="true", protocol=protocol) as (client, inside, asked),
    ):
        assert (asked["kind"], asked["user"]) == ("exec", "alice")
        assert asked["params"] == {"command": ["cat", "-n"], "stdin": ["1"]}
        assert client.protocol == protocol
        assert await told(client) == (1, b""), "it tells that the connection stands"
        await client.send_bytes(b"\x00typed")
        assert await inside.receive() == b"typed"
        await inside.send(b"out")
        assert await told(client) == (1, b"out")
        await inside.send_control({"channel": "stderr"})
        await inside.send(b"err")
        assert await told(client) == (2, b"err")
        await inside.send_control({"exit": {"code": 0}})
        assert await status(client) == {"metadata": {}, "status": "Success"}


async def test_input_ends_when_the_client_closes_its_channel():
    async with a_vps() as dev, dev.exec("cat", stdin="true") as (client, inside, _):
        await client.send_bytes(b"\x00last")
        await client.send_bytes(b"\xff\x00")
        assert await inside.receive() == b"last"
        assert await inside.receive() == {"eof": True}


async def test_text_of_a_client_is_input_like_any_other():
    async with a_vps() as dev, dev.exec("cat", stdin="true", protocol=V4) as (client, inside, _):
        await client.send_str("\x00größe")
        assert await inside.receive() == "größe".encode()


async def test_an_exit_code_is_told_as_kubectl_reads_it():
    async with a_vps() as dev, dev.exec("false") as (client, inside, _):
        await told(client)
        await inside.send_control({"exit": {"code": 7}})
        found = await status(client)
        assert (found["status"], found["reason"]) == ("Failure", "NonZeroExitCode")
        assert found["details"] == {"causes": [{"reason": "ExitCode", "message": "7"}]}


@contextlib.asynccontextmanager
async def a_shell(dev: Dev, *said: bytes) -> AsyncIterator[tuple[Any, Any, dict[str, Any]]]:
    """Like `dev.exec`, with a terminal, whose client says this as soon as its connection stands."""
    client = await dev.websocket("exec", query("sh", stdin="true", tty="true"), V5)
    await told(client)
    for one in said:
        await client.send_bytes(one)
    wanted = await dev.asked()
    inside = await dev.bring(wanted["id"])
    try:
        yield client, inside, wanted
    finally:
        await client.close()
        inside.framed.abort()


async def test_a_terminal_has_a_session_and_the_size_of_the_clients():
    async with a_vps() as dev, a_shell(dev, b'\x04{"Width":140,"Height":42}') as (client, inside, asked):
        assert asked["kind"] == "terminal"
        [session] = asked["params"]["session"]
        assert session.startswith("kubectl-") and asked["params"]["command"] == ["sh"]
        assert (asked["params"]["rows"], asked["params"]["cols"]) == (["42"], ["140"])
        await inside.send_control({"attached": {"session": session, "output": 0, "input": 0}})
        await client.send_bytes(b'\x04{"Width":90,"Height":30}')
        assert await inside.receive() == {"resize": {"rows": 30, "cols": 90}}
        await client.send_bytes(b"\x00ls\r")
        assert await inside.receive() == b"ls\r"
        await inside.send(b"x" * 100_000)
        got = 0
        while got < 100_000:
            channel, data = await told(client)
            assert channel == 1
            got += len(data)
        shown = await inside.receive()
        assert shown["output"] > 0, "the session is told what has been shown, or it would stop"


async def test_what_is_typed_before_the_size_is_known_is_kept():
    said = b"\x00stty size\r", b"\xff\x00", b'\x04{"Width":140,"Height":42}', b"\x00exit\r"
    async with a_vps() as dev, a_shell(dev, *said) as (_, inside, asked):
        assert (asked["params"]["rows"], asked["params"]["cols"]) == (["42"], ["140"])
        assert await inside.receive() == b"stty size\r"
        assert await inside.receive() == b"exit\r"


async def test_a_client_that_says_no_size_is_not_waited_for():
    async with a_vps() as dev:
        began = asyncio.get_running_loop().time()
        async with a_shell(dev, b"\x00ls\r") as (_, inside, asked):
            waited = asyncio.get_running_loop().time() - began
            assert waited == pytest.approx(SAYS_SIZE_WITHIN, abs=0.5)
            assert sorted(asked["params"]) == ["command", "session"]
            assert await inside.receive() == b"ls\r"


async def test_a_client_that_types_much_before_its_size_is_stopped():
    async with a_vps() as dev, a_shell(dev, *[b"\x00" + b"x" * 65536] * 4) as (_, inside, asked):
        assert "rows" not in asked["params"]
        got = 0
        while got < 4 * 65536:
            got += len(await inside.receive())
        assert got == 4 * 65536


async def test_a_client_that_goes_before_its_size_is_known_starts_nothing():
    async with a_vps() as dev:
        client = await dev.websocket("exec", query("sh", stdin="true", tty="true"), V5)
        await client.close()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10 * SAYS_SIZE_WITHIN):
                await dev.asked()


async def test_what_the_agent_refuses_of_a_terminal_is_told_in_the_same_words():
    async with a_vps() as dev:
        client = await dev.websocket("exec", query("sh", stdin="true", tty="true"), V5)
        await told(client)
        wanted = await dev.asked()
        refusal = errors.Forbidden("the container was made with spec.mounts", hint="restart it").to_status()
        await dev.control.send_control({"refuse": {"id": wanted["id"], "status": refusal}})
        found = await status(client)
        assert (found["code"], found["message"]) == (
            403,
            "the container was made with spec.mounts; restart it",
        )
        await client.close()


@pytest.mark.parametrize(
    "nonsense", [b"\x04", b"\x04{", b"\x04[]", b'\x04{"Width":0,"Height":0}', b"\x09x", b""]
)
async def test_a_size_that_is_none_and_channels_that_are_none_do_nothing(nonsense):
    async with a_vps() as dev, dev.exec("sh", stdin="true", tty="true") as (client, inside, _):
        await client.send_bytes(nonsense)
        await client.send_bytes(b"\x00after")
        assert await inside.receive() == b"after"


async def test_a_window_that_is_closed_does_not_end_its_shell():
    """kubectl says then that its input has ended, which a shell would take for its own end."""
    async with a_vps() as dev, dev.exec("sh", stdin="true", tty="true") as (client, inside, _):
        await client.send_bytes(b"\xff\x00")
        await client.send_bytes(b'\x04{"Width":80,"Height":24}')
        assert await inside.receive() == {"resize": {"rows": 24, "cols": 80}}
        await client.close()
        assert await inside.receive() is None


async def test_a_session_that_ends_for_a_reason_tells_it():
    async with a_vps() as dev, dev.exec("sh", stdin="true", tty="true") as (client, inside, _):
        await told(client)
        await inside.send_control({"end": {"reason": "TakenOver", "message": "the session was taken over"}})
        assert (await status(client))["message"] == "the session was taken over"


async def test_a_node_that_goes_in_the_middle_is_told_and_no_hang():
    async with a_vps() as dev, dev.exec("sleep", "1h") as (client, inside, _):
        await told(client)
        inside.framed.abort()
        found = await status(client)
        assert (found["status"], found["code"]) == ("Failure", 503)


async def test_a_client_that_goes_ends_the_stream_to_its_command():
    async with a_vps() as dev, dev.exec("sleep", "1h") as (client, inside, _):
        await client.close()
        assert await inside.receive() is None


async def test_what_nobody_asked_for_is_not_shown():
    async with a_vps() as dev, dev.exec("sh", stderr="false") as (client, inside, _):
        await told(client)
        await inside.send_control({"channel": "stderr"})
        await inside.send(b"hidden")
        await inside.send_control({"channel": "stdout"})
        await inside.send(b"shown")
        assert await told(client) == (1, b"shown")


async def test_output_that_nobody_reads_stays_where_it_is():
    """A client that stops reading stops the agent; what waits in the server has a bound."""
    async with a_vps() as dev, dev.exec("yes") as (client, inside, _):
        await told(client)
        assert client._conn is not None
        client._conn.protocol.pause_reading()
        sent = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while sent < 64 << 20:
                    await inside.send(b"y" * 65536)
                    sent += 65536
        assert sent < 32 << 20, "sockets have room for some of it, and the server for no more than that"


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("stopped", "dev is stopped; start it: kohakuriver vps start dev"),
        ("paused", "dev is paused; let it go on:"),
    ],
)
async def test_a_vps_that_cannot_be_entered_says_so_in_one_sentence_by_each_way(state, says):
    async with a_vps(state) as dev:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await dev.websocket("exec", query("sh"), V5)
        assert refused.value.status == 409
        for method, headers in (
            ("GET", {"Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Protocol": V5}),
            ("POST", {"Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": V4}),
        ):
            headers |= {"Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            reply = await dev.api.call(
                method, f"{POD}/exec", user="alice", params=query("sh"), headers=headers
            )
            assert (reply.code, reply.body["message"][: len(says)]) == (409, says)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("upgrade", ["websocket", "SPDY/3.1"])
async def test_who_may_only_look_does_not_get_in_by_any_way(method, upgrade):
    async with a_vps() as dev:
        headers = {"Connection": "Upgrade", "Upgrade": upgrade}
        for user, path in (("viewer", POD), ("alice", POD.replace("default", "team-b")), ("n1", POD)):
            reply = await dev.api.call(method, f"{path}/exec", user=user, params=query("sh"), headers=headers)
            assert (reply.code, reply.body["reason"]) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        (query(), "the command is empty"),
        (query("sh", container="other"), 'dev has no container "other"'),
        (query("sh", tty="maybe"), "invalid value for tty"),
        (query("sh", stdout="false", stderr="false"), "none of stdin, stdout and stderr"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(params, says):
    async with a_vps() as dev:
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": V5}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
        reply = await dev.api.call("GET", f"{POD}/exec", user="alice", params=params, headers=headers)
        assert reply.code == 400 and says in reply.body["message"]


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "is a stream, not a document"),
        ({"Upgrade": "websocket"}, "not a WebSocket handshake"),
        (
            {
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "x",
                "Sec-WebSocket-Protocol": "v1.channel.k8s.io, other",
            },
            "Sec-WebSocket-Protocol offers v1.channel.k8s.io, other",
        ),
    ],
)
async def test_a_handshake_of_another_kind_is_refused_in_words(headers, says):
    async with a_vps() as dev:
        if headers:
            headers = {"Connection": "Upgrade"} | headers
        reply = await dev.api.call("GET", f"{POD}/exec", user="alice", params=query("sh"), headers=headers)
        assert reply.code == 400 and says in reply.body["message"]


async def test_what_the_agent_refuses_is_refused_before_anything_is_upgraded():
    async with a_vps() as dev:
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": V5}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
        asking = asyncio.create_task(
            dev.api.call("GET", f"{POD}/exec", user="alice", params=query("sh"), headers=headers)
        )
        wanted = await dev.asked()
        refusal = errors.Forbidden("the container was made with spec.mounts", hint="restart it").to_status()
        await dev.control.send_control({"refuse": {"id": wanted["id"], "status": refusal}})
        reply = await asking
        assert (reply.code, reply.body["message"]) == (
            403,
            "the container was made with spec.mounts; restart it",
        )


async def test_a_command_ends_with_the_token_that_opened_it():
    async with a_vps() as dev:
        secret = "of bob"
        token = {"sha256": fingerprint(secret), "user": "bob", "role": "admin"}
        await dev.api.create(kinds.TOKEN, {"metadata": {"name": "bob"}, "spec": token})
        opening = asyncio.create_task(
            dev.api.session.ws_connect(
                f"{dev.api.url}{POD}/exec",
                params=query("sh"),
                protocols=(V5,),
                headers={"Authorization": f"Bearer {secret}"},
            )
        )
        inside = await dev.bring((await dev.asked())["id"])
        client = await opening
        await told(client)
        await dev.api.call("DELETE", kinds.TOKEN.path(name="bob"))
        assert (await client.receive()).type is not aiohttp.WSMsgType.BINARY
        with contextlib.suppress(errors.Unreachable):
            assert await inside.receive() is None


async def test_what_was_run_is_in_the_audit_log_before_the_node_is_asked_and_how_it_ended_behind(caplog):
    caplog.set_level(logging.INFO, "kohakuriver.apiserver.audit")
    async with a_vps() as dev:
        asking = asyncio.create_task(dev.websocket("exec", query("sh", "-c", "exit 7"), V5))
        wanted = await dev.asked()
        [line] = [one for one in caplog.records if one.getMessage() == "opened" and one.kind == "exec"]
        assert (line.command, line.who, line.node) == ("sh -c 'exit 7'", "alice", "n1")
        inside = await dev.bring(wanted["id"])
        client = await asking
        await told(client)
        await inside.send(b"out")
        await told(client)
        await inside.send_control({"exit": {"code": 7}})
        await status(client)
        await client.close()
        await asyncio.sleep(5)
        [line] = [one for one in caplog.records if getattr(one, "exit", None) == 7]
        assert (line.bytesIn, line.bytesOut, line.stream) == (0, 3, line.stream)


async def test_commands_leave_nothing_behind_in_the_server():
    async with a_vps() as dev:
        for _ in range(20):
            async with dev.exec("true") as (client, inside, _):
                await told(client)
                await inside.send_control({"exit": {"code": 0}})
                await status(client)
        await asyncio.sleep(5)
        assert len(dev.api.connections()) <= 2, "more than the control connection's and that of `place`"
