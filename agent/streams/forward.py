"""A port of a VPS: dialled inside the container's network namespace, so that its 127.0.0.1 is reached too.

The port is dialled before the stream is, so that a refused connection is refused in words.
"""

import asyncio
import errno
import ipaddress
import socket

from kohakuriver import errors
from kohakuriver.agent.machine.inside import Namespaces
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.agent.streams.packets import Packets
from kohakuriver.streams.joint import Joint

DIAL_WITHIN = 8.0  # seconds; the server waits ten for our answer


class Forward:
    """The door."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    async def open(self, opening: Opening) -> Opened:
        port = opening.number("port", 0, least=1, most=65535)
        if not port:
            raise errors.BadRequest("port=N says which port is meant", hint="a number from 1 to 65535")
        host = _address(opening.text("host", "127.0.0.1"))
        protocol = opening.text("protocol", "tcp")
        if protocol not in ("tcp", "udp"):
            raise errors.BadRequest(f"protocol={protocol!r} is neither tcp nor udp")
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
        made = await self._namespaces.make(opening.container, family, kind)
        try:
            async with asyncio.timeout(DIAL_WITHIN):
                await asyncio.get_running_loop().sock_connect(made, (str(host), port))
        except (OSError, TimeoutError) as error:
            made.close()
            raise _refusal(opening, host, port, error) from error
        except BaseException:
            made.close()
            raise
        return _Tcp(made) if protocol == "tcp" else Packets(made)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if text == "localhost" else text)
    except ValueError:
        raise errors.BadRequest(f"host={text!r} is not an IP address, as seen from inside the VPS") from None


def _refusal(opening: Opening, host: object, port: int, error: OSError | TimeoutError) -> errors.ApiError:
    where = f"port {port}" if str(host) == "127.0.0.1" else f"{host} port {port}"
    if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
        return errors.Conflict(
            f"nothing listens on {where} in {opening.vps}",
            hint=f"start the service in it, and see what listens: kohakuriver exec {opening.vps} -- ss -ltn",
            details={"reason": "ConnectionRefused"},
        )
    why = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
    return errors.Unavailable(f"{where} in {opening.vps} cannot be reached: {why}")


class _Tcp:
    """A connection into the container that stands ready."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        loop = asyncio.get_running_loop()
        joint = Joint(masks=False)  # from the start: what greets first (sshd) must not be missed
        local, _ = await loop.create_connection(lambda: joint, sock=self._socket)
        joint.join(local, transport, first)
        try:
            await joint.over
        finally:
            local.close()
            joint.framed.close()

    async def aclose(self) -> None:
        self._socket.close()
