"""Debian's kubectl 1.20, six years older than the API it talks to.

It reads the schema only as protobuf, which is not served: so `--validate=false`, and no `explain`.
"""

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


def test_it_applies_without_validation_gets_watches_and_deletes(server: Server) -> None:
    for cores, word in ((1, "created"), (1, "unchanged"), (2, "configured")):
        manifest = a_manifest("old", cores=cores)
        assert word in old(server, "apply", "--validate=false", "-f", "-", stdin=manifest)
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
    apply = ("apply", "--validate=false", "--server-side", "-f", "-")
    assert "serverside-applied" in old(server, *apply, stdin=a_manifest("old-ssa"))
    assert old(server, "auth", "can-i", "create", "vps").strip() == "yes"
    assert "default" in old(server, "get", "namespaces")
    old(server, "delete", "vps", "old-ssa", "--wait=true")


def test_its_validation_ends_in_a_sentence_since_it_reads_no_json_schema(server: Server) -> None:
    said = server.kubectl("apply", "-f", "-", stdin=a_manifest("old-valid"), program=DEBIANS_KUBECTL)
    assert said.code == 1 and "--validate=false" in said.err
