import contextlib
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aetcd import rpc

from kohakuriver.apiserver.store.base import Put, StoreFull, StoreRefused, StoreUnavailable
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.errors import ConfigError
from tests.apiserver.store_contract import CopiedContract, StoreContract, changes, put, until
from tests.etcd import Certificates, EtcdProcess

pytestmark = pytest.mark.etcd


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdProcess]:
    with EtcdProcess(tmp_path_factory.mktemp("etcd")) as process:
        yield process


@pytest.fixture
async def store(etcd: EtcdProcess) -> AsyncIterator[EtcdStore]:
    connected = await EtcdStore.connect([etcd.endpoint], prefix=f"/{uuid.uuid4()}")
    yield connected
    await connected.aclose()


class TestEtcdStore(StoreContract, CopiedContract):
    """The contract, on a real etcd."""


async def test_stores_with_other_prefixes_do_not_see_each_other(etcd: EtcdProcess, store: EtcdStore) -> None:
    other = await EtcdStore.connect([etcd.url], prefix="/other/")
    await put(other, "a")
    assert await store.get("a") is None
    assert (await store.list("")).records == ()
    await other.aclose()


def _sent(etcd: EtcdProcess) -> float:
    """Bytes that etcd has sent to its clients."""
    with urllib.request.urlopen(f"{etcd.url}/metrics") as reply:  # noqa: S310 - of our own etcd
        lines = reply.read().decode().splitlines()
    (line,) = (one for one in lines if one.startswith("etcd_network_client_grpc_sent_bytes_total "))
    return float(line.rpartition(" ")[2])


async def test_a_watch_is_sent_what_is_there_and_not_what_was(store: EtcdStore, etcd: EtcdProcess) -> None:
    size = 200_000
    await put(store, "p/a", b"x" * size)
    start = await put(store, "p/b")
    before = _sent(etcd)
    async with contextlib.aclosing(store.watch("p/", start=start + 1)) as stream:
        end = await put(store, "p/a", b"y" * size)
        await until(stream, end)
    assert size < _sent(etcd) - before < 1.5 * size


async def test_puts_of_one_lifetime_share_a_lease(store: EtcdStore, etcd: EtcdProcess) -> None:
    for n in range(20):
        await store.commit(expect={}, writes=[Put(f"events/{n}", b"x", ttl=3600)])
    key, range_end = store._space.span("events/")
    reply = await store._range(rpc.RangeRequest(key=key, range_end=range_end))
    assert len(reply.kvs) == 20
    (lease,) = {stored.lease for stored in reply.kvs}
    assert lease != 0


async def test_a_put_whose_lease_was_lost_takes_another(store: EtcdStore) -> None:
    await store.commit(expect={}, writes=[Put("events/a", b"x", ttl=3600)])
    (held,) = store._leases._held.values()
    await store._wire.call(lambda link: link.lease.LeaseRevoke, rpc.LeaseRevokeRequest(ID=held.lease))
    await store.commit(expect={}, writes=[Put("events/b", b"x", ttl=3600)])
    assert await store.get("events/b") is not None


async def test_etcd_is_reached_over_tls_with_a_client_certificate(tmp_path: Path) -> None:
    files = Certificates.make(tmp_path)
    with EtcdProcess(tmp_path / "etcd", tls=files) as etcd:
        store = await EtcdStore.connect([etcd.url], ca=files.ca, cert=files.cert, key=files.key)
        at = await put(store, "a", b"1")
        assert await store.revision() == at
        await store.aclose()


async def test_over_tls_nobody_is_served_without_the_right_certificates(tmp_path: Path) -> None:
    files = Certificates.make(tmp_path)
    (tmp_path / "other").mkdir()
    strangers = Certificates.make(tmp_path / "other")
    with EtcdProcess(tmp_path / "etcd", tls=files) as etcd:
        without = await EtcdStore.connect([etcd.endpoint], ca=files.ca)
        distrusting = await EtcdStore.connect(
            [etcd.endpoint], ca=strangers.ca, cert=files.cert, key=files.key
        )
        plain = await EtcdStore.connect([etcd.endpoint])
        for store in (without, distrusting, plain):
            with pytest.raises(StoreUnavailable) as failure:
                await store.revision()
            assert etcd.endpoint in str(failure.value)
            await store.aclose()


async def test_a_user_logs_in_and_again_after_etcd_forgot(tmp_path: Path) -> None:
    with EtcdProcess(tmp_path / "etcd") as etcd:
        admin = await EtcdStore.connect([etcd.endpoint])
        await admin._wire.call(
            lambda link: link.auth.UserAdd, rpc.AuthUserAddRequest(name="root", password="secret")
        )
        await admin._wire.call(
            lambda link: link.auth.UserGrantRole, rpc.AuthUserGrantRoleRequest(user="root", role="root")
        )
        await admin._wire.call(lambda link: link.auth.AuthEnable, rpc.AuthEnableRequest())
        with pytest.raises(StoreRefused):
            await put(admin, "a")
        wrong = await EtcdStore.connect([etcd.endpoint], user="root", password="guess")
        with pytest.raises(StoreRefused):
            await put(wrong, "a")
        store = await EtcdStore.connect([etcd.endpoint], user="root", password="secret")
        await put(store, "a")
        etcd.restart()  # etcd keeps its tokens in memory
        at = await put(store, "b")
        stream = store.watch("", start=1)
        assert [change.key for change in changes(await until(stream, at))] == ["a", "b"]
        await stream.aclose()  # type: ignore[attr-defined]
        for connected in (admin, wrong, store):
            await connected.aclose()


async def test_an_etcd_out_of_space_refuses_puts_raises_its_alarm_and_can_be_read(
    tmp_path: Path,
) -> None:
    with EtcdProcess(tmp_path / "etcd", extra=("--quota-backend-bytes=2000000",)) as etcd:
        store = await EtcdStore.connect([etcd.endpoint])
        await put(store, "small")
        with pytest.raises(StoreFull) as failure:
            for n in range(100):  # it learns its own size every 100 ms
                await put(store, f"large/{n}", b"x" * 1_000_000)
        assert "quota" in failure.value.hint
        assert await store.alarms() == ("NOSPACE",)
        assert await store.get("small") is not None
        with pytest.raises(StoreFull):
            await put(store, "small", b"again")
        await store.compact(await store.revision())
        await store.aclose()


@pytest.mark.parametrize(
    ("endpoints", "options", "complaint"),
    [
        ([], {}, "at least one"),
        (["ftp://h:1"], {}, "HOST:PORT"),
        (["http://h:1"], {"ca": Path("ca.crt")}, "plain http"),
        (["h:1"], {"cert": Path("c.crt")}, "both its certificate and its key"),
        (["h:1"], {"ca": Path("/nowhere/ca.crt")}, "cannot be read"),
        (["h:1"], {"user": "root"}, "both a user and a password"),
    ],
)
async def test_options_that_make_no_sense_are_refused_at_once(
    endpoints: list[str], options: dict[str, Path | str], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        await EtcdStore.connect(endpoints, **options)  # type: ignore[arg-type]
