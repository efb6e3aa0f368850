"""An SSH client for machines without one: paramiko on a stream to the VPS. A terminal, or one command.

this terminal ◄──► paramiko ◄──► a socket pair ◄──► Joint on a loop of its own ◄──► the stream
"""

import asyncio
import concurrent.futures
import os
import select
import signal
import socket
import sys
import termios
import threading
import tty
from collections.abc import Sequence
from pathlib import Path

import paramiko

from kohakuriver import errors
from kohakuriver.cli import failures
from kohakuriver.cli.access import entrance, identity, looping
from kohakuriver.cli.access.ssh_proxy import PARAMS
from kohakuriver.cli.access.terminal import terminal_size
from kohakuriver.cli.api.http import Object
from kohakuriver.cli.session.opening import Opener
from kohakuriver.cli.view.standing import Reader
from kohakuriver.client.config import Connection
from kohakuriver.resources.view import VPS
from kohakuriver.streams.joint import Joint

_CHUNK = 1 << 15


def run(
    connection: Connection,
    vps: Object,
    *,
    host_key: str,
    key: Path | None,
    arguments: Sequence[str],
    home: Path,
    reader: Reader,
) -> int:
    """Log in; the exit code of the shell or of the command. Raises KohakuRiverError."""
    if arguments and arguments[0].startswith("-"):
        raise failures.UsageError(
            f"the built-in client takes a command, and not ssh's option {arguments[0]}",
            hint="install an ssh for those (Debian: openssh-client)",
        )
    ours, far = socket.socketpair()
    carrier = _Carrier(Opener(connection, vps["metadata"]["name"]), vps, far, reader)
    carrier.start()
    transport = paramiko.Transport(ours)
    try:
        transport.set_keepalive(30)
        _greet(transport, host_key, carrier)
        _log_in(transport, vps, key, home, reader)
        channel = transport.open_session()
        if arguments:
            channel.exec_command(" ".join(arguments))
        elif sys.stdin.isatty():
            return _terminal(channel)
        else:
            channel.invoke_shell()
        return _piped(channel)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise carrier.error or errors.Unreachable(f"the connection broke: {error or 'it ended'}") from error
    finally:
        transport.close()
        carrier.join(5)


class _Carrier(threading.Thread):
    """Joins a socket to a stream, on an event loop of its own."""

    def __init__(self, opener: Opener, vps: Object, far: socket.socket, reader: Reader) -> None:
        super().__init__(name="stream", daemon=True)
        self.error: errors.KohakuRiverError | None = None
        self._opener = opener
        self._vps = vps
        self._reader = reader
        self._far = far
        self.ready: concurrent.futures.Future[None] = concurrent.futures.Future()

    def run(self) -> None:
        looping.run(self._carry())

    async def _carry(self) -> int:
        try:
            stream, first = await self._opener.transport("forward", PARAMS)
        except errors.KohakuRiverError as error:
            is_silent = isinstance(error, errors.Conflict) and "ConnectionRefused" in error.details.values()
            self.error = entrance.silent(self._vps, reader=self._reader) if is_silent else error
            self._far.close()
            self.ready.set_exception(self.error)
            return 1
        self._far.setblocking(False)
        joint = Joint(masks=True)
        local, _ = await asyncio.get_running_loop().create_connection(lambda: joint, sock=self._far)
        joint.join(local, stream, first)
        self.ready.set_result(None)
        await joint.over
        self.error = joint.error
        local.close()
        joint.framed.close()
        return 0


def _greet(transport: paramiko.Transport, host_key: str, carrier: _Carrier) -> None:
    """Raises Unreachable where another key answers than the VPS has published."""
    carrier.ready.result()
    transport.get_security_options().key_types = (host_key.split()[0],)
    transport.start_client(timeout=15)
    answered = transport.get_remote_server_key()
    if f"{answered.get_name()} {answered.get_base64()}" != host_key:
        raise errors.Unreachable(
            "what answers has another host key than the VPS has published: nothing was sent to it",
            hint="try again; if it stays so, tell the cluster's administrator",
        )


def _log_in(transport: paramiko.Transport, vps: Object, key: Path | None, home: Path, reader: Reader) -> None:
    """By no password where none is needed, else by the keys there are. Raises ConfigError."""
    for attempt in _ways(vps, key, home):
        try:
            if attempt is None:
                transport.auth_none("root")
            else:
                transport.auth_publickey("root", attempt)
        except paramiko.BadAuthenticationType:
            continue
        except paramiko.AuthenticationException:
            continue
        if transport.is_authenticated():
            return
    raise errors.ConfigError(
        f"no key of yours may log in to {vps['metadata']['name']}",
        hint="name one with --key, or add yours to spec.ssh.authorizedKeys: "
        + reader.command(f"edit vps {vps['metadata']['name']}", vps),
    )


def _ways(vps: Object, key: Path | None, home: Path) -> list[paramiko.PKey | None]:
    if VPS.of(vps).spec.ssh.passwordless:
        return [None]
    files = [key] if key is not None else identity.defaults(home)
    found = [_loaded(file) for file in files]
    return [*found, *(() if key is not None else paramiko.Agent().get_keys())]


def _loaded(file: Path) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.RSAKey, paramiko.ECDSAKey):
        try:
            return kind.from_private_key_file(str(file))
        except paramiko.PasswordRequiredException:
            raise errors.ConfigError(
                f"{file} has a passphrase, which the built-in client does not ask for",
                hint="add it to an ssh-agent, or install an ssh (Debian: openssh-client)",
            ) from None
        except paramiko.SSHException:
            continue
    raise errors.ConfigError(
        f"{file} is not a private key that is understood", hint="name another with --key"
    )


def _piped(channel: paramiko.Channel) -> int:
    """Pipes in and out, stderr apart."""
    threading.Thread(target=_send_stdin, args=(channel,), daemon=True).start()
    errors_of = threading.Thread(target=_drain_stderr, args=(channel,), daemon=True)
    errors_of.start()
    while data := channel.recv(_CHUNK):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    errors_of.join()
    return channel.recv_exit_status()


def _send_stdin(channel: paramiko.Channel) -> None:
    try:
        while data := os.read(sys.stdin.fileno(), _CHUNK):
            channel.sendall(data)
        channel.shutdown_write()
    except OSError:
        pass  # the command has ended, and wants no more


def _drain_stderr(channel: paramiko.Channel) -> None:
    while data := channel.recv_stderr(_CHUNK):
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()


def _terminal(channel: paramiko.Channel) -> int:
    """This terminal is the VPS's until the shell ends."""
    rows, columns = terminal_size()
    channel.get_pty(os.environ.get("TERM", "xterm"), columns, rows)
    channel.invoke_shell()
    before = termios.tcgetattr(sys.stdin)
    resized, told = os.pipe()
    os.set_blocking(told, False)
    previous = signal.signal(signal.SIGWINCH, lambda *_: os.write(told, b"w"))
    try:
        tty.setraw(sys.stdin.fileno())
        _converse(channel, resized)
    finally:
        signal.signal(signal.SIGWINCH, previous)
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        os.close(resized)
        os.close(told)
    return channel.recv_exit_status()


def _converse(channel: paramiko.Channel, resized: int) -> None:
    stdin = sys.stdin.fileno()
    watched: list[paramiko.Channel | int] = [channel, stdin, resized]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if resized in ready:
            os.read(resized, _CHUNK)
            rows, columns = terminal_size()
            channel.resize_pty(columns, rows)
        if stdin in ready:
            typed = os.read(stdin, _CHUNK)
            if typed:
                channel.sendall(typed)
            else:
                watched.remove(stdin)
        if channel in ready:
            shown = channel.recv(_CHUNK)
            if not shown:
                return
            sys.stdout.buffer.write(shown)
            sys.stdout.buffer.flush()
