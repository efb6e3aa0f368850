"""Asks a VPS's sshd to prove its host key: the handshake that `running` and `SSHReady` stand for.

The loop calls `until_ready` right after a start; it knows nothing of containers or VPSes, only an address,
a port and the public key that must answer. It never logs in.
"""

import asyncio
import dataclasses
import enum
from typing import Final

from kohakuriver.agent.login import ssh_wire

_ATTEMPT: Final = 5.0  # seconds for one handshake: a busy machine takes its time over it
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.02, 0.25, 1.15
_LONGEST_BANNER: Final = 255
_PREAMBLE: Final = 50  # lines a server may send before its banner


class Verdict(enum.Enum):
    """What a handshake showed."""

    READY = "ready"
    NOT_YET = "not yet"
    WRONG_KEY = "wrong key"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, and in words what stands in the way."""

    verdict: Verdict
    message: str = ""


async def until_ready(address: str, port: int, *, host_key: str, patience: float) -> Answer:
    """Try again and again until it is ready, shows a wrong key, or `patience` seconds are over."""
    answer = Answer(Verdict.NOT_YET, f"nothing has answered on {address}:{port} yet")
    pause = _FIRST_PAUSE
    try:
        async with asyncio.timeout(patience):
            while True:
                answer = await probe(address, port, host_key=host_key)
                if answer.verdict is not Verdict.NOT_YET:
                    return answer
                await asyncio.sleep(pause)
                pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    except TimeoutError:
        return answer


async def probe(address: str, port: int, *, host_key: str, timeout: float = _ATTEMPT) -> Answer:
    """One handshake. `host_key` as known_hosts has it: `ssh-ed25519 AAAA…`."""
    try:
        async with asyncio.timeout(timeout):
            await _handshake(address, port, host_key)
    except ssh_wire.WrongKey as error:
        return Answer(Verdict.WRONG_KEY, str(error))
    except ConnectionRefusedError:
        return Answer(Verdict.NOT_YET, f"nothing listens on {address}:{port}")
    except TimeoutError:
        return Answer(Verdict.NOT_YET, f"{address}:{port} did not finish a handshake within {timeout:g} s")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionResetError, BrokenPipeError):
        return Answer(Verdict.NOT_YET, f"{address}:{port} hung up during the handshake")
    except (OSError, ValueError, ssh_wire.ProtocolError) as error:
        return Answer(Verdict.NOT_YET, f"{address}:{port}: {error}")
    return Answer(Verdict.READY)


async def _handshake(address: str, port: int, host_key: str) -> None:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(ssh_wire.BANNER + b"\r\n")
        exchange = ssh_wire.Exchange(server_banner=await _banner(reader), expected=host_key)
        writer.write(exchange.hello())
        writer.write(exchange.on_kexinit(await _expect(reader, ssh_wire.KEXINIT)))
        exchange.on_reply(await _expect(reader, ssh_wire.KEX_ECDH_REPLY))
        writer.write(ssh_wire.goodbye())
        await writer.drain()
    finally:
        writer.close()


async def _banner(reader: asyncio.StreamReader) -> bytes:
    for _ in range(_PREAMBLE):
        line = await reader.readuntil(b"\n")
        if line.startswith(b"SSH-2.0-") and len(line) <= _LONGEST_BANNER:
            return line.rstrip(b"\r\n")
    raise ssh_wire.ProtocolError("what listens there is no SSH server")


async def _expect(reader: asyncio.StreamReader, kind: int) -> bytes:
    while True:
        length = int.from_bytes(await reader.readexactly(4), "big")
        if not 2 <= length <= ssh_wire.LARGEST_PACKET:
            raise ssh_wire.ProtocolError("what listens there is no SSH server")
        payload = ssh_wire.payload_of(await reader.readexactly(length))
        if payload[0] == kind:
            return payload
        if payload[0] == ssh_wire.DISCONNECT:
            raise ssh_wire.ProtocolError(f"it hung up: {ssh_wire.disconnect_reason(payload)}")
        if payload[0] not in ssh_wire.PASSED_OVER:
            raise ssh_wire.ProtocolError(f"it sent message {payload[0]} where {kind} was due")
