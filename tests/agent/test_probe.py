"""The readiness probe against SSH servers of paramiko's, on loopback."""

import asyncio
import base64
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import paramiko
import pytest

from kohakuriver.agent.login import probe, ssh, ssh_wire
from kohakuriver.agent.login.probe import Verdict


@pytest.fixture
def keys(tmp_path: Path) -> ssh.HostKeys:
    return ssh.HostKeys(tmp_path)


@contextlib.asynccontextmanager
async def an_ssh_server(key_path: Path) -> AsyncIterator[int]:
    """An SSH server with the host key in this file, for one connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        connection, _ = listener.accept()
        transport = paramiko.Transport(connection)
        transports.append(transport)
        transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(key_path)))
        with contextlib.suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=paramiko.ServerInterface())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        await asyncio.to_thread(thread.join)
        listener.close()
        for transport in transports:
            transport.close()
            transport.join()


@contextlib.asynccontextmanager
async def a_server_that_says(*chunks: bytes) -> AsyncIterator[int]:
    """Something that listens, says this, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(chunks))  # with writelines, Python 3.13 never gets over an empty one
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        is_over.set()

    is_over = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
        await is_over.wait()
    finally:
        server.close()


def a_free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_an_sshd_with_the_right_key_is_ready(keys: ssh.HostKeys, tmp_path: Path) -> None:
    key = keys.get("u1")
    async with an_ssh_server(tmp_path / "u1.ed25519") as port:
        answer = await probe.until_ready("127.0.0.1", port, host_key=key.public, patience=60)
    assert answer == probe.Answer(Verdict.READY)


async def test_an_sshd_with_another_key_is_not_ours(keys: ssh.HostKeys, tmp_path: Path) -> None:
    keys.get("u1")
    async with an_ssh_server(tmp_path / "u1.ed25519") as port:
        answer = await probe.until_ready("127.0.0.1", port, host_key=keys.get("u2").public, patience=60)
    assert answer.verdict is Verdict.WRONG_KEY


async def test_an_impostor_who_shows_the_key_without_holding_it_is_found_out(keys: ssh.HostKeys) -> None:
    key = keys.get("u1")
    exchange = ssh_wire.Exchange(server_banner=b"SSH-2.0-x", expected=key.public)
    offer = bytes([ssh_wire.KEXINIT]) + bytes(16)
    exchange.on_kexinit(offer + b"".join(_string(name) for name in (b"curve25519-sha256", b"ssh-ed25519")))
    shown = _string(base64.b64decode(key.public.split()[1]))
    forged = _string(_string(b"ssh-ed25519") + _string(bytes(64)))
    with pytest.raises(ssh_wire.WrongKey, match="does not hold"):
        exchange.on_reply(bytes([ssh_wire.KEX_ECDH_REPLY]) + shown + _string(b"\x09" + bytes(31)) + forged)


async def test_nothing_that_listens_is_not_yet(keys: ssh.HostKeys) -> None:
    port = a_free_port()
    answer = await probe.until_ready("127.0.0.1", port, host_key=keys.get("u1").public, patience=0.1)
    assert answer == probe.Answer(Verdict.NOT_YET, f"nothing listens on 127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "hung up"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "hung up"),
        (b"hello\n" * 60, "no SSH server"),
        (b"SSH-2.0-x\r\n\xff\xff\xff\xff", "no SSH server"),
        (b"SSH-2.0-x\r\n\x00\x00\x00\x02\xff\x00", "without content"),
        (b"SSH-2.0-x\r\n" + ssh_wire.packet(bytes([ssh_wire.KEXINIT]) + bytes(16)), "ends too early"),
        (b"SSH-2.0-x\r\n" + ssh_wire.packet(b"\x63"), "message 99"),
        (b"SSH-2.0-x\r\n" + ssh_wire.goodbye(), "readiness probe"),
    ],
    ids=["silence", "http", "chatter", "huge packet", "empty packet", "cut packet", "odd packet", "goodbye"],
)
async def test_what_is_no_sshd_is_not_yet_and_says_why(keys: ssh.HostKeys, said: bytes, words: str) -> None:
    async with a_server_that_says(said) as port:
        answer = await probe.probe("127.0.0.1", port, host_key=keys.get("u1").public)
    assert answer.verdict is Verdict.NOT_YET
    assert words in answer.message


async def test_a_server_that_keeps_silent_is_given_up(keys: ssh.HostKeys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answer = await probe.probe("127.0.0.1", port, host_key=keys.get("u1").public, timeout=0.05)
    assert answer.verdict is Verdict.NOT_YET
    assert "did not finish" in answer.message


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
