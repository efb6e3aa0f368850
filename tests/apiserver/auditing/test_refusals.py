"""Refusals cannot fill the log; what was done is all in it."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest

from kohakuriver.apiserver.audit.refusals import EVERY, KEPT, LINES, MINUTE, NAMED, Refusals
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime
PATH = kinds.VPS.path()
AUDIT = "kohakuriver.apiserver.audit"


@contextlib.contextmanager
def sampled() -> Iterator[Refusals]:
    """With the filter, as the program has it."""
    made = Refusals(LoopClock())
    logging.getLogger(AUDIT).addFilter(made)
    try:
        yield made
    finally:
        logging.getLogger(AUDIT).removeFilter(made)


async def refused(api: Api, times: int) -> None:
    for _ in range(times):
        reply = await api.call("GET", PATH, headers={"Authorization": "Bearer a-guess"})
        assert reply.code == 401


def lines(caplog: pytest.LogCaptureFixture, who: str) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == AUDIT and getattr(one, "who", "") == who]


def a_refusal(place: str, *, who: str = "-", code: int = 401, verb: str = "list") -> None:
    logging.getLogger(AUDIT).info(
        "request", extra={"who": who, "from": place, "code": code, "verb": verb, "path": "/x"}
    )


async def test_one_address_has_one_line_a_reason_and_the_next_says_how_many_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with running_api() as api:
        with sampled():
            await refused(api, 30)
            await asyncio.sleep(EVERY)
            await refused(api, 2)
    assert [getattr(one, "left_out", 0) for one in lines(caplog, "-")] == [0, 29]


async def test_what_was_left_out_is_told_at_the_end_of_the_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with sampled() as filter_:
        telling = asyncio.create_task(filter_.run())
        for _ in range(101):
            a_refusal("10.0.0.1")
        await asyncio.sleep(2 * MINUTE + 1)
        telling.cancel()
    [_, told] = lines(caplog, "-")
    assert (told.message, getattr(told, "left_out", 0)) == ("more were refused in the last minute", 100)
    assert getattr(told, "from", "") == "10.0.0.1"


async def test_many_addresses_leave_few_lines_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with sampled() as filter_:
        for number in range(KEPT + 5000):
            for _ in range(3):
                a_refusal(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        assert len(lines(caplog, "-")) == LINES
        filter_.tell()
    named = lines(caplog, "-")[LINES:]
    rest = caplog.records[-1]
    assert len(named) == NAMED and rest.message == "others were refused in the last minute"
    counted = sum(getattr(one, "left_out", 0) for one in [*named, rest])
    assert counted == 3 * (KEPT + 5000) - LINES, "each is in some line or number"


async def test_all_of_one_ipv6_network_and_all_methods_are_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with sampled():
        for number in range(100):
            a_refusal(f"2001:db8::{number:x}", verb=f"method{number}")
    assert len(lines(caplog, "-")) == 1


async def test_who_is_known_has_a_line_for_all_that_was_done_and_few_for_what_was_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with running_api() as api:
        with sampled():
            for _ in range(20):
                await api.get(PATH)
                assert (await api.get(f"{PATH}/nothing/at/all")).code == 404
    told = [getattr(one, "code", 0) for one in lines(caplog, "admin")]
    assert (told.count(200), told.count(404)) == (20, 1)


async def test_what_nobody_expected_is_always_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with sampled():
        for _ in range(LINES + 5):
            logging.getLogger(AUDIT).error("a request failed", extra={"who": "-", "code": 500})
    assert len(lines(caplog, "-")) == LINES + 5


async def test_a_long_path_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running_api() as api:
        await api.call("GET", "/" + "a" * 8000, headers={"Authorization": "Bearer a-guess"})
    [line] = lines(caplog, "-")
    assert line.path == "/" + "a" * 255 + "…"  # type: ignore[attr-defined]
