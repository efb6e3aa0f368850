"""The lifecycle's handlers on kopf: gather, hand over, return. The only file that knows kopf.

kopf follows Nodes, whose changes are rare and whose coming, going and returning start the lifecycle's work.
`on.event` alone is used and posting is off, so kopf writes nothing to anybody's object. VPSes and Leases
come through `kohakuriver.client.watch`: kopf spends 0.3 ms and a task on each event, which at the rates of
binding and heartbeats would cost more than the work itself (docs/design/001-one-path.md, "Heartbeat and
loss").
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import Any

import kopf
import tenacity

from kohakuriver.client.config import Connection
from kohakuriver.client.watch import ObjectKey
from kohakuriver.resources.kinds import NODE

log = logging.getLogger(__name__)
logging.getLogger("kopf").setLevel(logging.CRITICAL)  # it tells of every event; its end is told here

NodeListener = Callable[[ObjectKey, dict[str, Any], bool], None]


async def run(
    connection: Callable[[], Connection], on_node: NodeListener, started: Callable[[], None]
) -> None:
    """Host the handlers for ever. `on_node` gets the key, the Node as it is, and whether it is gone;
    `connection` says at each start which server is in use.

    kopf takes SIGINT and SIGTERM for itself when it starts: they are freed again, and `started` is called.
    It ends when the API server answers it with an error for long; then it is started anew, and lists anew.
    """
    async for attempt in tenacity.AsyncRetrying(
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=10.0), before_sleep=_log_retry
    ):
        with attempt:
            await _run_once(connection(), on_node, started)


async def _run_once(connection: Connection, on_node: NodeListener, started: Callable[[], None]) -> None:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.watching.connect_timeout = 10.0
    settings.process.ultimate_exiting_timeout = (
        None  # else it kills the whole process some time after the end
    )
    tasks = await kopf.spawn_tasks(
        registry=registry(connection, on_node), settings=settings, standalone=True, clusterwide=True
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)
    started()
    # Not kopf.operator: when that ends, it cancels every task of the loop that is younger than itself.
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise RuntimeError("kopf has ended by itself")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("kopf has ended and is started again", extra={"error": str(error)[:200]})


def registry(connection: Connection, on_node: NodeListener) -> kopf.OperatorRegistry:
    """The handlers, bound to one API server and one listener."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_data=connection.ca,
            insecure=not connection.verify,
            token=connection.token,
            certificate_path=connection.client_cert,
            private_key_path=connection.client_key,
            certificate_data=connection.client_pair[0] if connection.client_pair else None,
            private_key_data=connection.client_pair[1] if connection.client_pair else None,
        )

    @kopf.on.event(NODE.group, NODE.version, NODE.plural, registry=handlers)
    async def node(event: kopf.RawEvent, **_: Any) -> None:
        body: dict[str, Any] = dict(event["object"])
        on_node(ObjectKey("", body["metadata"]["name"]), body, event["type"] == "DELETED")

    return handlers
