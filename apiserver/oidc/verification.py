"""Whether a token is good: form, algorithm, signature, issuer, audience, times. Pure; `now` is given.

The key is chosen here, by the header's `kid` and among those of the issuer that the token names, and the
algorithm has to be one that the key is made for. What else the header says (`jwk`, `jku`, `x5u`, `x5c`) is
never looked at.
"""

import binascii
import dataclasses
import datetime
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import orjson
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

from kohakuriver import errors

Claims = Mapping[str, Any]
PublicKey = RSAKey | ECKey | OKPKey

MOST_CHARACTERS: Final = 16 * 1024  # of a token
MOST_KEYS: Final = 64  # of an issuer
RSA_BITS: Final = range(2048, 8193)
AHEAD: Final = 60.0  # seconds that an issuer's clock may be ahead of ours
HINT: Final = "log in again: kohakuriver login"
_CURVES: Final = {
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "Ed25519",
    "Ed25519": "Ed25519",
}
_OF_RSA: Final = tuple(f"{sort}{bits}" for sort in ("RS", "PS") for bits in (256, 384, 512))
ALGORITHMS: Final = (*_OF_RSA, *_CURVES)
_OF_ED25519: Final = ("EdDSA", "Ed25519")  # the older name, which providers use, and the newer
_NO_TIME: Final = datetime.datetime.max.replace(tzinfo=datetime.UTC).timestamp()


class _Registry(jws.JWSRegistry):  # type: ignore[misc, unused-ignore]
    """Headers as long as tokens may be, as providers put certificates there; and EdDSA by its older name, of
    which the library warns, without a warning for each token."""

    max_header_length = MOST_CHARACTERS

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY: Final = _Registry(algorithms=list(ALGORITHMS), strict_check_header=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A token in its three parts, of which nothing is proved yet."""

    text: str
    issuer: str
    algorithm: str
    key: str | None  # the header's kid


@dataclasses.dataclass(frozen=True, slots=True)
class Proved:
    """What a good token says."""

    claims: Claims
    ends: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A public key of an issuer, and what it may be used for."""

    name: str | None
    algorithms: tuple[str, ...]
    key: PublicKey


def read(text: str) -> Token | None:
    """The token; None for a text that is no JWT of an issuer. Raises Unauthorized for one too long."""
    if text.count(".") != 2 or not text.startswith("ey"):
        return None
    if len(text) > MOST_CHARACTERS:
        raise refused(f"it is longer than {MOST_CHARACTERS} characters")
    head, body, _ = text.split(".")
    header, claims = _object(head), _object(body)
    if header is None or claims is None or not isinstance(claims.get("iss"), str):
        return None
    key, algorithm = header.get("kid"), header.get("alg")
    if not isinstance(key, str | None) or not isinstance(algorithm, str) or "crit" in header:
        raise refused("its header is not one of a signed token that is understood here")
    return Token(text, claims["iss"], algorithm, key)


def check_algorithm(token: Token) -> None:
    """Raises Unauthorized for a token without a signature, or one that a shared secret makes."""
    if token.algorithm not in ALGORITHMS:
        raise refused(f'its algorithm "{token.algorithm[:20]}" is not one of {", ".join(ALGORITHMS)}')


def key_for(token: Token, keys: Sequence[Key]) -> Key | None:
    """The key that the token names. Where it names none, the only one for its algorithm."""
    fitting = [key for key in keys if token.algorithm in key.algorithms]
    if token.key is None:
        return fitting[0] if len(fitting) == 1 else None
    named = [key for key in fitting if key.name == token.key]
    return named[0] if len(named) == 1 else None


def verify(
    token: Token, key: Key, *, issuer: str, audiences: Collection[str], now: datetime.datetime
) -> Proved:
    """What the token says, once everything about it is right. Raises Unauthorized."""
    check_algorithm(token)
    if token.algorithm not in key.algorithms:
        raise refused(f"its key is not one for {token.algorithm}")
    try:
        signed = jws.deserialize_compact(token.text, key.key, registry=_REGISTRY)
        claims = orjson.loads(signed.payload)
    except (JoseError, ValueError, TypeError) as error:
        raise refused("its signature is not its issuer's") from error
    if not isinstance(claims, dict) or claims.get("iss") != issuer:
        raise refused("another issuer made it")
    _check_audience(claims, audiences)
    return Proved(claims, _check_times(claims, now))


def public_keys(document: Any) -> tuple[Key, ...]:
    """The keys of a JWKS that may sign; what cannot be read, or is for something else, is left out."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found = [_key(one) for one in listed[:MOST_KEYS]] if isinstance(listed, list) else []
    return tuple(key for key in found if key is not None)


def refused(why: str) -> errors.Unauthorized:
    """The refusal of a token, in a sentence."""
    return errors.Unauthorized(f"the token opens nothing here: {why}", hint=HINT)


def _object(part: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(urlsafe_b64decode(part.encode("ascii")))
    except (ValueError, binascii.Error):
        return None
    return found if isinstance(found, dict) else None


def _check_audience(claims: Claims, audiences: Collection[str]) -> None:
    said = claims.get("aud")
    meant = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    if not any(isinstance(one, str) and one in audiences for one in meant):
        raise refused("it was made for somebody else: none of its audiences is this server's")


def _check_times(claims: Claims, now: datetime.datetime) -> datetime.datetime:
    end = _moment(claims, "exp")
    if end is None:
        raise refused("it has no end")
    if now >= end:
        raise refused(f"it expired at {end:%Y-%m-%d %H:%M:%S} UTC")
    for name in ("nbf", "iat"):
        start = _moment(claims, name)
        if start is not None and (start - now).total_seconds() > AHEAD:
            raise refused(f"it is not good before {start:%Y-%m-%d %H:%M:%S} UTC")
    return end


def _moment(claims: Claims, name: str) -> datetime.datetime | None:
    seconds = claims.get(name)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise refused(f"its {name} is not a time")
    if not 0 <= seconds < _NO_TIME - 1:
        raise refused(f"its {name} is not a time that a calendar has")
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _key(one: Any) -> Key | None:
    if not isinstance(one, dict) or one.get("use", "sig") != "sig" or "d" in one:
        return None
    name, only = one.get("kid"), one.get("alg")
    operations = one.get("key_ops", ["verify"])
    if not isinstance(name, str | None) or not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        match one.get("kty"):
            case "RSA":
                if _number(one["n"]).bit_length() not in RSA_BITS or _number(one["e"]) >= 2**32:
                    return None
                return _made(name, only, RSAKey.import_key(one), _OF_RSA)
            case "EC":
                ec = ECKey.import_key(one)
                return _made(name, only, ec, [a for a, c in _CURVES.items() if c == one.get("crv")])
            case "OKP" if one.get("crv") == "Ed25519":
                return _made(name, only, OKPKey.import_key(one), _OF_ED25519)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    return None


def _number(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text.encode("ascii")))


def _made(name: str | None, only: Any, key: PublicKey, algorithms: Sequence[str]) -> Key | None:
    """The key, for the one algorithm that it names, or for all that its sort can."""
    kept = tuple(one for one in algorithms if only in (None, one))
    return Key(name, kept, key) if kept else None
