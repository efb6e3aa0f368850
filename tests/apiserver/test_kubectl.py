"""Stock kubectl against the real API server over the in-memory store."""

import asyncio
import json
import stat

import pytest

from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.apiserver.kubectl_kit import kubectl_at_work

MERGE = {"Content-Type": "application/merge-patch+json"}
READY = {"type": "Ready", "status": "True"}
MANIFEST = """\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata: {name: dev, labels: {team: red}}
spec:
  image: kohakuriver/busybox
  resources: {cores: 1, memory: 64Mi}
"""


async def test_it_finds_and_explains_the_kinds(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        resources = (await kubectl("api-resources", "-o", "name")).out.split()
        assert "vpses.kohakuriver.io" in resources
        assert "leases.coordination.k8s.io" in resources
        told = await kubectl("explain", "vps.spec.resources")
        assert "CPU cores as a quantity" in told.out
        version = await kubectl("version")
        assert "Server Version" in version.out
        assert version.err == ""


async def test_it_applies_and_changes_and_deletes(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        assert "created" in (await kubectl("apply", "-f", "-", stdin=MANIFEST)).out
        assert "unchanged" in (await kubectl("apply", "-f", "-", stdin=MANIFEST)).out
        changed = MANIFEST.replace("64Mi", "72Mi")
        assert "-    memory: 64Mi" in (await kubectl("diff", "-f", "-", stdin=changed)).out
        assert "configured" in (await kubectl("apply", "-f", "-", stdin=changed)).out
        patch = '{"spec":{"resources":{"memory":"80Mi"}}}'
        assert "patched" in (await kubectl("patch", "vps", "dev", "--type=merge", "-p", patch)).out
        editor = tmp_path / "editor"
        editor.write_text('#!/bin/sh\nsed -i "s/memory: 80Mi/memory: 90Mi/" "$1"\n')
        editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
        assert "edited" in (await kubectl("edit", "vps", "dev", EDITOR=str(editor))).out
        memory = await kubectl("get", "vps", "dev", "-o", "jsonpath={.spec.resources.memory}")
        assert memory.out == "90Mi"
        waited = await kubectl("wait", "vps/dev", "--for=jsonpath={.status.phase}=pending", "--timeout=60s")
        assert "condition met" in waited.out
        assert "deleted" in (await kubectl("delete", "vps", "dev")).out
        assert "NotFound" in (await kubectl("get", "vps", "dev")).err


async def test_it_prints_tables_and_describes(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        await kubectl("apply", "-f", "-", stdin=MANIFEST)
        lines = (await kubectl("get", "vps")).out.splitlines()
        assert lines[0].split() == ["NAME", "STATUS", "NODE", "CORES", "MEMORY", "GPUS", "SSH-PORT", "AGE"]
        assert lines[1].split()[:5] == ["dev", "pending", "<none>", "1", "64Mi"]
        assert "kohakuriver/busybox" in (await kubectl("get", "vps", "-o", "wide")).out
        assert "dev" in (await kubectl("get", "vps", "-l", "team in (red)", "-o", "name")).out
        assert "No resources" in (await kubectl("get", "vps", "-l", "team=blue")).err
        uid = (await kubectl("get", "vps", "dev", "-o", "jsonpath={.metadata.uid}")).out
        about = {"kind": "VPS", "name": "dev", "namespace": "default", "uid": uid}
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "dev.1"}, "involvedObject": about}
        event |= {"reason": "Greeted", "type": "Normal"}
        assert "created" in (await kubectl("create", "-f", "-", stdin=json.dumps(event))).out
        assert "Greeted" in (await kubectl("describe", "vps", "dev")).out
        assert "Greeted" in (await kubectl("get", "events")).out


async def test_it_follows_what_happens(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        watch = await kubectl.start("get", "vps", "-w", "-o", "name")
        assert watch.stdout is not None
        await kubectl("apply", "-f", "-", stdin=MANIFEST)
        async with asyncio.timeout(60):
            assert (await watch.stdout.readline()).strip() == b"vps.kohakuriver.io/dev"
        watch.terminate()
        await watch.communicate()


async def test_it_is_told_what_is_wrong_with_a_manifest(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        refused = await kubectl("apply", "-f", "-", stdin=MANIFEST.replace("image:", "imge:"))
        assert refused.code == 1
        assert 'unknown field "spec.imge"' in refused.err
        refused = await kubectl("apply", "-f", "-", stdin=MANIFEST.replace("64Mi", "0"))
        assert refused.code == 1
        assert "spec.resources.memory" in refused.err


async def test_it_creates_and_deletes_namespaces(tmp_path):
    """The body of `create namespace` is protobuf."""
    async with kubectl_at_work(tmp_path) as kubectl:
        assert "created" in (await kubectl("create", "namespace", "team")).out
        assert "created" in (await kubectl("apply", "-n", "team", "-f", "-", stdin=MANIFEST)).out
        assert "dev" in (await kubectl("get", "vps", "-A")).out
        assert "still holds" in (await kubectl("delete", "namespace", "team")).err
        await kubectl("delete", "vps", "--all", "-n", "team")
        assert "deleted" in (await kubectl("delete", "namespace", "team")).out


@pytest.mark.fault(7, 8)
async def test_a_lost_vps_waits_for_its_node_and_force_lets_it_go(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl, running_api(kubectl.api.store) as api:
        await api.create(kinds.NODE, {"metadata": {"name": "n1"}}, user="n1")
        status = {"allocatable": {"cores": "4", "memory": "8Gi"}, "conditions": [READY]}
        path = kinds.NODE.path(name="n1", subresource="status")
        await api.call("PATCH", path, {"status": status}, user="n1", headers=MERGE)
        vps = await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        path = kinds.VPS.path(namespace="default", name="dev")
        await api.call(
            "POST", f"{path}/bind", {"uid": vps["metadata"]["uid"], "node": "n1"}, user="controller"
        )
        silent = {"status": {"unreachableSince": "2026-01-01T00:00:00Z"}}
        await api.call("PATCH", f"{path}/status", silent, user="admin", headers=MERGE)
        assert (await kubectl("delete", "vps", "dev", "--wait=false")).code == 0
        shown = (await kubectl("get", "vps", "dev", "-o", "wide")).out
        assert "terminating" in shown and "--force to forget" in shown
        forced = await kubectl("delete", "vps", "dev", "--force", "--grace-period=0")
        assert forced.code == 0 and "deleted" in forced.out, forced
        assert "NotFound" in (await kubectl("get", "vps", "dev")).err
        bookings = (
            await kubectl("get", "nodeallocation", "n1", "-o", "jsonpath={.bookings.*.tombstone.why}")
        ).out
        assert bookings == "deleted by force by admin"


POLICY = """\
apiVersion: kohakuriver.io/v1alpha1
kind: Policy
metadata: {name: house}
spec:
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}
  images: {registries: [ghcr.io]}
  highestPriority: 10
"""


async def test_policies_are_served_as_any_kind_and_their_refusals_are_printed(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        assert "policies.kohakuriver.io" in (await kubectl("api-resources", "-o", "name")).out
        told = (await kubectl("explain", "policies.spec.images")).out
        assert "Registries, or parts of one, that images may come from" in told
        mistaken = POLICY.replace("ghcr.io", "library/debian")
        refused = await kubectl("apply", "-f", "-", stdin=mistaken)
        assert refused.code == 1 and "write docker.io/library/debian" in refused.err
        assert "created" in (await kubectl("apply", "-f", "-", stdin=POLICY)).out
        assert "unchanged" in (await kubectl("apply", "-f", "-", stdin=POLICY)).out
        table = (await kubectl("get", "policies", "-o", "wide")).out.splitlines()
        assert table[0].split() == ["NAME", "NAMESPACES", "LIMITS", "AGE", "REGISTRIES"]
        assert table[1].split()[:3] == ["house", "kubernetes.io/metadata.name=default", "images,priority<=10"]
        assert "Highest Priority:" in (await kubectl("describe", "policy", "house")).out
        bad = MANIFEST.replace("kohakuriver/busybox", "quay.io/a/b")
        for words in (("--dry-run=server",), ()):
            refused = await kubectl("apply", "-f", "-", *words, stdin=bad)
            assert refused.code == 1
            assert (
                'The VPS "dev" is invalid: spec.image: Forbidden: "quay.io/a/b" does not come' in refused.err
            )
            assert 'Policy "house"' in refused.err
        assert "created" in (await kubectl("apply", "-f", "-", stdin=MANIFEST)).out
        assert "deleted" in (await kubectl("delete", "policy", "house")).out
        assert "configured" in (await kubectl("apply", "-f", "-", stdin=bad)).out


SNAPSHOT = """\
apiVersion: kohakuriver.io/v1alpha1
kind: Snapshot
metadata: {name: before-upgrade}
spec: {vps: {name: dev}, keepFor: 48h}
"""


async def test_snapshots_are_made_shown_kept_longer_and_deleted(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl, running_api(kubectl.api.store) as api:
        assert "snapshots.kohakuriver.io" in (await kubectl("api-resources", "-o", "name")).out
        refused = await kubectl("apply", "-f", "-", stdin=SNAPSHOT)
        assert refused.code == 1
        assert 'spec.vps.name: Not found: "dev": there is no such VPS in this namespace' in refused.err
        await api.create(kinds.NODE, {"metadata": {"name": "n1"}}, user="n1")
        status = {"allocatable": {"cores": "4", "memory": "8Gi"}, "conditions": [READY]}
        path = kinds.NODE.path(name="n1", subresource="status")
        await api.call("PATCH", path, {"status": status}, user="n1", headers=MERGE)
        vps = await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        order = {"uid": vps["metadata"]["uid"], "node": "n1"}
        path = kinds.VPS.path(namespace="default", name="dev")
        await api.call("POST", f"{path}/bind", order, user="controller")

        assert "created" in (await kubectl("apply", "-f", "-", stdin=SNAPSHOT)).out
        assert "unchanged" in (await kubectl("apply", "-f", "-", stdin=SNAPSHOT)).out
        path = kinds.SNAPSHOT.path(namespace="default", name="before-upgrade")
        uid = (await kubectl("get", "snap", "before-upgrade", "-o", "jsonpath={.metadata.uid}")).out
        taken = {"phase": "Ready", "size": 240 << 20, "pausedMilliseconds": 812, "message": "taken"}
        said = {"metadata": {"uid": uid}, "status": taken}
        assert (await api.call("PATCH", f"{path}/status", said, user="n1", headers=MERGE)).code == 200
        lines = (await kubectl("get", "snapshots")).out.splitlines()
        assert lines[0].split() == ["NAME", "VPS", "PHASE", "SIZE", "PAUSED", "AGE"]
        assert lines[1].split()[:5] == ["before-upgrade", "dev", "Ready", "240Mi", "812ms"]
        wide = (await kubectl("get", "snapshots", "-o", "wide")).out.splitlines()[0].split()
        assert wide[-4:] == ["NODE", "CAUSE", "EXPIRES", "MESSAGE"]
        for selector, found in (("spec.vps.node=n1,status.phase=Ready", 1), ("spec.vps.name=other", 0)):
            shown = await kubectl("get", "snapshots", "-o", "name", "--field-selector", selector)
            assert len(shown.out.split()) == found
        counted = "count/snapshots.kohakuriver.io"
        hard = f"--hard={counted}=5,requests.storage=10Gi"
        assert "created" in (await kubectl("create", "quota", "team", hard)).out
        for about in (("quota", "team"), ("namespace", "default")):
            lines = [line.split() for line in (await kubectl("describe", *about)).out.splitlines()]
            assert [counted, "1", "5"] in lines and ["requests.storage", "240Mi", "10Gi"] in lines
        assert "Keep For:" in (await kubectl("describe", "snapshot", "before-upgrade")).out
        assert "Which files, and for how long" in (await kubectl("explain", "snapshot.spec")).out
        assert "before-upgrade" not in (await kubectl("get", "all")).out

        longer = SNAPSHOT.replace("48h", "72h")
        assert "configured" in (await kubectl("apply", "-f", "-", stdin=longer)).out
        other = await kubectl("apply", "-f", "-", stdin=SNAPSHOT.replace("name: dev", "name: dev2"))
        assert other.code == 1 and "spec.vps: Forbidden: cannot change" in other.err
        waits = await kubectl.start("delete", "snapshot", "before-upgrade")
        while "deletionTimestamp" not in (await api.get(path)).body["metadata"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert (await api.call("POST", f"{path}/finish", {"uid": uid}, user="n1")).code == 200
        async with asyncio.timeout(30):
            out, _ = await waits.communicate()
        assert waits.returncode == 0 and b"deleted" in out
        assert "NotFound" in (await kubectl("get", "snapshot", "before-upgrade")).err
