"""What is asked of an OpenID Connect provider, over HTTPS: to describe itself, and for tokens."""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

from kohakuriver import errors, issuer
from kohakuriver.cli.login.kept import Kept

_WITHIN: Final = 15.0  # seconds for an answer
_MOST: Final = 1 << 20  # bytes of one
_RETRY: Final = "see whether it can be reached, then try again"


class Refused(errors.KohakuRiverError):
    """The provider said no; `code` is its word for why."""

    def __init__(self, issuer: str, code: str, told: str) -> None:
        said = f"{code}: {told}" if told else code
        super().__init__(f"{issuer} refused: {said}", hint="log in again: kohakuriver login")
        self.code = code


class _Straight(urllib.request.HTTPRedirectHandler):
    """A secret is sent nowhere but where it is meant to go."""

    def redirect_request(self, *what: Any) -> None:
        return None


class Provider:
    """The one that a login is with."""

    def __init__(self, login: Kept) -> None:
        """Raises ConfigError for an issuer that is not to be asked."""
        wrong = issuer.wrong_with(login.issuer)
        if wrong:
            raise errors.ConfigError(f"--issuer: {wrong}")
        self._login = login
        try:
            trusted = ssl.create_default_context(cadata=login.authority or None)
        except (ssl.SSLError, ValueError) as error:
            raise errors.ConfigError(f"--issuer-ca: no certificate in PEM: {error}") from None
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusted), _Straight())
        self._described: dict[str, Any] = {}

    def endpoint(self, name: str) -> str:
        """A URL that it names. Raises ConfigError where it names none, and Unreachable."""
        url = self.described().get(name)
        if not isinstance(url, str) or issuer.wrong_with(url.partition("?")[0]):
            raise errors.ConfigError(f"{self._login.issuer} names no {name} that can be used")
        return url

    def described(self) -> dict[str, Any]:
        """What it says of itself."""
        if not self._described:
            found = self._asked(urllib.request.Request(issuer.discovery(self._login.issuer)))  # noqa: S310
            if found.get("issuer") != self._login.issuer:
                raise errors.ConfigError(
                    f"{self._login.issuer} calls itself {found.get('issuer')}", hint="give it as --issuer"
                )
            self._described = found
        return self._described

    def tokens(self, **form: str) -> dict[str, Any]:
        """What it gives for a grant. Raises Refused."""
        return self.post("token_endpoint", **form)

    def post(self, endpoint: str, **form: str) -> dict[str, Any]:
        """What it answers to a form of this client's. Raises Refused."""
        said = {"client_id": self._login.client_id, **form}
        if self._login.client_secret:
            said["client_secret"] = self._login.client_secret
        body = urllib.parse.urlencode(said).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return self._asked(urllib.request.Request(self.endpoint(endpoint), body, headers))  # noqa: S310

    def _asked(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with self._opener.open(request, timeout=_WITHIN) as answer:
                status, content = answer.status, answer.read(_MOST)
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read(_MOST)
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise errors.Unreachable(f"cannot reach {self._login.issuer}: {why}", hint=_RETRY) from None
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        if status != 200 and isinstance(found, dict) and isinstance(found.get("error"), str):
            told = found.get("error_description")
            raise Refused(self._login.issuer, found["error"], told if isinstance(told, str) else "")
        if status != 200 or not isinstance(found, dict):
            raise errors.Unreachable(f"{request.full_url} answered {status}", hint=_RETRY)
        return found
