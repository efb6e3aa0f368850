"""Certificates that run out are told of for a year, in the log and in the metrics."""

import datetime
import logging

import pytest

from kohakuriver import certificates
from kohakuriver.apiserver.expiry import Expiry
from kohakuriver.clock import EPOCH
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime


def a_certificate(days: float) -> bytes:
    made = EPOCH + datetime.timedelta(days=days + 10)
    late = certificates.new_authority("test", now=made)
    return certificates.sign(late, "server", hosts=["n1"], now=made).certificate


async def test_what_runs_out_within_a_year_is_in_the_log_and_what_does_not_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    long = a_certificate(0)
    days = certificates.days_left(long, EPOCH)
    expiry = Expiry({"server": long}, LoopClock())
    with caplog.at_level(logging.WARNING):
        expiry.step()
        assert caplog.records == []
        later = Expiry({"server": long}, Turned(days - 100))
        later.step()
    (told,) = caplog.records
    assert (told.certificate, told.days) == ("server", 100)  # type: ignore[attr-defined]


class Turned(LoopClock):
    """Days later."""

    def __init__(self, days: float) -> None:
        self._days = days

    def now(self) -> datetime.datetime:
        return super().now() + datetime.timedelta(days=self._days)


async def test_the_days_left_are_a_metric() -> None:
    expiry = Expiry({"server": a_certificate(0)}, LoopClock())
    async with running_api(expiry=expiry) as api:
        text = (await api.get("/metrics")).body
    assert 'kohakuriver_apiserver_certificate_days_left{certificate="server"} 36' in text


async def test_administrators_who_look_at_nodes_are_warned_and_nobody_else() -> None:
    soon = Expiry({"server": a_certificate(0)}, Turned(3560))
    async with running_api(expiry=soon) as api:
        told = (await api.get(kinds.NODE.path())).headers["Warning"]
        assert told.startswith("299 - \"the API server's certificate (server) is over in ")
        for user, path in (("viewer", kinds.NODE.path()), ("admin", kinds.VPS.path())):
            assert "Warning" not in (await api.get(path, user=user)).headers
    async with running_api(expiry=Expiry({"server": a_certificate(0)}, LoopClock())) as api:
        assert "Warning" not in (await api.get(kinds.NODE.path())).headers
