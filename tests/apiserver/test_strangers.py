"""Strangers cannot fill the log; everybody else's requests are all in it."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest

from apiserver.serving.strangers import AUDIT, LINES, MINUTE, Strangers
from kohakuriver.clock import LoopClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api

pytestmark = pytest.mark.looptime
PATH = kinds.VPS.path()


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """With the filter, as the program has it."""
    made = Strangers(LoopClock())
    logging.getLogger(AUDIT).addFilter(made)
    try:
        yield
    finally:
        logging.getLogger(AUDIT).removeFilter(made)


async def refused(api: Api, times: int) -> None:
    for _ in range(times):
        reply = await api.call("GET", PATH, headers={"Authorization": "Bearer a-guess"})
        assert reply.code == 401


def lines(caplog: pytest.LogCaptureFixture, who: str) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == AUDIT and getattr(one, "who", "") == who]


async def test_the_lines_of_strangers_are_few_a_minute_and_what_was_left_out_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with running_api() as api:
        with limited():
            await refused(api, LINES + 40)
            assert len(lines(caplog, "-")) == LINES
            await api.get(PATH)
            assert len(lines(caplog, "admin")) == 1, "who has a credential has every line"
            await asyncio.sleep(MINUTE)
            await refused(api, 2)
    after = lines(caplog, "-")[LINES:]
    assert [getattr(one, "left_out", 0) for one in after] == [40, 0]


async def test_what_nobody_expected_is_always_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with limited():
        for _ in range(LINES + 5):
            logging.getLogger(AUDIT).error("a request failed", extra={"who": "-"})
    assert len(lines(caplog, "-")) == LINES + 5
