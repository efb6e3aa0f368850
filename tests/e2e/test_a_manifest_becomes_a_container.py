"""The whole path by hand, with our own command: declare, edit, break from outside, delete."""

import asyncio
import json
from pathlib import Path

import pytest

from kohakuriver.apiserver.store.etcd import EtcdStore
from tests.e2e.conftest import Cluster, a_manifest, containers, eventually


def test_an_applied_manifest_runs_and_an_unchanged_one_changes_nothing(cluster: Cluster, engine):
    assert "vps/one created" in cluster.apply(a_manifest("one"))
    cluster.wait_running("one")
    before = cluster.get("one")
    assert "vps/one unchanged" in cluster.apply(a_manifest("one"))
    after = cluster.get("one")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]

    [container] = containers(engine, "one")
    assert container["State"] == "running"
    assert after["status"]["observed"]["container"]["id"] == container["Id"]
    assert container["Labels"]["kohakuriver.io/uid"] == after["metadata"]["uid"]
    assert container["Labels"]["kohakuriver.io/epoch"] == "1"
    cluster.ok("delete", "vps", "one")


def test_more_memory_is_given_to_the_running_container(cluster: Cluster, engine):
    cluster.apply(a_manifest("grow"))
    cluster.wait_running("grow")
    [before] = containers(engine, "grow")

    assert "vps/grow configured" in cluster.apply(a_manifest("grow", memory="96Mi"))

    def limit() -> bool:
        host = engine.inspect_container(before["Id"])["HostConfig"]
        return host["Memory"] == 96 << 20 and host["MemorySwap"] == 96 << 20

    eventually(limit)
    [after] = containers(engine, "grow")
    assert after["Id"] == before["Id"]
    assert "96Mi" in cluster.ok("get", "vps", "grow")
    cluster.ok("delete", "vps/grow")


@pytest.mark.fault(16)
def test_a_container_removed_by_hand_comes_back_and_an_event_says_so(cluster: Cluster, engine):
    cluster.apply(a_manifest("back"))
    cluster.wait_running("back")
    [before] = containers(engine, "back")

    engine.remove_container(before["Id"], force=True)

    def another() -> list[dict[str, object]]:
        return [c for c in containers(engine, "back", all=False) if c["Id"] != before["Id"]]

    [after] = eventually(another)
    cluster.wait_running("back")
    told = eventually(
        lambda: [event["message"] for event in cluster.events("back") if event["type"] == "Warning"]
    )
    assert any("outside" in message for message in told), told
    assert len(containers(engine, "back")) == 1
    assert after["Labels"]["kohakuriver.io/epoch"] == "1"
    cluster.ok("delete", "vps", "back")


def keys_about(cluster: Cluster, name: str) -> list[str]:
    """The keys in the cluster's private etcd that name or mention a VPS."""
    etcd = json.loads((cluster.data_dir / "run.json").read_text())["programs"]["etcd"]["pid"]
    command = Path(f"/proc/{etcd}/cmdline").read_text().split("\0")
    [endpoint] = [word.split("=", 1)[1] for word in command if word.startswith("--listen-client-urls=")]
    pki = cluster.data_dir / "pki"

    async def read() -> list[str]:
        store = await EtcdStore.connect(
            [endpoint],
            prefix="/kohakuriver/",
            ca=pki / "etcd-ca.crt",
            cert=pki / "etcd.crt",
            key=pki / "etcd.key",
        )
        page = await store.list("")
        await store.aclose()
        return [r.key for r in page.records if name in r.key or name.encode() in r.value]

    return asyncio.run(read())


def test_a_deleted_vps_leaves_nothing_but_its_events(cluster: Cluster, engine):
    cluster.apply(a_manifest("gone"))
    cluster.wait_running("gone")
    uid = cluster.get("gone")["metadata"]["uid"]

    assert "gone" in cluster.ok("delete", "vps", "gone")

    assert containers(engine, "gone") == []
    missing = cluster.cli("get", "vps", "gone")
    assert missing.code == 1
    assert 'there is no VPS "gone" in namespace default' in missing.err
    [node] = json.loads(cluster.ok("get", "nodeallocations", "-o", "json"))["items"]
    assert uid not in node["bookings"]
    assert cluster.events("gone")
    left = keys_about(cluster, "gone")
    assert left
    assert all(key.startswith("registry/events/") for key in left), left


@pytest.mark.fault(21)
def test_a_vps_deleted_while_it_is_being_made_leaves_no_container(cluster: Cluster, engine):
    cluster.apply("---\n".join(a_manifest(f"brief-{number}") for number in range(5)))
    cluster.ok("delete", "vps", *(f"brief-{number}" for number in range(5)))
    for number in range(5):
        assert containers(engine, f"brief-{number}") == []


def test_describe_ends_in_the_events(cluster: Cluster):
    cluster.apply(a_manifest("tell"))
    cluster.wait_running("tell")
    eventually(lambda: cluster.events("tell"))
    told = cluster.ok("describe", "vps", "tell")
    assert "running" in told
    assert "Events:" in told
    assert told.index("Events:") > told.index("tell")
    cluster.ok("delete", "vps", "tell")


@pytest.mark.fault(23)
def test_what_fits_nowhere_is_pending_and_says_why_in_numbers(cluster: Cluster):
    cluster.apply(a_manifest("huge", memory="900Gi"))
    message = eventually(lambda: cluster.get("huge")["status"].get("message"))
    assert cluster.phase("huge") == "pending"
    assert "memory" in message
    assert "900Gi" in message
    cluster.ok("delete", "vps", "huge")
