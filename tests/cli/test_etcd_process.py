"""The private etcd, for real: mutual TLS, and tidied up before anybody uses it."""

import datetime
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kohakuriver.apiserver.store.base import Put, StoreFull, StoreUnavailable
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.cli.local import cluster_files, etcd_process
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.etcd_process import Etcd
from tests.e2e.conftest import eventually
from tests.etcd import free_port

pytestmark = pytest.mark.etcd
NOW = datetime.datetime.now(datetime.UTC)
SMALL = 4_000_000  # bytes of the quota


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[Etcd]:
    files = ClusterFiles(tmp_path)
    cluster_files.ensure_certificates(files, ["127.0.0.1"], NOW)
    made = Etcd(
        data=tmp_path / "etcd",
        client_port=free_port(),
        peer_port=free_port(),
        ca=files.pki / "etcd-ca.crt",
        certificate=files.pki / "etcd.crt",
        key=files.pki / "etcd.key",
    )
    command = [*made.command(etcd_process.find()), f"--quota-backend-bytes={SMALL}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: not made.missing(), within=60)
        yield made
    finally:
        process.kill()
        process.wait()


def size(etcd: Etcd) -> int:
    return (etcd.data / "member" / "snap" / "db").stat().st_size


async def connect(etcd: Etcd) -> EtcdStore:
    return await EtcdStore.connect([etcd.url], ca=etcd.ca, cert=etcd.certificate, key=etcd.key)


async def test_old_revisions_and_the_space_they_had_are_gone_and_the_newest_stays(etcd: Etcd) -> None:
    store = await connect(etcd)
    for number in range(30):
        await store.commit(expect={}, writes=[Put("a", str(number).encode() + b"x" * 50_000)])
    eventually(lambda: size(etcd) > 1_000_000, within=60)  # etcd writes its file in batches
    before = size(etcd)
    assert etcd.tidy() == ""
    assert size(etcd) < before / 3
    record = await store.get("a")
    assert record is not None and record.value.startswith(b"29")
    assert etcd.tidy() == "", "it may be done again"
    await store.aclose()


@pytest.mark.fault(20)
async def test_an_etcd_that_ran_out_of_space_takes_writes_again(etcd: Etcd) -> None:
    store = await connect(etcd)
    with pytest.raises(StoreFull, match="NOSPACE"):
        for _ in range(100):
            await store.commit(expect={}, writes=[Put("a", b"x" * 500_000)])
    assert etcd.missing() == "", "or it would never come to be tidied"
    assert etcd.tidy() == ""
    await store.commit(expect={}, writes=[Put("a", b"again")])
    await store.aclose()


async def test_nobody_without_this_clusters_certificate_gets_in(etcd: Etcd) -> None:
    for options in ({}, {"ca": etcd.ca}):
        stranger = await EtcdStore.connect([f"https://127.0.0.1:{etcd.client_port}"], **options)
        with pytest.raises(StoreUnavailable):
            await stranger.revision()
        await stranger.aclose()
