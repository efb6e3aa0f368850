"""What is kept of a login, in a private file beside the config file: with whom, and the tokens."""

import base64
import binascii
import contextlib
import dataclasses
import fcntl
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kohakuriver import errors, private_file
from kohakuriver.client import plugin

HINT = "log in: kohakuriver login"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One login; without tokens after `logout`."""

    issuer: str
    client_id: str
    client_secret: str = ""
    authority: str = ""  # PEM
    scopes: tuple[str, ...] = ()
    token: str = ""
    ends: float = 0.0
    refresh: str = ""

    @classmethod
    def load(cls, file: Path) -> "Kept | None":
        """None where there is none. Raises ConfigError for a file that is not ours."""
        found = plugin.read(str(file))
        if not found:
            return None
        known = {field.name: found[field.name] for field in dataclasses.fields(cls) if field.name in found}
        try:
            return cls(**{**known, "scopes": tuple(found.get("scopes") or ())})
        except TypeError:
            raise errors.ConfigError(f"{file} is not a login of kohakuriver", hint=HINT) from None

    def save(self, file: Path) -> None:
        """Write it, for its owner alone."""
        private_file.write(file, json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    def given(self, answer: dict[str, Any], *, nonce: str | None = None) -> "Kept":
        """With the tokens of a provider's answer. Raises ConfigError for one that is not for us."""
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise errors.ConfigError(f"{self.issuer} gave no id_token", hint="is openid among the scopes?")
        claims = claims_of(token)
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self.issuer or self.client_id not in audiences:
            raise errors.ConfigError(f"the token that {self.issuer} gave is not for {self.client_id}")
        if nonce is not None and claims.get("nonce") != nonce:
            raise errors.ConfigError(f"the token that {self.issuer} gave is not of this login", hint=HINT)
        end = claims.get("exp")
        ends = float(end) if isinstance(end, int | float) else 0.0
        refresh = answer.get("refresh_token")
        return dataclasses.replace(
            self, token=token, ends=ends, refresh=refresh if isinstance(refresh, str) else self.refresh
        )

    def without_tokens(self) -> "Kept":
        """With whom it was, and no more."""
        return dataclasses.replace(self, token="", ends=0.0, refresh="")


def path_for(config: Path, context: str) -> Path:
    """Where the login of a context is kept."""
    digest = hashlib.sha256(f"{config.absolute()}\0{context}".encode()).hexdigest()[:16]
    return config.absolute().parent / "login" / f"{digest}.json"


def claims_of(token: str) -> dict[str, Any]:
    """What a token says; its signature is for the server to check. Raises ConfigError."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise errors.ConfigError("the provider gave a token that cannot be read")
    return found


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """While the block runs, no other process renews this login: providers take a renewal once."""
    private_file.make_folder(file.parent)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
