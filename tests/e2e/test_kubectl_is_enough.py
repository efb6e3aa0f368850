"""The same path with stock kubectl, which knows nothing of us but what the API server tells it."""

import json
import os
import stat
import subprocess

from tests.e2e.conftest import BIN, Cluster, a_manifest, containers, eventually


def test_kubectl_finds_and_explains_the_kinds(cluster: Cluster):
    resources = cluster.kube("api-resources")
    for line in ("vpses", "nodes", "nodeallocations", "namespaces", "events", "leases"):
        assert line in resources
    told = cluster.kube("explain", "vps.spec.resources")
    assert "cores" in told
    assert "memory" in told
    assert "DESCRIPTION" in told


def test_kubectl_drives_a_vps_from_apply_to_delete(cluster: Cluster, engine):
    watch = subprocess.Popen(
        [str(BIN / "kubectl"), "get", "vps", "-w"],
        stdout=subprocess.PIPE,
        text=True,
        env=cluster.environment(),
    )
    assert "created" in cluster.kube("apply", "-f", "-", stdin=a_manifest("kube"))
    cluster.kube("wait", "vps/kube", "--for=jsonpath={.status.phase}=running", "--timeout=60s")
    assert "unchanged" in cluster.kube("apply", "-f", "-", stdin=a_manifest("kube"))

    table = cluster.kube("get", "vps").splitlines()
    assert table[0].split()[:3] == ["NAME", "STATUS", "NODE"]
    assert table[1].split()[:2] == ["kube", "running"]
    assert "kohakuriver/busybox" in cluster.kube("get", "vps", "kube", "-o", "wide")
    assert "runState: Running" in cluster.kube("get", "vps", "kube", "-o", "yaml")
    assert cluster.kube("get", "vps", "kube", "-o", "jsonpath={.status.phase}") == "running"

    eventually(lambda: cluster.events("kube"))
    told = cluster.kube("describe", "vps", "kube")
    assert "Events:" in told
    assert "Scheduled" in told

    cluster.kube("patch", "vps", "kube", "--type=merge", "-p", '{"spec":{"resources":{"memory":"80Mi"}}}')
    [container] = containers(engine, "kube")
    eventually(lambda: engine.inspect_container(container["Id"])["HostConfig"]["Memory"] == 80 << 20)

    cluster.kube("delete", "vps", "kube", timeout=60)
    assert containers(engine, "kube") == []
    assert "NotFound" in cluster.kubectl("get", "vps", "kube").err
    watch.terminate()
    lines, _ = watch.communicate()
    seen = [line.split()[1] for line in lines.splitlines() if line.startswith("kube")]
    assert "running" in seen
    assert "terminating" in seen


def test_kubectl_edit_goes_through_the_editor(cluster: Cluster, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/memory: 64Mi/memory: 72Mi/" "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    cluster.kube("apply", "-f", "-", stdin=a_manifest("edited"))
    cluster.kube("wait", "vps/edited", "--for=jsonpath={.status.phase}=running", "--timeout=60s")
    assert "edited" in cluster.kube(
        "edit", "vps", "edited", EDITOR=str(editor), TERM=os.environ.get("TERM", "dumb")
    )
    assert cluster.get("edited")["spec"]["resources"]["memory"] == "72Mi"
    cluster.kube("delete", "vps", "edited")


def test_kubectl_apply_refuses_a_field_that_does_not_exist(cluster: Cluster):
    refused = cluster.kubectl("apply", "-f", "-", stdin=a_manifest("typo", more="  imge: x\n"))
    assert refused.code == 1
    assert 'unknown field "spec.imge"' in refused.err
    assert cluster.kubectl("get", "vps", "typo").code == 1


def test_a_vps_applied_with_kubectl_is_managed_with_our_command_and_back(cluster: Cluster):
    cluster.kube("apply", "-f", "-", stdin=a_manifest("shared"))
    assert "unchanged" in cluster.apply(a_manifest("shared"))
    assert "configured" in cluster.apply(a_manifest("shared", memory="70Mi"))
    assert "unchanged" in cluster.kube("apply", "-f", "-", stdin=a_manifest("shared", memory="70Mi"))
    cluster.ok("delete", "vps", "shared")


def test_kubectl_sees_the_node_and_the_events(cluster: Cluster):
    node = json.loads(cluster.kube("get", "nodes", "-o", "json"))["items"][0]
    ready = {c["type"]: c["status"] for c in node["status"]["conditions"]}
    assert ready["Ready"] == "True"
    cluster.kube("get", "events", "-A")
    cluster.kube("get", "namespaces")


def test_kubectl_limits_a_namespace_and_is_told_what_is_taken_of_it(cluster: Cluster):
    vpses, bytes_ = "count/vpses.kohakuriver.io", "kohakuriver.io/object-bytes"
    cluster.kube("create", "namespace", "small")
    cluster.kube("create", "quota", "team", f"--hard={vpses}=1,requests.cpu=1,{bytes_}=1Mi", "-n", "small")
    cluster.kube("apply", "-n", "small", "-f", "-", stdin=a_manifest("first"))
    cluster.kube(
        "wait", "-n", "small", "vps/first", "--for=jsonpath={.status.phase}=running", "--timeout=60s"
    )

    refused = cluster.kubectl("apply", "-n", "small", "-f", "-", stdin=a_manifest("second"))
    assert refused.code == 1
    assert f'"second" is forbidden: exceeded quota: team, requested: {vpses}=1' in refused.err
    assert f"used: {vpses}=1, limited: {vpses}=1" in refused.err
    titles, row = cluster.kube("get", "quota", "-n", "small").splitlines()
    assert titles.split() == ["NAME", "REQUEST", "LIMIT", "AGE"]
    assert f"{vpses}: 1/1" in row
    for about in (("quota", "team", "-n", "small"), ("namespace", "small")):
        lines = [line.split() for line in cluster.kube("describe", *about).splitlines()]
        assert [vpses, "1", "1"] in lines
        [[_, booked, _]] = [line for line in lines if line[:1] == ["requests.cpu"]]
        assert booked != "0", "the running VPS has its cores booked"

    more = {"spec": {"hard": {vpses: "2"}}}
    cluster.kube("patch", "quota", "team", "-n", "small", "--type=merge", "-p", json.dumps(more))
    assert "created" in cluster.kube("apply", "-n", "small", "-f", "-", stdin=a_manifest("second"))
    cluster.kube("delete", "vps", "--all", "-n", "small", timeout=60)
    cluster.kube("delete", "quota", "team", "-n", "small")
    cluster.kube("delete", "namespace", "small")
