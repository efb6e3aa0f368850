"""The keys of an issuer, asked of it over HTTPS: the document in which it describes itself, then its JWKS.

Both have a largest size and a time; redirects are not followed. Where it fails, a sentence says how.
"""

import asyncio
import ssl
from typing import Any, Final, Protocol

import aiohttp
import orjson

from kohakuriver import issuer
from kohakuriver.apiserver.oidc import configuration, verification
from kohakuriver.apiserver.oidc.verification import Key

WITHIN: Final = 5.0  # seconds for both documents
MOST_BYTES: Final = 512 * 1024  # of each


class Away(Exception):
    """The issuer's keys did not come; the message says why."""


class Provider(Protocol):
    """Where an issuer's keys come from."""

    async def keys(self) -> tuple[Key, ...]:
        """Those it has now, at least one. Raises Away."""
        ...


class WebProvider:
    """The issuer itself."""

    def __init__(self, asked: configuration.Issuer) -> None:
        self._issuer = asked

    async def keys(self) -> tuple[Key, ...]:
        try:
            async with asyncio.timeout(WITHIN):
                return await self._keys()
        except TimeoutError as error:
            raise Away(f"{self._issuer.discovery} did not answer within {WITHIN:g} seconds") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Away(f"{self._issuer.discovery}: {error or type(error).__name__}") from error

    async def _keys(self) -> tuple[Key, ...]:
        trusted = ssl.create_default_context(cadata=self._issuer.certificateAuthority or None)
        connector = aiohttp.TCPConnector(ssl=trusted, limit=2)
        async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
            described = await _document(session, self._issuer.discovery)
            if described.get("issuer") != self._issuer.url:
                raise Away(f"{self._issuer.discovery} describes another issuer than {self._issuer.url}")
            url = described.get("jwks_uri")
            if not isinstance(url, str) or issuer.wrong_with(url):
                raise Away(f"{self._issuer.discovery} names no jwks_uri that can be used")
            keys = verification.public_keys(await _document(session, url))
        if not keys:
            raise Away(f"{url} has no key that can be used")
        return keys


async def _document(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as reply:
        if reply.status != 200:
            raise Away(f"{url} answered {reply.status}")
        content = bytearray()
        async for piece in reply.content.iter_any():
            content += piece
            if len(content) > MOST_BYTES:
                raise Away(f"{url} answered with more than {MOST_BYTES // 1024}Ki")
    found = orjson.loads(content)
    if not isinstance(found, dict):
        raise Away(f"{url} did not answer with a JSON object")
    return found
