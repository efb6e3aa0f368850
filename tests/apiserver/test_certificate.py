"""Client certificates beside bearer tokens, over real TLS."""

import base64
import datetime
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kohakuriver import certificates, clock
from kohakuriver.apiserver import options
from kohakuriver.apiserver.identity import cookies
from kohakuriver.apiserver.identity.certificate import Peer, user_of
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.certificates import Pair
from kohakuriver.client import config
from kohakuriver.client.rest import Client
from kohakuriver.clock import SystemClock
from kohakuriver.errors import ConfigError, Forbidden, Unauthorized
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.pages.kit import a_page

NOW = datetime.datetime.now(datetime.UTC)
ALICE = (("CN", "alice"), ("O", "role:user"), ("O", "namespace:default"))
VPSES = kinds.VPS.path(namespace="default")
LATER = NOW + datetime.timedelta(days=1)
OIDS = {"CN": NameOID.COMMON_NAME, "O": NameOID.ORGANIZATION_NAME}


def a_certificate(
    authority: Pair, subject: Sequence[tuple[str, str]], *, ends: datetime.datetime = LATER
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    signer = serialization.load_pem_private_key(authority.key, password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(OIDS[name], value) for name, value in subject]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=2))
        .not_valid_after(ends)
        .sign(signer, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(made.public_bytes(serialization.Encoding.PEM), private)


class Door:
    """A server with TLS that takes certificates of one authority."""

    def __init__(self, folder: Path, api: Api, server_ca: Pair, client_ca: Pair) -> None:
        self.folder, self.api, self.server_ca, self.client_ca = folder, api, server_ca, client_ca

    async def code(
        self, pair: Pair | None, path: str = VPSES, token: str = "", method: str = "GET", **more: str
    ) -> int:
        reply = await self.ask(pair, method, path, token=token, **more)
        return reply.status

    async def ask(
        self, pair: Pair | None, method: str, path: str, *, token: str = "", json: Any = None, **more: str
    ) -> aiohttp.ClientResponse:
        """The whole answer."""
        context = ssl.create_default_context(cadata=self.server_ca.certificate.decode())
        if pair is not None:
            pair.save(self.folder, "client")
            context.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, self.api.url + path, ssl=context, json=json) as reply,
        ):
            await reply.read()
            return reply


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    server_ca = certificates.new_authority("server", now=NOW)
    client_ca = certificates.new_authority("people", now=NOW)
    client_ca.save(tmp_path, "people")
    certificates.sign(server_ca, "apiserver", hosts=["127.0.0.1"], now=NOW).save(tmp_path, "server")
    words = ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--client-ca", str(tmp_path / "people.crt")]
    words += ["--tls-cert", str(tmp_path / "server.crt"), "--tls-key", str(tmp_path / "server.key")]
    given = options.parse(words)
    page = a_page(tmp_path)
    async with running_api(tls=given.tls(), clock=SystemClock(), page=page) as api:
        yield Door(tmp_path, api, server_ca, client_ca)


async def test_a_certificate_opens_what_its_organisations_say(door: Door) -> None:
    alice = a_certificate(door.client_ca, ALICE)
    assert await door.code(alice) == 200
    assert await door.code(alice, kinds.VPS.path(namespace="other")) == 403
    assert await door.code(alice, kinds.TOKEN.path()) == 403
    root = a_certificate(door.client_ca, (("CN", "root"), ("O", "role:admin")))
    assert await door.code(root, kinds.TOKEN.path()) == 200


@pytest.mark.fault(47)
async def test_without_a_certificate_a_token_is_needed_as_before(door: Door) -> None:
    assert await door.code(None) == 401
    assert await door.code(None, token=token_of("admin")) == 200


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://["},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site", "Origin": "https://127.0.0.1"},
    {"Sec_Fetch_Site": ""},
)


@pytest.mark.fault(47)
async def test_a_page_of_another_site_gets_nowhere_with_the_browsers_certificate(door: Door) -> None:
    root = a_certificate(door.client_ca, (("CN", "root"), ("O", "role:admin")))
    terminal = kinds.VPS.path(namespace="default", name="dev", subresource="terminal")
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "x",
    }
    for headers in FOREIGN:
        assert await door.code(root, **headers) == 403, headers
        assert await door.code(root, method="POST", **headers) == 403, headers
        assert await door.code(root, terminal, **handshake, **headers) == 403, headers
        assert await door.code(root, token=token_of("admin"), **headers) == 200, "no browser sends a token"
        assert await door.code(None, **headers) == 401
    for headers in (
        {},
        {"Origin": door.api.url},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "same-origin"},
    ):
        assert await door.code(root, **headers) == 200, headers
        assert await door.code(root, terminal, **handshake, **headers) == 404, headers


@pytest.mark.fault(47)
async def test_a_token_counts_before_the_certificate_that_came_with_it(door: Door) -> None:
    root = a_certificate(door.client_ca, (("CN", "root"), ("O", "role:admin")))
    assert await door.code(root, kinds.TOKEN.path(), token=token_of("alice")) == 403
    assert await door.code(root, token="wrong") == 401


async def test_a_code_that_a_certificate_made_opens_a_session_of_its_user_that_ends_with_it(
    door: Door,
) -> None:
    soon = NOW + datetime.timedelta(hours=1)
    alice = a_certificate(door.client_ca, ALICE, ends=soon)
    reply = await door.ask(alice, "POST", "/ui/codes")
    assert reply.status == 201
    code = (await reply.json())["code"]
    for headers in FOREIGN:
        refused = await door.ask(alice, "POST", "/ui/codes", **headers)
        assert refused.status == 403, headers
    begun = await door.ask(None, "POST", "/ui/session", json={"code": code}, Sec_Fetch_Site="same-origin")
    said = await begun.json()
    assert (begun.status, said["user"], said["namespaces"]) == (201, "alice", ["default"])
    assert clock.parse_timestamp(said["expiresAt"]) <= soon
    shown = {"Cookie": begun.headers["Set-Cookie"].partition(";")[0], cookies.KEY: said["key"]}
    assert (await door.ask(None, "GET", VPSES, **shown)).status == 200
    assert (await door.ask(None, "GET", kinds.TOKEN.path(), **shown)).status == 403


async def test_a_browsers_session_counts_before_its_certificate(door: Door) -> None:
    root = a_certificate(door.client_ca, (("CN", "root"), ("O", "role:admin")))
    over = {"Cookie": f"{cookies.NAME}={'x' * 43}", cookies.KEY: "k" * 43, "Sec_Fetch_Site": "same-origin"}
    assert await door.code(root, **over) == 401
    assert await door.code(root, **over | {"Cookie": "other=1"}) == 200


@pytest.mark.fault(47)
async def test_a_certificate_of_another_authority_or_out_of_time_gets_no_connection(door: Door) -> None:
    stranger = a_certificate(certificates.new_authority("people", now=NOW), ALICE)
    over = a_certificate(door.client_ca, ALICE, ends=NOW - datetime.timedelta(days=1))
    server = a_certificate(door.server_ca, ALICE)  # who signed the server's is not who signs people's
    for pair in (stranger, over, server):
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await door.code(pair)


async def test_a_config_file_that_holds_the_certificate_itself_is_enough(door: Door, tmp_path: Path) -> None:
    alice = a_certificate(door.client_ca, ALICE)
    data = {
        "client-certificate-data": base64.b64encode(alice.certificate).decode(),
        "client-key-data": base64.b64encode(alice.key).decode(),
    }
    config.write(
        tmp_path / "config",
        config.Connection(server=door.api.url, ca=door.server_ca.certificate),
        cluster="home",
        user="alice",
    )
    whole = yaml.safe_load((tmp_path / "config").read_text())
    whole["users"][0]["user"] = data
    (tmp_path / "config").write_text(yaml.safe_dump(whole))
    async with Client(config.load(tmp_path / "config"), program="test") as client:
        assert (await client.list(kinds.VPS, namespace="default")).items == []
        with pytest.raises(Forbidden):
            await client.list(kinds.TOKEN)
    whole["users"][0]["user"]["client-key-data"] = "%"
    (tmp_path / "config").write_text(yaml.safe_dump(whole))
    with pytest.raises(ConfigError, match="client-key-data"):
        config.load(tmp_path / "config")


async def test_an_authority_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    pair = certificates.sign(certificates.new_authority("a", now=NOW), "s", hosts=["localhost"], now=NOW)
    pair.save(tmp_path, "server")
    words = ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--client-ca", str(tmp_path / "none")]
    words += ["--tls-cert", str(tmp_path / "server.crt"), "--tls-key", str(tmp_path / "server.key")]
    with pytest.raises(ConfigError, match="none"):
        options.parse(words).tls()


def a_peer(*subject: tuple[str, str], ends: datetime.datetime = LATER) -> Peer:
    long = {"CN": "commonName", "O": "organizationName"}
    shown = {
        "subject": tuple(((long[name], value),) for name, value in subject),
        "notAfter": ends.strftime("%b %d %H:%M:%S %Y GMT"),
    }
    return Peer.of(shown, "digest")


def test_a_subject_is_read_as_a_user() -> None:
    wanted = User("alice", Role.USER, namespaces=("a", "b"), rights=("mounts",))
    subject = [("CN", "alice"), ("O", "role:user"), ("O", "namespace:a"), ("O", "namespace:b")]
    assert user_of(a_peer(*subject, ("O", "right:mounts"), ("O", "ACME Ltd")), now=NOW) == wanted
    assert user_of(a_peer(("CN", "eve"), ("O", "role:viewer")), now=NOW) == User("eve", Role.VIEWER)


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ([("O", "role:admin")], "no user"),
        ([("CN", "a"), ("CN", "b"), ("O", "role:admin")], "one common name"),
        ([("CN", "a")], "O=role:ROLE"),
        ([("CN", "a"), ("O", "admin")], "O=role:ROLE"),
        ([("CN", "a"), ("O", "role:admin"), ("O", "role:viewer")], "O=role:ROLE"),
        ([("CN", "a"), ("O", "role:node")], "O=role:ROLE"),
        ([("CN", "a"), ("O", "role:join")], "O=role:ROLE"),
        ([("CN", "a"), ("O", "system:masters")], "O=role:ROLE"),
        ([("CN", "a"), ("O", "role:user")], "names no namespace"),
        ([("CN", "a"), ("O", "role:admin"), ("O", "namespace:x")], "no namespaces"),
        ([("CN", "a"), ("O", "role:viewer"), ("O", "right:mounts")], "rights"),
        ([("CN", "a"), ("O", "role:user"), ("O", "namespace:x"), ("O", "right:all")], "rights"),
    ],
)
def test_a_subject_that_is_no_user_says_why(subject: list[tuple[str, str]], why: str) -> None:
    with pytest.raises(Unauthorized, match=why) as refused:
        user_of(a_peer(*subject), now=NOW)
    assert refused.value.hint


def test_a_connection_that_outlives_its_certificate_is_refused() -> None:
    peer = a_peer(*ALICE, ends=NOW + datetime.timedelta(hours=1))
    user_of(peer, now=NOW)
    with pytest.raises(Unauthorized, match="expired"):
        user_of(peer, now=NOW + datetime.timedelta(hours=2))
