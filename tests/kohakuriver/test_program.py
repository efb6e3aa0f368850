"""What the programs have in common."""

import logging
import socket

import aiohttp
import pytest

from kohakuriver import errors, program
from kohakuriver.options import Address


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def test_metrics_are_answered_on_their_path_until_the_block_ends() -> None:
    address = Address("127.0.0.1", a_free_port())
    async with program.metrics_served(lambda: b"up 1\n", address), aiohttp.ClientSession() as session:
        async with session.get(f"http://{address}/metrics") as answer:
            assert (answer.status, await answer.read()) == (200, b"up 1\n")
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
        async with session.get(f"http://{address}/") as answer:
            assert answer.status == 404
    with socket.create_server((address.host, address.port)):
        pass  # it is free again


async def test_nothing_is_served_where_no_address_is_given() -> None:
    async with program.metrics_served(lambda: b"", None):
        pass


async def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(
            errors.ConfigError, match=f"cannot serve metrics on {address}: Address already in use$"
        ) as raised:
            async with program.metrics_served(lambda: b"", address):
                pytest.fail("it was served")
    assert "--metrics-listen" in raised.value.hint


def test_an_error_is_told_with_its_hint_and_has_a_code(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    error = errors.ConfigError("there is no file", hint="write it")
    assert program.refused(error) == 2
    assert capsys.readouterr().err == "error: there is no file\nhint: write it\n"
    assert program.failed(logging.getLogger("x"), error) == 1
    assert (
        caplog.records[0].getMessage() == "there is no file" and vars(caplog.records[0])["hint"] == "write it"
    )
