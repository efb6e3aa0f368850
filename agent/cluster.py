"""Which cluster this agent belongs to: read from the API at start. Every engine query is narrowed by it."""

import logging

import tenacity

from kohakuriver import errors
from kohakuriver.client.rest import Client
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)


async def cluster_id(client: Client) -> str:
    """The cluster's id. Waits for the API server as long as it takes; raises what waiting cannot mend."""
    async for attempt in tenacity.AsyncRetrying(
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=3.0),
        retry=tenacity.retry_if_exception_type(errors.RETRYABLE),
        before_sleep=_log,
    ):
        with attempt:
            namespace = await client.get(kinds.NAMESPACE, kinds.SYSTEM_NAMESPACE)
    found = (namespace["metadata"].get("annotations") or {}).get(kinds.CLUSTER_ID_ANNOTATION)
    if not found:
        raise errors.ConfigError(
            f"namespace {kinds.SYSTEM_NAMESPACE} does not carry the cluster's id",
            hint="is this a KohakuRiver API server, of this version?",
        )
    return str(found)


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if state.attempt_number in (1, 10) or state.attempt_number % 100 == 0:
        log.warning(
            "waiting for the API server", extra={"attempt": state.attempt_number, "error": str(error)}
        )
