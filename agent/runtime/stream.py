"""The engine's endless answers: one JSON object per line, read by the event loop itself.

Events and pulls last for minutes or for ever, and must end the moment they are cancelled, which a
thread blocked on a socket cannot. So these two go over a connection of aiohttp's; every other call
goes through the SDK (engine_thread.py).
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from kohakuriver.agent.runtime import failures
from kohakuriver.agent.runtime.errors import RuntimeTimeout, RuntimeUnavailable

_CONNECT = 10.0
_LONGEST_LINE = 2**20


class EngineStream:
    """Opens streams on the engine's socket, at one version of its API."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The stream, once the engine has accepted it. More than `silence` seconds without a line end it."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=silence)
        connector = aiohttp.UnixConnector(path=self._socket_path)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, read_bufsize=_LONGEST_LINE
        ) as session:
            try:
                async with session.request(
                    method, f"http://engine{path}", params=params, headers=headers
                ) as answer:
                    if answer.status != 200:
                        raise failures.from_answer(answer.status, _message(await answer.text()))
                    yield _lines(answer.content)
            except TimeoutError as error:
                raise RuntimeTimeout("the container engine fell silent") from error
            except aiohttp.ClientConnectorError as error:
                raise RuntimeUnavailable(f"no container engine answers: {error.strerror}") from error
            except (aiohttp.ClientError, OSError) as error:
                raise failures.from_connection(error) from error


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    async for line in content:
        if line.strip():
            yield json.loads(line)


def _message(text: str) -> str:
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        return str(json.loads(text)["message"])
    return text
