"""A call to etcd is over when its time is over, whatever the endpoints do, in simulated time."""

import asyncio
import inspect
import itertools
from typing import Any

import grpc
import pytest

from kohakuriver.apiserver.store.base import StoreError, StoreTimeout, StoreUnavailable
from kohakuriver.apiserver.store.channel import CHANNEL_OPTIONS, DIAL_TIMEOUT, Link, Wire
from kohakuriver.apiserver.store.etcd import EtcdStore

pytestmark = pytest.mark.looptime
SHIPPED = inspect.signature(EtcdStore.connect).parameters["timeout"].default


class Endpoint:
    """An etcd that answers, is dead, is silent, or falls silent once it has been connected to."""

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.asked = 0
        self.link = Link(
            behaviour, channel=self, kv=self, watch=None, lease=None, maintenance=self, auth=None
        )

    def get_state(self) -> grpc.ChannelConnectivity:
        is_connected = self.behaviour in ("answers", "frozen")
        return grpc.ChannelConnectivity.READY if is_connected else grpc.ChannelConnectivity.IDLE

    async def Status(self, _: Any, *, timeout: float) -> str:
        return await self._answer(timeout)

    async def Range(self, _: Any, *, timeout: float, metadata: Any) -> str:
        self.asked += 1
        return await self._answer(timeout)

    async def _answer(self, timeout: float) -> str:
        if self.behaviour == "answers":
            return "an answer"
        code = grpc.StatusCode.UNAVAILABLE
        if self.behaviour != "dead":
            await asyncio.sleep(timeout)
            code = grpc.StatusCode.DEADLINE_EXCEEDED
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=self.behaviour)


async def call(*behaviours: str, writes: bool = False) -> tuple[float, str | StoreError, list[Endpoint]]:
    """How long it took, and what came of it."""
    endpoints = [Endpoint(behaviour) for behaviour in behaviours]
    wire = Wire([each.link for each in endpoints], login=None, timeout=SHIPPED)
    began = asyncio.get_running_loop().time()
    found: str | StoreError
    try:
        found = await wire.call(lambda link: link.kv.Range, None, writes=writes)
    except StoreError as error:
        found = error
    return round(asyncio.get_running_loop().time() - began, 3), found, endpoints


def test_a_call_has_five_seconds_and_one_for_each_endpoint_to_show_that_it_is_there() -> None:
    assert (SHIPPED, DIAL_TIMEOUT) == (5.0, 1.0)


def test_a_peer_that_freezes_under_a_watch_is_noticed_within_eleven_seconds() -> None:
    """As far as gRPC does what it is told; test_store_etcd_faults.py looks whether it does."""
    told = dict(CHANNEL_OPTIONS)
    assert told["grpc.keepalive_time_ms"] + told["grpc.keepalive_timeout_ms"] <= 11_000
    assert told["grpc.http2.ping_timeout_ms"] <= told["grpc.keepalive_timeout_ms"]


@pytest.mark.fault(37, 38)
@pytest.mark.parametrize("writes", [False, True], ids=["a read", "a write"])
@pytest.mark.parametrize(
    "behaviours",
    [
        each
        for number in (1, 2, 3)
        for each in itertools.combinations_with_replacement(("dead", "silent", "frozen"), number)
    ],
    ids="-".join,
)
async def test_without_an_endpoint_that_answers_it_is_an_error_in_time(
    behaviours: tuple[str, ...], writes: bool
) -> None:
    for order in set(itertools.permutations(behaviours)):
        took, found, endpoints = await call(*order, writes=writes)
        assert isinstance(found, StoreError)
        assert took <= SHIPPED, order
        if writes:
            asked = sum(each.asked for each in endpoints)
            assert asked <= 1 if isinstance(found, StoreTimeout) else asked == 0 or "dead" in order


@pytest.mark.fault(38)
@pytest.mark.parametrize("first", ["dead", "silent", "frozen"])
async def test_a_read_is_answered_by_the_next_endpoint_in_the_same_call(first: str) -> None:
    took, found, _ = await call(first, "answers")
    assert (found, took <= SHIPPED) == ("an answer", True)


@pytest.mark.fault(38)
async def test_a_write_that_one_endpoint_has_is_not_given_to_another() -> None:
    took, found, [_, other] = await call("frozen", "answers", writes=True)
    assert isinstance(found, StoreTimeout) and took == SHIPPED
    assert other.asked == 0


async def test_what_nobody_was_asked_is_known_not_to_be_done() -> None:
    _, found, [endpoint] = await call("silent", writes=True)
    assert isinstance(found, StoreUnavailable) and endpoint.asked == 0
