"""The commands against the real API server, over the in-memory store."""

import asyncio
import json
import re

import pytest
import yaml

from kohakuriver.cli.kubectl import merge
from kohakuriver.resources import kinds

DEV = """\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata:
  name: dev
  labels: {team: red}
spec:
  resources:
    cores: 2
    memory: 4Gi
"""


async def test_apply_creates_then_changes_then_leaves_alone(shell):
    file = shell.write(DEV)
    assert await shell(f"apply -f {file}") == (0, "vps/dev created\n", "")
    assert await shell(f"apply -f {file}") == (0, "vps/dev unchanged\n", "")
    shell.write(DEV.replace("4Gi", "5Gi"))
    assert await shell(f"apply -f {file}") == (0, "vps/dev configured\n", "")
    _, out, _ = await shell("get vps dev -o jsonpath={.spec.resources.memory}")
    assert out == "5Gi"


async def test_apply_removes_what_a_manifest_no_longer_says(shell):
    await shell(f"apply -f {shell.write(DEV + '  env: {A: x, B: y}' + chr(10))}")
    await shell(f"apply -f {shell.write(DEV + '  env: {A: x}' + chr(10))}")
    _, out, _ = await shell("get vps dev -o json")
    assert json.loads(out)["spec"]["env"] == {"A": "x"}


async def test_apply_leaves_what_it_never_said_to_others(shell):
    file = shell.write(DEV)
    await shell(f"apply -f {file}")
    path = kinds.VPS.path(namespace="default", name="dev")
    headers = {"Content-Type": "application/merge-patch+json"}
    await shell.api.call("PATCH", path, {"spec": {"priority": 7}}, headers=headers)
    assert (await shell(f"apply -f {file}"))[1] == "vps/dev unchanged\n"
    assert (await shell("get vps dev -o jsonpath={.spec.priority}"))[1] == "7"


@pytest.mark.fault(43)
async def test_a_field_that_the_server_refuses_is_told_by_line(shell):
    file = shell.write(DEV.replace("cores: 2", "cores: 4x"))
    code, out, err = await shell(f"apply -f {file}")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {file}:8: spec.resources.cores: ")
    assert (await shell("get vps dev"))[0] == 1


@pytest.mark.fault(43)
async def test_an_unknown_field_is_told_by_line(shell):
    file = shell.write(DEV + "  imgae: x\n")
    code, _, err = await shell(f"apply -f {file}")
    assert code == 1
    assert f"{file}:10: spec.imgae: " in err
    assert "image" in err


@pytest.mark.fault(43)
async def test_each_document_is_told_apart(shell):
    bad = DEV.replace("dev", "bad").replace("cores: 2", "cores: 0")
    file = shell.write(f"{DEV}---\n{bad}---\n{DEV.replace('dev', 'good')}---\nkind: [\n")
    code, out, err = await shell(f"apply -f {file}")
    assert code == 1
    assert out == "vps/dev created\nvps/good created\n"
    assert [line.split(" ")[1] for line in err.splitlines() if line.startswith("error")] == [
        f"{file}:18:",
        f"{file}:32:",
    ]


async def test_a_manifest_of_another_namespace_than_was_asked_for_is_refused(shell):
    file = shell.write(DEV.replace("name: dev", "name: dev\n  namespace: default"))
    code, _, err = await shell(f"apply -f {file} -n team")
    assert code == 1
    assert f"{file}:5: metadata.namespace: the manifest says default, the command line says team" in err


@pytest.mark.fault(32)
async def test_apply_looks_again_when_somebody_else_was_quicker(shell):
    file = shell.write(DEV)
    await shell(f"apply -f {file}")
    lines = (
        shell(f"apply -f {shell.write(DEV.replace('2', str(cores)), f'{cores}.yaml')}") for cores in (3, 4)
    )
    results = [await line for line in lines]
    assert [code for code, _, _ in results] == [0, 0]


async def test_the_annotation_serves_kubectl_too(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    _, out, _ = await shell("get vps dev -o json")
    body = json.loads(out)
    recorded = json.loads(body["metadata"]["annotations"][merge.LAST_APPLIED])
    assert recorded["metadata"] == {
        "annotations": {},
        "labels": {"team": "red"},
        "name": "dev",
        "namespace": "default",
    }


async def test_get_shows_a_table(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    code, out, err = await shell("get vps")
    header, row = out.splitlines()
    assert (code, err) == (0, "")
    assert header.split()[:2] == ["NAME", "STATUS"]
    assert row.split()[:2] == ["dev", "pending"]
    assert len((await shell("get vps --no-headers"))[1].splitlines()) == 1
    assert (await shell("get vps -A"))[1].splitlines()[1].startswith("default     dev")
    assert "IMAGE" in (await shell("get vps -o wide"))[1]


async def test_get_shows_objects_whole(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    assert yaml.safe_load((await shell("get vps dev -o yaml"))[1])["kind"] == "VPS"
    assert json.loads((await shell("get vps -o json"))[1])["items"][0]["kind"] == "VPS"
    assert (await shell("get vps -o name"))[1] == "vps/dev\n"
    assert (await shell("get vps/dev -o jsonpath={.metadata.name}"))[1] == "dev"
    assert (await shell("get vps -l team=blue -o name"))[1] == ""
    assert (await shell("get vps -l team=red -o name"))[1] == "vps/dev\n"


async def test_get_of_nothing_says_so_beside_the_data(shell):
    assert await shell("get vps") == (0, "", "no VPSes in namespace default\n")
    code, out, err = await shell("get vps nope")
    assert (code, out) == (1, "")
    assert err.startswith("error: ") and 'there is no VPS "nope" in namespace default' in err


@pytest.mark.parametrize(
    "line",
    [
        "get vps deev",
        "describe vps deev",
        "delete vps deev",
        "vps stop deev",
        "vps status deev",
        "edit vps deev",
        "label vps deev a=b",
        "wait vps/deev --for=condition=Ready",
        "exec deev -- ls",
        "forward deev 80",
        "cp deev:/x .",
        "logs deev",
        "get vps deev -o yaml",
        "get vps deev -w",
    ],
)
async def test_who_mistypes_a_name_is_told_the_same_everywhere(shell, line):
    await shell(f"apply -f {shell.write(DEV)}")
    code, out, err = await shell(line)
    assert (code, out) == (1, "")
    assert err == 'error: there is no VPS "deev" in namespace default; did you mean "dev"?\n'


@pytest.mark.parametrize("line", ["get vps", "vps list", "vps status x", "get vps x", "delete vps x"])
async def test_who_names_a_namespace_that_is_not_there_is_told_so(shell, line):
    _, out, err = await shell(f"{line} -n nope")
    assert out == ""
    assert "in namespace nope, and there is no such namespace" in err


async def test_several_kinds_are_tables_below_each_other(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    _, out, _ = await shell("get vps,ns")
    assert "vps/dev" in out and "\n\n" in out and "namespace/default" in out


async def test_delete_takes_names_files_and_labels(shell):
    file = shell.write(f"{DEV}---\n{DEV.replace('dev', 'test')}")
    for line in ("delete vps dev test", f"delete -f {file}", "delete vps -l team=red", "delete vps --all"):
        await shell(f"apply -f {file}")
        assert await shell(line) == (0, "vps/dev deleted\nvps/test deleted\n", "")
    assert (await shell("delete vps dev"))[0] == 1
    assert await shell("delete vps dev --ignore-not-found") == (0, "", "")


async def test_an_empty_selector_deletes_nothing(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    code, out, err = await shell("delete vps -l ''")
    assert (code, out) == (2, "") and "--all deletes all of the kind" in err
    assert (await shell("get vps dev"))[0] == 0


async def test_delete_waits_until_the_last_finalizer_is_gone(shell):
    await shell(
        f"apply -f {shell.write(DEV.replace('name: dev', 'name: dev' + chr(10) + '  finalizers: [a/b]'))}"
    )
    code, out, err = await shell("delete vps dev --timeout 300ms")
    assert (code, out) == (124, "")
    assert err.startswith("error: vps/dev is not gone after 300ms: terminating")
    waiting = asyncio.create_task(shell("delete vps dev"))
    path = kinds.VPS.path(namespace="default", name="dev")
    headers = {"Content-Type": "application/merge-patch+json"}
    await shell.api.call("PATCH", path, {"metadata": {"finalizers": None}}, headers=headers)
    assert (await waiting)[0] in (0, 1)  # 1: it was gone before the second delete was sent


async def test_wait_ends_when_it_is_so(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    assert await shell("wait vps/dev --for=jsonpath={.status.phase}=pending") == (
        0,
        "vps/dev condition met\n",
        "",
    )
    assert (await shell("wait vps dev --for=jsonpath='{.metadata.uid}'".replace("'", "")))[0] == 0
    assert (await shell("wait vps/none --for=delete"))[0] == 0


async def test_a_wait_that_times_out_says_how_it_stands(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    code, out, err = await shell("wait vps/dev --for=jsonpath={.status.phase}=running --timeout 300ms")
    assert (code, out) == (124, "")
    assert (
        "vps/dev does not meet jsonpath={.status.phase}=running after 300ms: it is pending, not running"
        in err
    )
    code, _, err = await shell("wait vps/dev --for=condition=SSHReady --timeout 0")
    assert code == 124
    assert "it has no condition SSHReady" in err


async def test_wait_for_what_is_not_there_fails_at_once(shell):
    code, _, err = await shell("wait vps/none --for=condition=Ready")
    assert code == 1
    assert 'there is no VPS "none" in namespace default' in err


async def test_describe_has_the_events(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    uid = (await shell("get vps dev -o jsonpath={.metadata.uid}"))[1]
    event = {
        "metadata": {"name": "dev.1", "namespace": "default"},
        "involvedObject": {"kind": "VPS", "name": "dev", "namespace": "default", "uid": uid},
        "reason": "Started",
        "message": "it runs",
        "type": "Normal",
    }
    await shell.api.create(kinds.EVENT, event)
    code, out, _ = await shell("describe vps dev")
    assert code == 0
    assert out.startswith("Name:")
    assert "Memory:  4Gi" in out
    assert "last-applied" not in out
    assert re.search(r"^ *Normal +Started +\d+s +it runs$", out, re.MULTILINE)


async def test_version_tells_both(shell):
    code, out, _ = await shell("version")
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["Client", "Server"]


@pytest.mark.fault(47)
async def test_a_user_without_the_right_is_told_in_a_sentence(shell):
    code, _, err = await shell(f"apply -f {shell.write(DEV)}", user="viewer")
    assert code == 1
    assert "forbidden" in err and "Traceback" not in err


async def test_verbose_shows_the_requests(shell):
    _, out, err = await shell("get vps -v -o name")
    assert out == ""
    assert err.startswith("GET /apis/kohakuriver.io/v1alpha1/namespaces/default/vpses 200 ")
