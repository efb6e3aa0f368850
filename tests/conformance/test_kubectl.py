"""kubectl 1.37, verb by verb, as docs/kubernetes-compatibility.md lists them."""

import json
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from tests.conformance.kit import KUBECTL, Server, a_manifest, eventually

pytestmark = pytest.mark.etcd


def test_get_knows_every_output_and_selector(server: Server) -> None:
    for name, team in (("get-a", "red"), ("get-b", "blue"), ("get-c", "red")):
        server.kube("apply", "-f", "-", stdin=a_manifest(name, labels=f"{{suite: get, team: {team}}}"))
    every = ("get", "vps", "-l", "suite=get")
    assert server.kube(*every, "-o", "name").split() == [f"vps.kohakuriver.io/get-{one}" for one in "abc"]
    assert server.kube(*every, "--no-headers", "-o", "custom-columns=N:.metadata.name").split() == [
        "get-a",
        "get-b",
        "get-c",
    ]
    table = server.kube(*every).splitlines()
    assert table[0].split() == ["NAME", "STATUS", "NODE", "CORES", "MEMORY", "GPUS", "SSH-PORT", "AGE"]
    wide = server.kube(*every, "-o", "wide").splitlines()[0].split()
    assert wide[8:] == ["IMAGE", "CONTAINER", "EPOCH", "RESTARTS", "MESSAGE"]
    chosen = server.kube("get", "vps", "-l", "suite in (get),team notin (blue),!x", "-o", "name").split()
    assert len(chosen) == 2
    assert server.kube("get", "vps", "--field-selector=metadata.name=get-a", "-o", "name").split() == [
        "vps.kohakuriver.io/get-a"
    ]
    pending = server.kube(
        "get", "vps", "-l", "suite=get", "--field-selector=status.phase=pending", "-o", "name"
    )
    assert len(pending.split()) == 3
    sorted_ = server.kube(*every, "--sort-by={.metadata.labels.team}", "-o", "name").split()
    assert sorted_[0].endswith("get-b")
    assert server.kube(*every, "--chunk-size=1", "-o", "name").count("\n") == 3
    labels = server.kube(*every, "-L", "team", "--show-labels")
    assert "TEAM" in labels and "suite=get" in labels
    assert "managedFields" not in server.kube("get", "vps", "get-a", "-o", "yaml")
    assert "managedFields" in server.kube("get", "vps", "get-a", "-o", "yaml", "--show-managed-fields")
    assert server.kube("get", "--raw", "/healthz") == "ok"
    assert "get-a" in server.kube("get", "vps.v1alpha1.kohakuriver.io", "get-a")
    assert "get-a" in server.kube("get", "all", "-l", "suite=get")
    assert "NotFound" in server.kubectl("get", "vps", "get-z").err


def test_apply_on_the_clients_side_adds_changes_and_removes(server: Server) -> None:
    more = "  env: {A: '1', B: '2'}\n"
    assert "created" in server.kube("apply", "-f", "-", stdin=a_manifest("csa", more=more))
    assert "unchanged" in server.kube("apply", "-f", "-", stdin=a_manifest("csa", more=more))
    assert server.kubectl("diff", "-f", "-", stdin=a_manifest("csa", cores=2)).code == 1
    changed = a_manifest("csa", cores=2, more="  env: {A: '1'}\n")
    assert "configured" in server.kube("apply", "-f", "-", stdin=changed)
    spec = json.loads(server.kube("get", "vps", "csa", "-o", "json"))["spec"]
    assert (spec["resources"]["cores"], spec["env"]) == (2, {"A": "1"})
    assert "dry run" in server.kube("apply", "--dry-run=server", "-f", "-", stdin=a_manifest("csa", cores=3))
    assert server.kube("get", "vps", "csa", "-o", "jsonpath={.spec.resources.cores}") == "2"
    assert "csa" in server.kube("apply", "view-last-applied", "vps/csa")


def test_apply_on_the_servers_side_shares_objects_and_names_who_is_in_the_way(server: Server) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert "serverside-applied" in server.kube(*apply, stdin=a_manifest("ssa"))
    assert server.kubectl("diff", "--server-side", "-f", "-", stdin=a_manifest("ssa")).code == 0
    assert server.kubectl("diff", "--server-side", "-f", "-", stdin=a_manifest("ssa", cores=2)).code == 1
    server.kube("label", "vps", "ssa", "added=by-hand")
    head = "apiVersion: kohakuriver.io/v1alpha1\nkind: VPS\n"
    other = f"{head}metadata: {{name: ssa}}\nspec: {{resources: {{cores: 4}}}}\n"
    refused = server.kubectl(*apply, "--field-manager=other", stdin=other)
    assert refused.code == 1
    assert 'conflict with "kubectl" using kohakuriver.io/v1alpha1: .spec.resources.cores' in refused.err
    server.kube(*apply, "--field-manager=other", "--force-conflicts", stdin=other)
    lost = server.kubectl(*apply, stdin=a_manifest("ssa"))
    assert lost.code == 1 and 'conflict with "other"' in lost.err
    without_cores = a_manifest("ssa").replace("cores: 1, ", "")
    server.kube(*apply, stdin=without_cores)
    found = json.loads(server.kube("get", "vps", "ssa", "-o", "json"))
    assert found["spec"]["resources"]["cores"] == 4 and found["metadata"]["labels"] == {"added": "by-hand"}
    assert "dry run" in server.kube(*apply, "--dry-run=server", stdin=without_cores)


def test_apply_goes_over_from_the_clients_side_to_the_servers_and_back(server: Server) -> None:
    more = "  env: {A: '1', B: '2'}\n"
    server.kube("apply", "-f", "-", stdin=a_manifest("over", more=more))
    changed = a_manifest("over", cores=2, more="  env: {A: '1'}\n")
    server.kube("apply", "--server-side", "-f", "-", stdin=changed)
    spec = json.loads(server.kube("get", "vps", "over", "-o", "json"))["spec"]
    assert (spec["resources"]["cores"], spec["env"]) == (2, {"A": "1"}), (
        "what is not applied any more has gone"
    )
    again = json.loads(server.kube("get", "vps", "over", "-o", "json", "--show-managed-fields"))
    managers = {entry["manager"] for entry in again["metadata"]["managedFields"]}
    assert "kubectl-client-side-apply" not in managers
    server.kube("apply", "-f", "-", stdin=a_manifest("over", cores=3))
    spec = json.loads(server.kube("get", "vps", "over", "-o", "json"))["spec"]
    assert spec["resources"]["cores"] == 3 and "env" not in spec


def test_apply_prunes_by_label(server: Server) -> None:
    labels = "{suite: prune}"
    both = a_manifest("prune-a", labels=labels) + "---\n" + a_manifest("prune-b", labels=labels)
    allowed = ("--prune", "-l", "suite=prune", "--prune-allowlist=kohakuriver.io/v1alpha1/VPS")
    server.kube("apply", *allowed, "-f", "-", stdin=both)
    out = server.kube("apply", *allowed, "-f", "-", stdin=a_manifest("prune-a", labels=labels))
    assert "prune-b pruned" in out
    assert "NotFound" in server.kubectl("get", "vps", "prune-b").err


def test_create_replace_and_generated_names(server: Server) -> None:
    generated = a_manifest("x").replace("name: x", "generateName: made-")
    assert "vps.kohakuriver.io/made-" in server.kube("create", "-f", "-", stdin=generated)
    server.kube("create", "-f", "-", stdin=a_manifest("replaced"))
    assert "AlreadyExists" in server.kubectl("create", "-f", "-", stdin=a_manifest("replaced")).err
    seen = server.kube("get", "vps", "replaced", "-o", "yaml")
    server.kube("replace", "-f", "-", stdin=seen.replace("cores: 1", "cores: 2"))
    late = server.kubectl("replace", "-f", "-", stdin=seen.replace("cores: 1", "cores: 3"))
    assert late.code == 1 and "the object has been modified" in late.err
    server.kube("replace", "--force", "-f", "-", stdin=a_manifest("replaced", cores=4))
    assert server.kube("get", "vps", "replaced", "-o", "jsonpath={.spec.resources.cores}") == "4"


def test_patch_takes_merge_and_json_patches(server: Server) -> None:
    server.kube("apply", "-f", "-", stdin=a_manifest("patched"))
    server.kube("patch", "vps", "patched", "--type=merge", "-p", '{"spec":{"priority":7}}')
    tested = (
        '[{"op":"test","path":"/spec/priority","value":7},{"op":"replace","path":"/spec/priority","value":8}]'
    )
    server.kube("patch", "vps", "patched", "--type=json", "-p", tested)
    refused = server.kubectl("patch", "vps", "patched", "--type=json", "-p", tested)
    assert refused.code == 1 and "test failed" in refused.err.lower().replace("a test", "test")
    strategic = server.kubectl("patch", "vps", "patched", "-p", '{"spec":{"priority":9}}')
    assert (
        "strategic" in strategic.err
        or "unknown format" in strategic.err
        or "UnsupportedMediaType" in strategic.err
    )
    none = server.kube("patch", "vps", "patched", "--type=merge", "-p", '{"spec":{"priority":8}}')
    assert "no change" in none
    server.kube("patch", "namespace", "default", "-p", '{"metadata":{"labels":{"strategic":"yes"}}}')
    by_door = ("patch", "vps", "patched", "--subresource=status", "--type=merge")
    derived = server.kubectl(*by_door, "-p", '{"status":{"phase":"running"}}')
    assert derived.code == 1 and "the server derives it" in derived.err


def test_label_annotate_edit_and_set_the_last_applied(server: Server, tmp_path: Path) -> None:
    server.kube("apply", "-f", "-", stdin=a_manifest("edited"))
    server.kube("label", "vps", "edited", "a=b")
    assert "already has a value" in server.kubectl("label", "vps", "edited", "a=c").err
    server.kube("label", "vps", "edited", "a=c", "--overwrite")
    server.kube("label", "vps", "edited", "a-")
    server.kube("annotate", "vps", "edited", "note=hello")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/memory: 64Mi/memory: 72Mi/" "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    server.kube("edit", "vps", "edited", EDITOR=str(editor), TERM="dumb")
    found = json.loads(server.kube("get", "vps", "edited", "-o", "json"))
    assert (
        found["spec"]["resources"]["memory"] == "72Mi" and found["metadata"]["annotations"]["note"] == "hello"
    )
    server.kube("apply", "set-last-applied", "-f", "-", stdin=a_manifest("edited"))


def test_fields_that_are_unknown_or_doubled_are_told_as_validation_asks(server: Server) -> None:
    unknown = a_manifest("strict", more="  imge: x\n")
    refused = server.kubectl("apply", "-f", "-", stdin=unknown)
    assert refused.code == 1 and 'unknown field "spec.imge"' in refused.err
    warned = server.kubectl("apply", "--validate=warn", "-f", "-", stdin=unknown)
    assert warned.code == 0 and 'Warning: unknown field "spec.imge"' in warned.err
    silent = server.kubectl("apply", "--validate=ignore", "-f", "-", stdin=unknown)
    assert silent.code == 0 and "imge" not in silent.err
    assert "imge" not in server.kube("get", "vps", "strict", "-o", "jsonpath={.spec}")


def test_delete_in_all_its_forms(server: Server) -> None:
    for name in ("del-a", "del-b", "del-c", "del-d"):
        server.kube("apply", "-f", "-", stdin=a_manifest(name, labels="{suite: del}"))
    assert "deleted" in server.kube("delete", "vps", "del-a", "--dry-run=server")
    server.kube("delete", "vps", "del-a", "--cascade=foreground")
    server.kube("delete", "vps", "del-b", "--force", "--grace-period=0")
    server.kube("delete", "-f", "-", stdin=a_manifest("del-c"))
    server.kube("delete", "vps", "-l", "suite=del")
    assert server.kube("get", "vps", "-l", "suite=del", "-o", "name") == ""
    assert "NotFound" in server.kubectl("delete", "vps", "del-a").err
    server.kube("delete", "vps", "del-a", "--ignore-not-found")


def test_owners_take_their_dependents_along_unless_they_are_orphaned(server: Server) -> None:
    for cascade, left in (("background", False), ("orphan", True)):
        owner, child = f"owner-{cascade}", f"child-{cascade}"
        server.kube("apply", "-f", "-", stdin=a_manifest(owner))
        uid = server.kube("get", "vps", owner, "-o", "jsonpath={.metadata.uid}")
        reference = f"{{apiVersion: kohakuriver.io/v1alpha1, kind: VPS, name: {owner}, uid: {uid}}}"
        named = a_manifest(child).replace(
            f"name: {child}}}", f"name: {child}, ownerReferences: [{reference}]}}"
        )
        server.kube("apply", "-f", "-", stdin=named)
        server.kube("delete", "vps", owner, f"--cascade={cascade}")
        if left:
            fields = json.loads(server.kube("get", "vps", child, "-o", "json"))["metadata"]
            assert "ownerReferences" not in fields
        else:
            eventually(lambda name=child: "NotFound" in server.kubectl("get", "vps", name).err)


def test_finalizers_hold_an_object_until_they_are_gone(server: Server) -> None:
    held = a_manifest("held").replace("name: held}", "name: held, finalizers: [example.com/wait]}")
    server.kube("apply", "-f", "-", stdin=held)
    server.kube("delete", "vps", "held", "--wait=false")
    assert "terminating" in server.kube("get", "vps", "held")
    waiting = subprocess.Popen([KUBECTL, "wait", "--for=delete", "vps/held"], env=server.environment())
    server.kube("patch", "vps", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert waiting.wait(30) == 0
    assert "NotFound" in server.kubectl("get", "vps", "held").err


def test_watch_and_wait_follow_what_happens(server: Server) -> None:
    server.kube("apply", "-f", "-", stdin=a_manifest("before", labels="{suite: watch}"))
    command = [KUBECTL, "get", "vps", "-l", "suite=watch", "--watch", "--output-watch-events"]
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=server.environment())
    assert watch.stdout is not None
    give_up = threading.Timer(60, watch.kill)
    give_up.start()
    seen: list[tuple[str, ...]] = []
    for line in watch.stdout:
        seen.append(tuple(line.split()[:2]))
        if seen[-1] == ("ADDED", "before"):
            break
    server.kube("apply", "-f", "-", stdin=a_manifest("watched", labels="{suite: watch}"))
    server.kube("label", "vps", "watched", "x=y")
    server.kube("wait", "vps/watched", "--for=jsonpath={.status.phase}=pending", "--timeout=200s")
    condition = '{"status":{"conditions":[{"type":"Tested","status":"True"}]}}'
    by_door = ("patch", "vps", "before", "--subresource=status", "--type=merge")
    server.kube(*by_door, "-p", condition)
    server.kube("wait", "vps/before", "--for=condition=Tested", "--timeout=200s")
    server.kube("label", "vps", "watched", "suite=other", "--overwrite")
    server.kube("label", "vps", "watched", "suite=watch", "--overwrite")
    server.kube("delete", "vps", "watched")
    for line in watch.stdout:
        seen.append(tuple(line.split()[:2]))
        if seen.count(("DELETED", "watched")) == 2:
            break
    give_up.cancel()
    watch.kill()
    watch.wait()
    watch.stdout.close()
    told = [what for what, name in seen if name == "watched"]
    assert told == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]


def test_events_are_listed_by_both_commands(server: Server) -> None:
    server.kube("apply", "-f", "-", stdin=a_manifest("eventful"))
    uid = server.kube("get", "vps", "eventful", "-o", "jsonpath={.metadata.uid}")
    involved = {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "VPS",
        "name": "eventful",
        "namespace": "default",
    }
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "eventful.1", "namespace": "default"},
        "involvedObject": {**involved, "uid": uid},
        "reason": "Tested",
        "message": "it was looked at",
        "type": "Warning",
    }
    server.kube("create", "-f", "-", stdin=json.dumps(event))
    assert "vps/eventful" in server.kube("get", "events", "--field-selector=reason=Tested,type=Warning")
    assert "it was looked at" in server.kube("events", "--for=vps/eventful", "--types=Warning")
    assert "Tested" in server.kube("describe", "vps", "eventful")
    assert server.kube("get", "events", "--field-selector=type=Normal,reason=Tested", "-o", "name") == ""
    assert "field label not supported" in server.kubectl("get", "events", "--field-selector=x=y").err


def test_namespaces_and_leases_are_made_and_removed(server: Server) -> None:
    server.kube("create", "namespace", "team")
    assert "team" in server.kube("get", "ns", "team")
    assert "Active" in server.kube("describe", "ns", "team")
    server.kube("apply", "-n", "team", "-f", "-", stdin=a_manifest("inside"))
    refused = server.kubectl("delete", "ns", "team", "--wait=false")
    assert refused.code == 1 and "it still holds vpses: inside" in refused.err
    assert "inside" in server.kube("get", "vps", "-A")
    server.kube("delete", "vps", "--all", "-n", "team")
    server.kube("delete", "ns", "team")
    assert "not found" in server.kubectl("apply", "-n", "team", "-f", "-", stdin=a_manifest("late")).err
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "mine"}}
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}
    server.kube("apply", "-f", "-", stdin=json.dumps({**lease, "spec": spec}))
    assert "me" in server.kube("get", "lease", "mine")


def test_auth_answers_who_one_is_and_what_one_may(server: Server) -> None:
    assert "alice" in server.kube("auth", "whoami", user="alice")
    assert server.kube("auth", "can-i", "create", "vps", user="alice").strip() == "yes"
    assert (
        server.kubectl("auth", "can-i", "create", "vps", "-n", "kohakuriver-system", user="alice").code == 1
    )
    assert server.kubectl("auth", "can-i", "delete", "nodes", user="eve").code == 1
    assert "vpses.kohakuriver.io" in server.kube("auth", "can-i", "--list", user="eve")
    refused = server.kubectl("apply", "-f", "-", stdin=a_manifest("not-eves"), user="eve")
    assert "Forbidden" in refused.err and 'user "eve"' in refused.err


def test_discovery_explain_and_the_schema_say_what_there_is(server: Server) -> None:
    resources = server.kube("api-resources", "-o", "wide")
    assert "vpses" in resources and "deletecollection" in resources
    assert "kohakuriver.io/v1alpha1" in server.kube("api-versions")
    told = server.kube("explain", "vps.spec.volumes", "--recursive")
    assert "reclaimPolicy" in told and "Files kept apart from the container" in told
    assert "Server Version" in server.kube("version")


@pytest.mark.parametrize(
    "words",
    [
        "scale vps/not --replicas=2",
        "rollout restart vps/not",
        "set image vps/not a=b",
        "autoscale vps/not --max=2",
        "expose vps/not --port=1",
        "run x --image=y",
        "taint nodes n1 a=b:NoSchedule",
        "cluster-info",
        "exec not -- true",
        "attach not",
        "logs not",
        "cp not:/x /tmp/never",
        "port-forward not 1:1",
        "drain n1",
        "debug not --image=y",
    ],
)
def test_what_is_not_served_ends_in_a_sentence(server: Server, words: str) -> None:
    said = server.kubectl(*words.split(), timeout=30)
    assert said.code != 0 and said.err.strip() and "Traceback" not in said.err, said


def test_what_get_printed_is_applied_again_as_a_list(server: Server) -> None:
    for name in ("list-a", "list-b"):
        server.kube("apply", "-f", "-", stdin=a_manifest(name, labels="{suite: list}"))
    printed = server.kube("get", "vps", "-l", "suite=list", "-o", "yaml")
    said = server.kube("apply", "-f", "-", stdin=printed)
    assert "list-a" in said and "list-b" in said


@pytest.mark.parametrize("kind", ["Vps", "VPSes"])
def test_a_typing_error_in_the_kind_is_told_as_one(server: Server, kind: str) -> None:
    said = server.kubectl("apply", "-f", "-", stdin=a_manifest("typo", kind=kind))
    assert said.code == 1 and f'no matches for kind "{kind}" in version "kohakuriver.io/v1alpha1"' in said.err


def test_explain_reads_the_old_schema_as_well(server: Server) -> None:
    for field, says in (("resources.cores", "500m"), ("ssh", "authorizedKeys"), ("mounts", "[]Object")):
        assert says in server.kube("explain", f"vps.spec.{field}", "--output=plaintext-openapiv2")


def test_create_quota_and_describe_it_with_what_is_taken(server: Server) -> None:
    vpses = "count/vpses.kohakuriver.io"
    server.kube("create", "namespace", "quotas")
    server.kube("create", "quota", "team", f"--hard={vpses}=1,requests.cpu=4", "-n", "quotas")
    server.kube("apply", "-n", "quotas", "-f", "-", stdin=a_manifest("first"))
    refused = server.kubectl("apply", "-n", "quotas", "-f", "-", stdin=a_manifest("second"))
    assert f"exceeded quota: team, requested: {vpses}=1, used: {vpses}=1, limited: {vpses}=1" in refused.err
    for about in (("quota", "team", "-n", "quotas"), ("namespace", "quotas")):
        lines = [line.split() for line in server.kube("describe", *about).splitlines()]
        assert [vpses, "1", "1"] in lines
        assert ["requests.cpu", "0", "4"] in lines
    bigger = json.dumps({"spec": {"hard": {vpses: "2"}}})
    server.kube("patch", "quota", "team", "-n", "quotas", "-p", bigger)
    server.kube("apply", "-n", "quotas", "-f", "-", stdin=a_manifest("second"))
    scoped = server.kubectl("create", "quota", "x", "--hard=cpu=1", "--scopes=BestEffort", "-n", "quotas")
    assert "leave scopes and scopeSelector out" in scoped.err
