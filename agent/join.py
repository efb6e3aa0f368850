"""`agent --join`: this machine's own credential as a node, got with a join token and kept in its files.

    agent.joining: a secret of our own ── the server's authority, compared with --ca-hash ── POST …/join: its
    hash ── agent.config

The authority is pinned before the join token is sent, and of the secret only the hash is sent for it. Killed
at any point, the same command goes on. Who has an agent.config that the server takes needs no token any more.
"""

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import tenacity

from kohakuriver import errors, private_file
from kohakuriver.agent.settings import Join
from kohakuriver.client import authority, config
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

CLUSTER = "kohakuriver"  # the name of cluster and context in the config file
PROGRAM = "kohakuriver-agent-join"
_LARGEST = 64 * 1024  # bytes of an authority's certificate
_PATIENCE = 10.0  # seconds for one request
_WAITS = 30.0  # seconds for a server to be there


def kept(data_dir: Path) -> Path:
    """Where a node's own credential lies."""
    return data_dir / "agent.config"


async def connection(wanted: Join, *, node: str, data_dir: Path) -> Connection:
    """The connection of this node. Raises ConfigError, and what the server says."""
    file = kept(data_dir)
    if file.exists():
        found = _at(wanted, file)
        if await _is_taken(found):
            return found
        log.warning("this node's credential is good no more; joining anew", extra={"node": node})
        (data_dir / "agent.joining").unlink(missing_ok=True)
    ca = await _waiting(lambda: _authority(wanted))
    secret = _secret(data_dir / "agent.joining")
    asking = Connection(server=wanted.server, token=wanted.token, ca=ca)
    await _waiting(lambda: _join(asking, node, secret))
    made = Connection(server=wanted.server, token=secret, ca=ca)
    config.write(file, made, cluster=CLUSTER, user=f"node:{node}")
    (data_dir / "agent.joining").unlink(missing_ok=True)
    log.info("joined", extra={"node": node, "server": wanted.server, "config": str(file)})
    return made


def _at(wanted: Join, file: Path) -> Connection:
    """What was kept, at the address that is asked for now. Raises ConfigError if it is another cluster's."""
    found = config.load(file)
    if wanted.ca_hash and authority.hash_of(found.ca or b"") != wanted.ca_hash:
        raise errors.ConfigError(
            f"{file} is the credential of another cluster than that of --ca-hash",
            hint="name another --data-dir, or take that one away",
        )
    return Connection(server=wanted.server, token=found.token, ca=found.ca)


async def _is_taken(found: Connection) -> bool:
    """Whether the server still takes it. One that does not answer is asked by the agent itself."""
    try:
        async with Client(found, program=PROGRAM, timeout=_PATIENCE) as client:
            await client.get(kinds.NAMESPACE, kinds.SYSTEM_NAMESPACE)
    except errors.Unauthorized:
        return False
    except errors.Forbidden as error:
        return not any(cause.reason == "NodeForgotten" for cause in error.causes)
    except errors.KohakuRiverError:
        return True
    return True


def _secret(file: Path) -> str:
    """The bearer token that this machine will have, the same after a crash."""
    if not file.exists():
        private_file.write(file, secrets.token_urlsafe(32))
    return file.read_text().strip()


async def _authority(wanted: Join) -> bytes | None:
    """The certificate that the hash names; None where the system's own authorities are to be trusted."""
    if not wanted.ca_hash:
        return None
    url = f"{wanted.server}/cacert"
    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        # Nothing is believed of this answer but what has the right hash, and nothing is sent along.
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, ssl=False, allow_redirects=False) as reply,
        ):
            content = await reply.content.read(_LARGEST)
            status = reply.status
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        raise errors.Unreachable(
            f"{wanted.server} cannot be reached: {error or type(error).__name__}",
            hint="is that its address, and does it listen there? see kohakuriver up --advertise",
        ) from error
    if status != 200:
        raise errors.ConfigError(
            f"{url} does not show who signed its certificate (HTTP {status})",
            hint="is this a KohakuRiver API server, started with --tls-ca?",
        )
    return authority.pinned(content, wanted.ca_hash, server=wanted.server)


async def _join(asking: Connection, node: str, secret: str) -> bytes | None:
    """Have the secret's hash made this node's credential."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    async with Client(asking, program=PROGRAM, timeout=_PATIENCE) as client:
        await client.act(kinds.NODE, node, "join", {"sha256": digest})
    return None


async def _waiting(ask: Callable[[], Awaitable[bytes | None]]) -> bytes | None:
    """Ask again while the server is away, for a while: somebody sits before this command."""
    async for attempt in tenacity.AsyncRetrying(
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=3.0),
        stop=tenacity.stop_after_delay(_WAITS),
        retry=tenacity.retry_if_exception_type(errors.RETRYABLE),
        reraise=True,
    ):
        with attempt:
            return await ask()
    raise AssertionError("either an answer or the last error came")
