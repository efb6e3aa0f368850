"""Debian's kubectl 1.20, six years older than the API it talks to. It reads the schema only as protobuf."""

import json
import subprocess

import pytest

from tests.conformance.kit import DEBIANS_KUBECTL, Server, a_manifest

pytestmark = [
    pytest.mark.etcd,
    pytest.mark.skipif(
        not DEBIANS_KUBECTL.exists(),
        reason="no kubernetes-client: `manifests/development/system-packages tests`",
    ),
]


def old(server: Server, *words: str, stdin: str = "") -> str:
    return server.kube(*words, stdin=stdin, program=DEBIANS_KUBECTL)


def test_it_is_the_old_one(server: Server) -> None:
    told = json.loads(old(server, "version", "-o", "json"))
    assert told["clientVersion"]["minor"] == "20" and told["serverVersion"]["major"] == "1"


def test_it_applies_gets_watches_and_deletes(server: Server) -> None:
    for cores, word in ((1, "created"), (1, "unchanged"), (2, "configured")):
        manifest = a_manifest("old", cores=cores)
        assert word in old(server, "apply", "-f", "-", stdin=manifest)
    table = old(server, "get", "vps", "-o", "wide")
    assert table.split()[:3] == ["NAME", "STATUS", "NODE"] and "old" in table
    assert json.loads(old(server, "get", "vps", "old", "-o", "json"))["spec"]["resources"]["cores"] == 2
    command = [DEBIANS_KUBECTL, "get", "vps", "old", "--watch", "--output-watch-events"]
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=server.environment())
    assert watch.stdout is not None
    assert watch.stdout.readline().split()[:2] == ["EVENT", "NAME"]
    assert "ADDED" in watch.stdout.readline()
    old(server, "label", "vps", "old", "a=b")
    assert "MODIFIED" in watch.stdout.readline()
    old(server, "delete", "vps", "old")
    assert "DELETED" in watch.stdout.readline()
    watch.kill()
    watch.wait()
    watch.stdout.close()
    assert "NotFound" in server.kubectl("get", "vps", "old", program=DEBIANS_KUBECTL).err


def test_it_applies_on_the_servers_side_and_asks_what_it_may(server: Server) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert "serverside-applied" in old(server, *apply, stdin=a_manifest("old-ssa"))
    assert old(server, "auth", "can-i", "create", "vps").strip() == "yes"
    assert "default" in old(server, "get", "namespaces")
    old(server, "delete", "vps", "old-ssa", "--wait=true")


def test_it_validates_explains_and_tries_on_the_server(server: Server) -> None:
    wrong = a_manifest("old-valid").replace("resources", "resorces")
    said = server.kubectl("apply", "-f", "-", stdin=wrong, program=DEBIANS_KUBECTL)
    assert said.code == 1 and 'unknown field "resorces"' in said.err
    assert "500m" in old(server, "explain", "vps.spec.resources.cores")
    assert "(server dry run)" in old(
        server, "apply", "--dry-run=server", "-f", "-", stdin=a_manifest("old-valid")
    )
