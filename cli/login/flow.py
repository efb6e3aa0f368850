"""How a person logs in: with a browser on this machine, or with one elsewhere and a short code."""

import base64
import hashlib
import http.server
import secrets
import time
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.login.kept import Kept
from kohakuriver.cli.login.provider import Provider, Refused

WITHIN: Final = 300.0  # seconds that a person has in the browser
_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_LONGEST_PAUSE: Final = 60.0
_DONE: Final = b"You are logged in. This window can be closed."
_NOT_DONE: Final = b"This did not work: the terminal says why."


def by_browser(login: Kept, provider: Provider, show: Callable[[str], None], *, port: int = 0) -> Kept:
    """The login with its tokens; `show` takes the person to a URL, and the browser comes back."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    digest = hashlib.sha256(verifier.encode()).digest()
    with Listener(state, port) as listener:
        asked = {
            "response_type": "code",
            "client_id": login.client_id,
            "redirect_uri": listener.url,
            "scope": _scopes(login, provider),
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        where = provider.endpoint("authorization_endpoint")
        show(f"{where}{'&' if '?' in where else '?'}{urllib.parse.urlencode(asked)}")
        said = listener.wait(WITHIN)
    if "code" not in said:
        raise Refused(login.issuer, said.get("error", "no code came"), said.get("error_description", ""))
    grant = {"grant_type": "authorization_code", "code": said["code"], "redirect_uri": asked["redirect_uri"]}
    return login.given(provider.tokens(**grant, code_verifier=verifier), nonce=nonce)


def by_device(login: Kept, provider: Provider, *, pause: Callable[[float], None] = time.sleep) -> Kept:
    """The login with its tokens, once somebody has typed a code in a browser anywhere."""
    given = provider.post("device_authorization_endpoint", scope=_scopes(login, provider))
    where, code = given.get("verification_uri"), given.get("user_code")
    if not where or not code or not given.get("device_code"):
        raise errors.ConfigError(f"{login.issuer} gave no code for another device")
    screen.note(f"open {where} on any device, and type {code}")
    interval = _seconds(given.get("interval"), 5.0)
    left = min(_seconds(given.get("expires_in"), WITHIN), 3600.0)
    while left > 0:
        pause(interval)
        left -= interval
        try:
            answer = provider.tokens(grant_type=_DEVICE, device_code=str(given["device_code"]))
        except Refused as error:
            if error.code == "slow_down":
                interval = min(interval + 5.0, _LONGEST_PAUSE)
            elif error.code != "authorization_pending":
                raise
        else:
            return login.given(answer)
    raise errors.ConfigError("nobody typed the code in time", hint="try again: kohakuriver login --device")


def _seconds(value: Any, otherwise: float) -> float:
    return min(float(value), 3600.0) if isinstance(value, int | float) and value > 0 else otherwise


def _scopes(login: Kept, provider: Provider) -> str:
    """`openid`, what was asked for, and, where the provider knows it, that the login can be renewed."""
    known = provider.described().get("scopes_supported")
    lasting = ["offline_access"] if isinstance(known, list) and "offline_access" in known else []
    return " ".join(dict.fromkeys(["openid", *login.scopes, *lasting]))


class Listener(http.server.HTTPServer):
    """Waits on loopback for the browser to come back, with the state that it left with."""

    def __init__(self, state: str, port: int) -> None:
        self.state = state
        self.said: dict[str, str] = {}
        try:
            super().__init__(("127.0.0.1", port), _Callback)
        except OSError as error:
            raise errors.ConfigError(
                f"cannot listen on port {port}: {error.strerror}", hint="name another one: --port N"
            ) from None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/callback"

    def wait(self, seconds: float) -> dict[str, str]:
        """What the provider sent the browser back with. Raises ConfigError when nobody came."""
        end = time.monotonic() + seconds
        while not self.said:
            self.timeout = end - time.monotonic()
            if self.timeout <= 0:
                raise errors.ConfigError(
                    "nobody logged in in time", hint="where there is no browser: kohakuriver login --device"
                )
            self.handle_request()
        return self.said


class _Callback(http.server.BaseHTTPRequestHandler):
    server: Listener
    timeout = 5  # seconds for a connection to say what it wants

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        said = dict(urllib.parse.parse_qsl(parts.query))
        is_ours = parts.path == "/callback" and secrets.compare_digest(
            said.get("state", "").encode(), self.server.state.encode()
        )
        if is_ours:
            self.server.said = said
        self.send_response(200 if is_ours else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(_DONE if is_ours and "code" in said else _NOT_DONE)

    def log_message(self, format: str, *words: Any) -> None:
        """Codes belong in no log."""
