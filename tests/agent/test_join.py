"""`agent --join` against the real API server over TLS: what is sent when, and what a crash leaves."""

import dataclasses
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver import certificates, errors, private_file
from kohakuriver.agent import join
from kohakuriver.agent.settings import Join
from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.client import authority, config
from kohakuriver.client.rest import Client
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api


@dataclasses.dataclass
class Cluster:
    api: Api
    ca: bytes

    async def wanted(self, name: str = "join-1", **spec: str) -> Join:
        """A join token, and how it is used."""
        whole = {"sha256": fingerprint(name), "role": "join", "ttl": "1h", **spec}
        await self.api.create(kinds.TOKEN, {"metadata": {"name": name}, "spec": whole})
        return Join(self.url, name, authority.hash_of(self.ca))

    @property
    def url(self) -> str:
        return self.api.url


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    now = SystemClock().now()
    ca = certificates.new_authority("test", now=now)
    certificates.sign(ca, "server", hosts=["127.0.0.1"], now=now).save(tmp_path / "pki", "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "pki" / "server.crt", tmp_path / "pki" / "server.key")
    shown = ca.certificate + certificates.new_authority("stranger", now=now).certificate
    async with running_api(clock=SystemClock(), tls=tls, authority=shown) as api:
        api.session._connector._ssl = False  # type: ignore[union-attr] - the test's own calls
        yield Cluster(api, ca.certificate)


async def node_of(connection: config.Connection, name: str = "n7") -> str:
    async with Client(connection, program="test") as client:
        body = {"apiVersion": kinds.API_VERSION, "kind": "Node", "metadata": {"name": name}}
        return str((await client.create(kinds.NODE, body))["metadata"]["name"])


async def test_it_has_a_credential_of_its_own_afterwards_for_its_owner_alone(
    cluster: Cluster, tmp_path: Path
) -> None:
    wanted = await cluster.wanted()
    made = await join.connection(wanted, node="n7", data_dir=tmp_path / "data")
    file = tmp_path / "data" / "agent.config"
    assert file.stat().st_mode & 0o777 == 0o600
    assert config.load(file).token == made.token != wanted.token
    assert made.ca is not None and made.ca.count(b"BEGIN CERTIFICATE") == 1, "what came along is not trusted"
    assert await node_of(config.load(file)) == "n7"
    assert [path.name for path in file.parent.iterdir()] == ["agent.config"]


async def test_run_again_it_uses_what_it_has(cluster: Cluster, tmp_path: Path) -> None:
    first = await join.connection(await cluster.wanted(), node="n7", data_dir=tmp_path / "data")
    over = Join(cluster.url, "no token any more", authority.hash_of(cluster.ca))
    assert (await join.connection(over, node="n7", data_dir=tmp_path / "data")).token == first.token


async def test_killed_after_its_secret_was_taken_it_goes_on_with_the_same(
    cluster: Cluster, tmp_path: Path
) -> None:
    wanted = await cluster.wanted()
    private_file.write(tmp_path / "data" / "agent.joining", "secret-before")
    path = kinds.NODE.path(name="n7", subresource="join")
    headers = {"Authorization": f"Bearer {wanted.token}"}
    body = {"sha256": fingerprint("secret-before")}
    assert (await cluster.api.call("POST", path, body, headers=headers)).code == 201
    assert (await join.connection(wanted, node="n7", data_dir=tmp_path / "data")).token == "secret-before"


@pytest.mark.fault(47)
async def test_another_authority_than_the_one_of_the_hash_gets_to_see_nothing(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = dataclasses.replace(await cluster.wanted(), ca_hash=f"sha256:{'0' * 64}")
    caplog.clear()
    caplog.set_level("DEBUG", "kohakuriver.apiserver.audit")
    with pytest.raises(errors.ConfigError, match="is not the cluster that was meant"):
        await join.connection(wanted, node="n7", data_dir=tmp_path / "data")
    asked = [(line.path, line.who) for line in caplog.records if line.name == "kohakuriver.apiserver.audit"]  # type: ignore[attr-defined]
    assert asked == [("/cacert", "-")]
    assert not (tmp_path / "data" / "agent.config").exists()


async def test_a_name_that_is_taken_is_told_and_nothing_is_kept(cluster: Cluster, tmp_path: Path) -> None:
    wanted = await cluster.wanted()
    await join.connection(wanted, node="n7", data_dir=tmp_path / "one")
    with pytest.raises(errors.Conflict, match="there is a node of this name already") as caught:
        await join.connection(wanted, node="n7", data_dir=tmp_path / "two")
    assert "--node" in caught.value.hint
    assert not (tmp_path / "two" / "agent.config").exists()
    await join.connection(wanted, node="n8", data_dir=tmp_path / "two")


async def test_a_credential_that_is_good_no_more_is_replaced_by_joining_anew(
    cluster: Cluster, tmp_path: Path
) -> None:
    first = await join.connection(await cluster.wanted(), node="n7", data_dir=tmp_path / "data")
    await cluster.api.call("DELETE", kinds.TOKEN.path(name="node-n7"))
    anew = await cluster.wanted("join-2", node="n7")
    second = await join.connection(anew, node="n7", data_dir=tmp_path / "data")
    assert second.token != first.token
    assert await node_of(second) == "n7"


async def test_the_files_of_another_cluster_are_left_alone(cluster: Cluster, tmp_path: Path) -> None:
    wanted = await cluster.wanted()
    await join.connection(wanted, node="n7", data_dir=tmp_path / "data")
    other = dataclasses.replace(wanted, ca_hash=f"sha256:{'1' * 64}")
    with pytest.raises(errors.ConfigError, match="of another cluster"):
        await join.connection(other, node="n7", data_dir=tmp_path / "data")
