"""`kubectl port-forward`: each connection that a client makes is one `forward` stream of ours into the VPS.

    SPDY in a WebSocket, or bare    any number of connections, each two streams: data, and words of an error
    a WebSocket with channels       one connection for each port of the URL, as Python's clients ask

The server ends the protocol, so that a connection is all that ends with the VPS, its agent, or a service that
does not listen yet: the client's next connection goes to what is there by then. kubectl ends its whole
forward at the first word of an error, so what went wrong with a connection is told by a reset alone. All of
it ends where another VPS has the name: whoever made that one did not let anybody into it by this.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import VISIT, happened, opened
from kohakuriver.apiserver.identity.access import Attributes
from kohakuriver.apiserver.kubelet import asked, channels, dialect
from kohakuriver.apiserver.kubelet.multiplex import Multiplex, Substream
from kohakuriver.apiserver.kubelet.ports import Ports
from kohakuriver.apiserver.kubelet.wire import LEAVES_WITHIN, Plain, Socket
from kohakuriver.apiserver.node_streams.upgrade import Upgraded
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming import opening
from kohakuriver.resources import kinds
from kohakuriver.streams.patience import PATIENCE, patiently
from kohakuriver.streams.stream import Stream

TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
BARE: Final = "portforward.k8s.io"
AT_ONCE: Final = 1000  # connections of one client; as many as an agent serves
STALLS_AFTER: Final = 30.0  # seconds for which one connection that is not read may hold up the others
MOST_PORTS: Final = 32  # of one URL
REPLACED: Final = "another VPS has the name"
TOLD: Final = 300  # connections that have a line in the audit log, of one client


class Near(Protocol):
    """One connection, as the client has it."""

    port: int

    async def receive(self) -> bytes | None:
        """The next bytes; None where the client sends no more. Raises Unreachable."""
        ...

    async def send(self, data: bytes) -> None:
        """Bytes, once there is room. Raises Unreachable."""
        ...

    def finish(self) -> None:
        """Nothing more comes from the VPS."""
        ...

    def done(self) -> None:
        """Both directions have ended in good order."""
        ...

    def failed(self, error: errors.KohakuRiverError) -> None:
        """It could not be made, or broke."""
        ...


async def forward(request: web.Request) -> web.StreamResponse:
    """Until the client goes."""
    call = Call.of(request, kinds.VPS)
    channelled = channels.PROTOCOLS[1:]
    spoken = dialect.agreed(request, websocket=(TUNNEL, *channelled), spdy=(BARE,), unnamed=channelled[0])
    ports = [] if spoken.protocol in (TUNNEL, BARE) else read_ports(request.query.getall("ports", []))
    found = await opening.look(call, "forward")
    forwarding = _Forwarding(call, found.uid)
    asks = {"port": ",".join(map(str, ports))} if ports else {}
    await opened(request, "forward", uid=found.uid, node=found.node, **asks)
    try:
        if ports:
            await _of_ports(request, spoken, forwarding, ports)
        else:
            await _of_streams(request, spoken, forwarding)
    finally:
        asked.tell(request, bytesIn=forwarding.came, bytesOut=forwarding.went, connections=forwarding.count)
    asked.tell_why(request, REPLACED if forwarding.is_over else "the client closed it")
    return Upgraded(request)


async def _of_streams(request: web.Request, spoken: dialect.Dialect, forwarding: "_Forwarding") -> None:
    """Serve any number of connections over SPDY/3.1."""
    multiplex = Multiplex(most=2 * AT_ONCE, stalls_after=STALLS_AFTER)
    multiplex.wire = Socket(multiplex) if spoken.is_websocket else Plain(multiplex)
    multiplex.wire.adopt(spoken.take(request))
    forwarding.end = multiplex.wire.abort
    halves: dict[str, Substream] = {}
    under_way: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as connections:
            while (stream := await multiplex.accept()) is not None:
                pair = _paired(halves, stream)
                if pair is not None:
                    task = connections.create_task(forwarding.serve(pair), name=f"forward to {pair.port}")
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
            for task in under_way:
                task.cancel()
    finally:
        multiplex.wire.abort()


async def _of_ports(
    request: web.Request, spoken: dialect.Dialect, forwarding: "_Forwarding", numbers: list[int]
) -> None:
    """Serve one connection to each of the ports."""
    ports = Ports(numbers)
    ports.adopt(spoken.take(request))
    try:
        await asked.first_of(_all(forwarding, ports), ports.wait_gone())
        ports.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVES_WITHIN):
                await ports.wait_gone()
    finally:
        ports.abort()


async def _all(forwarding: "_Forwarding", ports: Ports) -> None:
    async with asyncio.TaskGroup() as connections:
        for port in ports.all:
            connections.create_task(forwarding.serve(port), name=f"forward to {port.port}")


class _Forwarding:
    """Connections into one VPS. `end` is called once another VPS has its name."""

    def __init__(self, call: Call, uid: str) -> None:
        self._call = call
        self._uid = uid
        self.end: Callable[[], None] = lambda: None
        self.is_over = False
        self.came = self.went = self.count = 0

    async def serve(self, near: Near) -> None:
        """One connection, to its end."""
        self.count += 1
        try:
            with self._counted(near.port):
                far, ending = await patiently(
                    lambda: self._open(near.port), within=PATIENCE, clock=self._call.server.clock
                )
                async with ending:
                    await self._join(near, far)
            near.done()
        except errors.KohakuRiverError as error:
            near.failed(error)

    @contextlib.contextmanager
    def _counted(self, port: int) -> Iterator[None]:
        """Each connection is one more stream that its credential has open, and has a line of its own."""
        request, call = self._call.request, self._call
        caller = request[VISIT].caller
        assert caller is not None, "nobody gets here without"  # noqa: S101 - narrows the type
        wanted = Attributes("create", kinds.VPS, "forward", call.namespace, call.name)
        with call.server.limiter.turn(caller.credential, call.user, wanted, lasting=True):
            if self.count <= TOLD:
                happened(request, "connection", port=port)
            yield

    async def _open(self, port: int) -> tuple[Stream, contextlib.AsyncExitStack]:
        """A stream to that port as the VPS is now, and what ends it. Raises ApiError."""
        found = await opening.look(self._call, "forward")
        if found.uid != self._uid:
            self.is_over = True
            self.end()
            raise errors.Conflict(f"{self._call.name} is another VPS now", hint="forward to it anew")
        async with contextlib.AsyncExitStack() as stack:
            stream = asked.stream(self._call, "forward", found, {"port": [str(port)]})
            far = await stack.enter_async_context(stream)
            return far, stack.pop_all()

    async def _join(self, near: Near, far: Stream) -> None:
        """Copy both ways until the VPS's side has ended. Raises ApiError and Unreachable."""

        async def up() -> None:
            while (data := await near.receive()) is not None:
                self.came += len(data)
                await far.send(data)
            await far.send_control({"eof": True})
            await asyncio.get_running_loop().create_future()  # the other direction goes on

        async def down() -> None:
            while (found := await far.receive()) is not None:
                if isinstance(found, bytes):
                    self.went += len(found)
                    await near.send(found)
                elif "eof" in found:
                    near.finish()
                elif isinstance(found.get("error"), dict):
                    raise errors.from_status(found["error"])

        await asked.first_of(down(), up())


class _Pair:
    """A connection over SPDY: the stream of its data, and the one of its errors."""

    def __init__(self, port: int, data: Substream, error: Substream) -> None:
        self.port = port
        self.receive = data.receive
        self.send = data.send
        self.finish = data.finish
        self._data = data
        self._error = error

    def done(self) -> None:
        self._data.finish()
        self._error.finish()

    def failed(self, error: errors.KohakuRiverError) -> None:
        """Without a word: kubectl would take one for the end of the whole forward."""
        self._error.finish()
        self._data.reset()


def _paired(halves: dict[str, Substream], stream: Substream) -> _Pair | None:
    """The connection that this stream makes whole; None where it is the first of two, or makes no sense."""
    id_, port = stream.headers.get("requestid", ""), stream.headers.get("port", "")
    kind = stream.headers.get("streamtype", "")
    if not id_ or kind not in ("data", "error") or not _is_port(port):
        stream.reset()
        return None
    other = halves.pop(id_, None)
    if other is None:
        halves[id_] = stream
        _drop_the_lost(halves)
        return None
    found = {half.headers["streamtype"]: half for half in (other, stream)}
    if len(found) < 2 or other.headers["port"] != port:
        other.reset()
        stream.reset()
        return None
    return _Pair(int(port), found["data"], found["error"])


def _drop_the_lost(halves: dict[str, Substream]) -> None:
    """Halves whose other half has not come while so many more have been opened never get it."""
    while len(halves) > AT_ONCE:
        halves.pop(next(iter(halves))).reset()


def read_ports(texts: list[str]) -> list[int]:
    """The ports that a URL names, with commas or one by one. Raises BadRequest."""
    named = [text.strip() for one in texts for text in one.split(",") if text.strip()]
    if not named:
        raise errors.BadRequest("ports=N says which ports are meant", hint="numbers from 1 to 65535")
    if len(named) > MOST_PORTS:
        raise errors.BadRequest(f"{len(named)} ports are named", hint=f"name {MOST_PORTS} at most")
    for text in named:
        if not _is_port(text):
            raise errors.BadRequest(f'invalid port "{text[:20]}": use a number from 1 to 65535')
    return list(map(int, named))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535
