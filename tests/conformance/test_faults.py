"""Faults of clients, for real: writers that meet, watches too old or too slow, versions that differ."""

import asyncio
import http.client
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from kohakuriver.apiserver.store.etcd import EtcdStore
from tests.conformance.kit import ROOT, Json, Said, Server, a_manifest, token_of

pytestmark = pytest.mark.etcd

VPSES = "/apis/kohakuriver.io/v1alpha1/namespaces/default/vpses"
WRITES = 220  # of a quarter of a megabyte each
NODES = "/apis/kohakuriver.io/v1alpha1/nodes"
MERGE = "application/merge-patch+json"


def our_command(server: Server, *words: str, stdin: str = "", version: str = "") -> Said:
    """Our own command, as it is or as one of another version."""
    start = f"import kohakuriver; kohakuriver.__version__ = {version!r} or kohakuriver.__version__\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{start}from kohakuriver.cli.main import run; run()", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env=os.environ | {"KOHAKURIVER_CONFIG": str(server.config()), "NO_COLOR": "1"},
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.fault(32)
def test_of_two_who_replace_one_version_one_is_refused_and_two_who_apply_both_succeed(server: Server) -> None:
    server.kube("apply", "-f", "-", stdin=a_manifest("met"))
    for round_ in range(5):
        seen = server.kube("get", "vps", "met", "-o", "json")
        wanted = [json.loads(seen) for _ in range(2)]
        for number, body in enumerate(wanted):
            body["spec"]["restartRequest"] = f"{round_}-{number}"
        with ThreadPoolExecutor() as pool:
            codes = list(pool.map(lambda body: server.call("PUT", f"{VPSES}/met", body)[0], wanted))
        assert sorted(codes) == [200, 409], codes
        _, found = server.call("GET", f"{VPSES}/met")
        assert found["spec"]["restartRequest"] == f"{round_}-{codes.index(200)}"
    with ThreadPoolExecutor() as pool:
        applies = [a_manifest("met", more=f"  env: {{A: '{number}'}}\n") for number in range(4)]
        said = list(pool.map(lambda text: our_command(server, "apply", "-f", "-", stdin=text), applies))
    assert [one.code for one in said] == [0] * 4, said


@pytest.mark.fault(33)
def test_a_watch_from_a_version_that_is_compacted_is_told_to_list_again_and_no_delete_is_missed(
    server: Server,
) -> None:
    server.kube("apply", "-f", "-", stdin=a_manifest("forgotten"))
    _, before = server.call("GET", VPSES)
    server.kube("delete", "vps", "forgotten")

    async def compact() -> None:
        store = await EtcdStore.connect([server.etcd])
        await store.compact(await store.revision())
        await store.aclose()

    asyncio.run(compact())
    old = before["metadata"]["resourceVersion"]
    code, status = server.call("GET", f"{VPSES}?resourceVersion={old}&resourceVersionMatch=Exact")
    assert (code, status["reason"]) == (410, "Expired")
    with open_watch(server, "resourceVersion=1") as stream:
        [event] = events_of(stream)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    with open_watch(server, f"resourceVersion={old}&timeoutSeconds=1") as stream:
        told = [(event["type"], event["object"]["metadata"]["name"]) for event in events_of(stream)]
    assert told == [("DELETED", "forgotten")], "the server's own history is longer than etcd's"


@pytest.mark.fault(35)
def test_a_watcher_that_does_not_read_is_cut_with_410_and_the_others_go_on(server: Server) -> None:
    name = f"slow-{secrets.token_hex(4)}"  # another each time that the test is run again
    code, body = server.call("POST", VPSES, json_of(name))
    assert code == 201
    query = f"resourceVersion={body['metadata']['resourceVersion']}&fieldSelector=metadata.name={name}"
    with open_watch(server, query, window=4096) as slow:
        for number in range(WRITES):
            change = {"metadata": {"annotations": {"fill": f"{number}" + "x" * 240_000}}}
            assert server.call("PATCH", f"{VPSES}/{name}", change, media=MERGE)[0] == 200
        with open_watch(server, f"{query}&timeoutSeconds=2") as quick:
            assert len(events_of(quick)) == WRITES
        *events, last = events_of(slow)
    assert (last["type"], last["object"]["code"]) == ("ERROR", 410)
    assert 0 < len(events) < WRITES
    server.kube("delete", "vps", name)


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (a_manifest("bad", more="  imge: x\n"), 'unknown field "spec.imge" (did you mean "image"?)'),
        (a_manifest("bad", cores="4x"), 'spec.resources.cores: Invalid value: "4x"'),
        (a_manifest("bad").replace("64Mi", "'0'"), "spec.resources.memory: Invalid value"),
        (a_manifest("bad", more="  runState: runing\n"), '(did you mean "Running"?)'),
        (a_manifest("bad", more="\tpriority: 1\n"), "yaml"),
    ],
    ids=["unknown field", "wrong suffix", "zero memory", "unknown word", "tab"],
)
def test_a_bad_manifest_is_told_by_field_with_what_was_meant(server: Server, wrong: str, told: str) -> None:
    for way in ((), ("--server-side",)):
        refused = server.kubectl("apply", *way, "-f", "-", stdin=wrong)
        assert refused.code == 1 and told in refused.err, refused
    assert "NotFound" in server.kubectl("get", "vps", "bad").err


@pytest.mark.fault(43)
def test_of_two_documents_the_good_one_is_applied_and_each_has_its_result(server: Server) -> None:
    both = a_manifest("doc-bad", cores="4x") + "---\n" + a_manifest("doc-good")
    said = server.kubectl("apply", "-f", "-", stdin=both)
    assert said.code == 1 and "doc-good created" in said.out and '"doc-bad" is invalid' in said.err


@pytest.mark.fault(44)
def test_what_cannot_change_while_bound_is_refused_with_the_way_to_do_it(server: Server) -> None:
    node = {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "Node", "metadata": {"name": "n1"}}
    assert server.call("POST", NODES, node, user="node:n1")[0] == 201
    status = {
        "allocatable": {"cores": "4", "memory": "8Gi"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    assert (
        server.call("PATCH", f"{NODES}/n1/status", {"status": status}, user="node:n1", media=MERGE)[0] == 200
    )
    volume = "  volumes: [{name: home, target: /root}]\n"
    server.kube("apply", "-f", "-", stdin=a_manifest("fixed", more=volume))
    _, vps = server.call("GET", f"{VPSES}/fixed")
    bound = {"uid": vps["metadata"]["uid"], "node": "n1"}
    code, answer = server.call("POST", f"{VPSES}/fixed/bind", bound, user="controller")
    assert code in (200, 201), answer
    for more, field, how in (
        (
            volume + "  placement: {node: n2}\n",
            "spec.placement.node",
            "to move it, save the files, delete the VPS",
        ),
        (
            volume.replace("/root", "/home"),
            "spec.volumes[0].target",
            "give a volume of another name the new target",
        ),
    ):
        for way in ((), ("--server-side", "--force-conflicts", "--field-manager=other")):
            refused = server.kubectl("apply", *way, "-f", "-", stdin=a_manifest("fixed", more=more))
            assert refused.code == 1 and field in refused.err and how in refused.err, refused
    _, after = server.call("GET", f"{VPSES}/fixed")
    assert after["spec"] == vps["spec"] and after["status"]["assignment"]["node"] == "n1"


@pytest.mark.fault(46)
def test_our_command_of_another_version_is_warned_and_works(server: Server) -> None:
    applied = our_command(server, "apply", "-f", "-", stdin=a_manifest("skewed"), version="0.0.1")
    assert applied.code == 0 and "created" in applied.out
    assert "kohakuriver 0.0 talks to an API server" in applied.err and "upgrade kohakuriver" in applied.err
    newer = our_command(server, "get", "vps", "skewed", version="99.0.0")
    assert newer.code == 0 and "upgrade the API server" in newer.err
    assert "upgrade" not in our_command(server, "get", "vps", "skewed").err


def json_of(name: str) -> dict[str, object]:
    head = {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "VPS"}
    return {**head, "metadata": {"name": name, "namespace": "default"}, "spec": {}}


def open_watch(server: Server, query: str, *, window: int = 0) -> ssl.SSLSocket:
    """A watch as bytes on a socket, which nobody has to read."""
    url = urllib.parse.urlsplit(server.url)
    plain = socket.socket()
    if window:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    plain.settimeout(20)
    plain.connect((url.hostname, url.port))
    context = ssl.create_default_context(cafile=str(server.authority))
    stream = context.wrap_socket(plain, server_hostname=url.hostname)
    lines = (
        f"GET {VPSES}?watch=1&{query} HTTP/1.1",
        f"Host: {url.netloc}",
        f"Authorization: Bearer {token_of('admin')}",
    )
    stream.sendall("\r\n".join((*lines, "", "")).encode())
    return stream


def events_of(stream: ssl.SSLSocket) -> list[Json]:
    """Everything that a watch tells until its end, chunks put together."""
    answer = http.client.HTTPResponse(stream)
    answer.begin()
    return [json.loads(line) for line in answer.read().splitlines()]
