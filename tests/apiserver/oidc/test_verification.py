"""Which tokens are good: every way in which one can be wrong, without a server and without a clock."""

import base64
import dataclasses
import datetime
import hashlib
import hmac
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kohakuriver import errors
from kohakuriver.apiserver.oidc import verification
from kohakuriver.apiserver.oidc.verification import Key, Proved
from tests.fakes.oidc import signed, unsigned

NOW = datetime.datetime(2026, 11, 30, 12, 0, tzinfo=datetime.UTC)
ISSUER = "https://issuer.example"
RSA = RSAKey.generate_key(2048)
EC = ECKey.generate_key("P-256")
SECONDS = NOW.timestamp()
CLAIMS = {"iss": ISSUER, "aud": "us", "sub": "alice", "exp": SECONDS + 60}


def jwks(*keys: Any, **more: Any) -> tuple[Key, ...]:
    listed = [{**key.as_dict(private=False), "kid": f"k{place}", **more} for place, key in enumerate(keys)]
    return verification.public_keys({"keys": listed})


def judged(text: str, keys: tuple[Key, ...], *, issuer: str = ISSUER) -> Proved:
    token = verification.read(text)
    assert token is not None
    verification.check_algorithm(token)
    key = verification.key_for(token, keys)
    if key is None:
        raise verification.refused("no such key")
    return verification.verify(token, key, issuer=issuer, audiences=["us", "them"], now=NOW)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((name, RSA) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("ES256", EC),
        ("ES384", ECKey.generate_key("P-384")),
        ("ES512", ECKey.generate_key("P-521")),
        ("EdDSA", OKPKey.generate_key("Ed25519")),
        ("Ed25519", OKPKey.generate_key("Ed25519")),
    ],
)
def test_a_good_token_of_each_algorithm_is_taken_and_its_end_is_known(algorithm: str, key: Any) -> None:
    token = signed(CLAIMS, key, alg=algorithm, kid="k0")
    proved = judged(token, jwks(key))
    assert proved.claims["sub"] == "alice"
    assert proved.ends == NOW + datetime.timedelta(seconds=60)
    head, body, signature = token.split(".")
    for changed in (
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        f"{head}.{body}.",
        ".".join([head, *unsigned({**CLAIMS, "sub": "root"}).split(".")[1:2], signature]),
    ):
        with pytest.raises(errors.Unauthorized, match="signature"):
            judged(changed, jwks(key))


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"aud": "others"}, "made for somebody else"),
        ({"aud": ["others", 1, None]}, "made for somebody else"),
        ({"aud": None}, "made for somebody else"),
        ({"aud": {"us": 1}}, "made for somebody else"),
        ({"exp": SECONDS}, "expired at 2026-11-30 12:00:00 UTC"),
        ({"exp": None}, "no end"),
        ({"exp": "tomorrow"}, "exp is not a time"),
        ({"exp": True}, "exp is not a time"),
        ({"exp": 1e300}, "exp is not a time that a calendar has"),
        ({"exp": -1}, "exp is not a time that a calendar has"),
        ({"nbf": SECONDS + 61}, "not good before"),
        ({"iat": SECONDS + 61}, "not good before"),
        ({"nbf": []}, "nbf is not a time"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused_in_a_sentence(claims: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.Unauthorized, match=told):
        judged(signed(CLAIMS | claims, EC, alg="ES256", kid="k0"), jwks(EC))


def test_audiences_may_be_a_list_and_clocks_a_minute_apart() -> None:
    said = CLAIMS | {"aud": ["x", "them"], "nbf": SECONDS + 60, "iat": SECONDS + 60}
    assert judged(signed(said, EC, alg="ES256", kid="k0"), jwks(EC)).claims["aud"] == ["x", "them"]


def test_a_token_of_another_issuer_is_refused_though_the_same_key_signed_it() -> None:
    with pytest.raises(errors.Unauthorized, match="another issuer"):
        judged(signed(CLAIMS, EC, alg="ES256", kid="k0"), jwks(EC), issuer="https://other.example")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS384", "HS512", "dir", "ES256K", ""])
def test_no_token_without_a_signature_and_none_made_with_a_shared_secret_is_taken(algorithm: str) -> None:
    with pytest.raises(errors.Unauthorized, match="is not one of RS256"):
        judged(unsigned(CLAIMS, alg=algorithm, kid="k0"), jwks(RSA))


def test_a_public_key_is_never_the_secret_of_a_signature() -> None:
    public = RSA.as_pem(private=False)
    body = unsigned(CLAIMS, alg="HS256", kid="k0").rstrip(".")
    digest = hmac.new(public, body.encode(), hashlib.sha256).digest()
    text = f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    with pytest.raises(errors.Unauthorized, match='algorithm "HS256"'):
        judged(text, jwks(RSA))
    secret = {"kty": "oct", "kid": "k0", "k": base64.urlsafe_b64encode(public).decode()}
    assert verification.public_keys({"keys": [secret]}) == ()


def test_a_key_is_used_for_its_own_algorithms_alone() -> None:
    only = jwks(RSA, alg="PS256")
    assert judged(signed(CLAIMS, RSA, alg="PS256", kid="k0"), only).claims["sub"] == "alice"
    with pytest.raises(errors.Unauthorized, match="no such key"):
        judged(signed(CLAIMS, RSA, alg="RS256", kid="k0"), only)
    with pytest.raises(errors.Unauthorized, match="no such key"):
        judged(signed(CLAIMS, EC, alg="ES256", kid="k0"), jwks(RSA))


def test_a_token_without_a_kid_is_of_the_only_key_there_is() -> None:
    text = signed(CLAIMS, EC, alg="ES256")
    assert judged(text, jwks(EC, RSA)).claims["sub"] == "alice"
    with pytest.raises(errors.Unauthorized, match="no such key"):
        judged(text, jwks(EC, ECKey.generate_key("P-256")))


def test_what_the_header_brings_along_is_not_looked_at() -> None:
    theirs = ECKey.generate_key("P-256")
    text = signed(CLAIMS, theirs, alg="ES256", kid="k0", jwk=theirs.as_dict(private=False))
    with pytest.raises(errors.Unauthorized, match="signature"):
        judged(text, jwks(EC))
    with pytest.raises(errors.Unauthorized, match="header"):
        judged(unsigned(CLAIMS, alg="ES256", kid="k0", crit=["exp"]), jwks(EC))
    with pytest.raises(errors.Unauthorized, match="header"):
        judged(unsigned(CLAIMS, alg="ES256", kid=1), jwks(EC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "a.b.c",
        "ey.ey.ey",
        "ey" + "A" * 9000,
        "eyJh=.eyJh=.x",
        "ey\u00e9.ey.ey",
        unsigned(["no", "object"], alg="ES256"),
        unsigned({"iss": 1}, alg="ES256"),
        unsigned({}, alg="ES256"),
        ".".join([base64.urlsafe_b64encode(b"{" + b"[" * 5000).decode().rstrip("=")] * 3),
    ],
)
def test_what_is_no_token_of_an_issuer_is_left_to_others(text: str) -> None:
    assert verification.read(text) is None


def test_a_huge_token_is_refused_before_it_is_read() -> None:
    with pytest.raises(errors.Unauthorized, match="longer than 16384 characters"):
        verification.read(unsigned(CLAIMS | {"x": "x" * 20_000}, alg="ES256"))


def test_a_payload_that_is_no_object_is_refused_though_it_is_signed() -> None:
    key = jwks(EC)
    token = verification.read(signed(CLAIMS, EC, alg="ES256", kid="k0"))
    assert token is not None
    nonsense = dataclasses.replace(token, text=signed(b"[1]", EC, alg="ES256", kid="k0"))
    with pytest.raises(errors.Unauthorized, match="another issuer"):
        verification.verify(nonsense, key[0], issuer=ISSUER, audiences=["us"], now=NOW)


def test_keys_that_are_weak_or_for_something_else_are_left_out() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
    numbers = private.public_key().public_numbers()
    encoded = [
        base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
        for number in (numbers.n, numbers.e)
    ]
    weak = {"kty": "RSA", "kid": "weak", "n": encoded[0], "e": encoded[1]}
    good = {**EC.as_dict(private=False), "kid": "good"}
    others: list[Any] = [
        weak,
        {**good, "use": "enc"},
        {**good, "key_ops": ["sign"]},
        {**good, "kid": 7},
        {**good, "x": "AA"},
        {**good, "crv": "secp256k1"},
        {**good, "alg": "RS256"},
        {**EC.as_dict(private=True), "kid": "private"},
        {"kty": "EC"},
        {"kty": []},
        None,
        "key",
    ]
    assert [key.name for key in verification.public_keys({"keys": [*others, good]})] == ["good"]
    for nonsense in (None, [], {}, {"keys": None}, {"keys": {}}, orjson.loads("1")):
        assert verification.public_keys(nonsense) == ()
    many = verification.public_keys({"keys": [good] * 1000})
    assert len(many) == verification.MOST_KEYS


def test_two_keys_of_one_name_are_no_key() -> None:
    good = {**EC.as_dict(private=False), "kid": "twice"}
    other = {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "twice"}
    token = verification.read(signed(CLAIMS, EC, alg="ES256", kid="twice"))
    assert token is not None
    assert verification.key_for(token, verification.public_keys({"keys": [good, other]})) is None
