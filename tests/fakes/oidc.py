"""An OpenID Connect provider for tests: it signs what it is told to, and lets in whoever asks.

async with FakeProvider().running() as provider:
    token = provider.token(sub="alice", groups=["team-a"])
"""

import base64
import contextlib
import hashlib
import time
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kohakuriver.apiserver.oidc import verification

AUDIENCE = "kohakuriver"
Signer = RSAKey | ECKey | OKPKey


def signed(claims: Any, key: Any, **header: Any) -> str:
    """A token with these claims and this header."""
    registry = verification._Registry(strict_check_header=False)
    payload = claims if isinstance(claims, bytes) else orjson.dumps(claims)
    return jws.serialize_compact(header, payload, key, registry=registry)


def unsigned(claims: Any, **header: Any) -> str:
    """A token that says what it likes, and proves nothing."""
    parts = [orjson.dumps(header), orjson.dumps(claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


class FakeProvider:
    """One issuer. `now` says what time its tokens are made at."""

    def __init__(self, *, audience: str = AUDIENCE, now: Any = time.time, lasts: float = 600.0) -> None:
        self.url = ""
        self.audience, self.now, self.lasts = audience, now, lasts
        self.keys: dict[str, Signer] = {"first": ECKey.generate_key("P-256")}
        self.claims: dict[str, Any] = {"sub": "alice", "groups": ["team-a"]}
        self.away = False  # everything answers 503
        self.pending = 1  # questions about a device code that are answered with "not yet"
        self.described: dict[str, Any] = {}  # in place of what it says of itself
        self.asked: list[str] = []  # paths, in order
        self.grants: list[dict[str, str]] = []  # what its token endpoint was sent
        self.refusing = ""  # an OAuth error that the token endpoint answers with
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh = 0

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator["FakeProvider"]:
        """It serves on a loopback port while the block runs."""
        app = web.Application(middlewares=[self._counted])
        app.router.add_get("/.well-known/openid-configuration", self._describe)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_post("/device", self._device)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def rotate(self, name: str) -> None:
        """From now on it signs with a new key, and the others are withdrawn."""
        self.keys = {name: ECKey.generate_key("P-256")}

    def token(self, **claims: Any) -> str:
        """A good token of this moment, but for the claims that are given; None leaves one out."""
        now = int(self.now())
        said = {"iss": self.url, "aud": self.audience, "iat": now, "exp": now + int(self.lasts)}
        said |= self.claims | claims
        kept = {name: value for name, value in said.items() if value is not None}
        name, key = next(iter(self.keys.items()))
        return signed(kept, key, alg="ES256", kid=name)

    @web.middleware
    async def _counted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.away:
            return web.Response(status=503)
        response: web.StreamResponse = await handler(request)
        return response

    async def _describe(self, request: web.Request) -> web.Response:
        said = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
            "code_challenge_methods_supported": ["S256"],
        }
        return web.json_response(said | self.described)

    async def _keys(self, request: web.Request) -> web.Response:
        listed = [{**key.as_dict(private=False), "kid": name} for name, key in self.keys.items()]
        return web.json_response({"keys": listed})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        back = urllib.parse.urlencode({"code": code, "state": asked["state"]})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def _device(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "device_code": "a-device",
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.url}/activate",
                "expires_in": 60,
                "interval": 1,
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.grants.append(form)
        error = self.refusing or self._wrong_with(form)
        if error:
            return web.json_response({"error": error}, status=400)
        self._refresh += 1
        given = {"id_token": self.token(), "access_token": "of-no-use-here", "token_type": "Bearer"}
        return web.json_response(given | {"refresh_token": f"refresh-{self._refresh}"})

    def _wrong_with(self, form: dict[str, str]) -> str:
        match form["grant_type"]:
            case "authorization_code":
                asked = self._codes.pop(form["code"], None)
                digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
                fits = asked is not None and asked["redirect_uri"] == form["redirect_uri"]
                if asked is None or not fits or asked.get("code_challenge") != proof:
                    return "invalid_grant"
                if "nonce" in asked:
                    self.claims = {**self.claims, "nonce": asked["nonce"]}
            case "refresh_token":
                return "" if form["refresh_token"] == f"refresh-{self._refresh}" else "invalid_grant"
            case "urn:ietf:params:oauth:grant-type:device_code":
                self.pending -= 1
                return "authorization_pending" if self.pending >= 0 else ""
        return ""
