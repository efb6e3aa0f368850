"""apply in all its ways, diff and replace, against the real API server."""

import json

import pytest

from kohakuriver.resources import kinds

DEV = """\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata:
  name: dev
  labels: {app: lab}
spec:
  resources: {cores: 2, memory: 4Gi}
  env: {A: x}
"""


async def spec(shell, name="dev"):
    return (await shell.get(kinds.VPS, name))["spec"]


@pytest.mark.parametrize(
    ("option", "suffix"),
    [("", " (server dry run)"), ("=server", " (server dry run)"), ("=client", " (dry run)")],
)
async def test_a_rehearsed_apply_changes_nothing(shell, option, suffix):
    file = shell.write(DEV)
    assert await shell(f"apply -f {file} --dry-run{option}") == (0, f"vps/dev created{suffix}\n", "")
    assert (await shell("get vps dev"))[0] == 1
    await shell(f"apply -f {file}")
    assert await shell(f"apply --dry-run{option} -f {file}") == (0, f"vps/dev unchanged{suffix}\n", "")
    shell.write(DEV.replace("4Gi", "5Gi"))
    assert await shell(f"apply -f {file} --dry-run{option}") == (0, f"vps/dev configured{suffix}\n", "")
    assert (await spec(shell))["resources"]["memory"] == "4Gi"


async def test_a_rehearsal_by_the_server_finds_what_is_wrong(shell):
    file = shell.write(DEV.replace("cores: 2", "cores: 0"))
    assert (await shell(f"apply -f {file} --dry-run=client"))[0] == 0
    assert (await shell(f"apply -f {file} --dry-run=server"))[0] == 1


async def test_folders_of_folders_are_read_when_they_are_asked_for(shell):
    inner = shell.folder / "manifests" / "inner"
    inner.mkdir(parents=True)
    (inner / "dev.yaml").write_text(DEV)
    code, _, err = await shell(f"apply -f {inner.parent}")
    assert code == 1 and "-R looks into folders of it too" in err
    assert await shell(f"apply -R -f {inner.parent}") == (0, "vps/dev created\n", "")


async def test_prune_deletes_what_was_applied_before_and_nothing_else(shell):
    other, mine = DEV.replace("name: dev", "name: old"), DEV.replace("app: lab", "app: other")
    await shell(f"apply -f {shell.write(DEV + '---' + chr(10) + other)}")
    await shell(f"apply -f {shell.write(mine.replace('name: dev', 'name: kept'))}")
    await shell("vps create --name by-hand --no-ssh-key --no-wait")
    await shell("label vps by-hand app=lab")
    file = shell.write(DEV)
    code, out, _ = await shell(f"apply -f {file} --prune -l app=lab --dry-run")
    assert (code, out.splitlines()[-1]) == (0, "vps/old pruned (server dry run)")
    assert await shell(f"apply -f {file} --prune -l app=lab") == (
        0,
        "vps/dev unchanged\nvps/old pruned\n",
        "",
    )
    _, out, _ = await shell("get vps -o name")
    assert out.split() == ["vps/by-hand", "vps/dev", "vps/kept"]


async def test_nothing_is_pruned_where_a_manifest_is_wrong(shell):
    await shell(f"apply -f {shell.write(DEV)}")
    code, _, err = await shell(f"apply -f {shell.write('kind: [')} --prune -l app=lab")
    assert code == 1 and "nothing is pruned" in err
    assert (await shell("get vps dev"))[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        "--prune",
        "--prune -l ''",
        "--prune -l a=b --all",
        "--all",
        "--force-conflicts",
        "--server-side --dry-run=client",
    ],
)
async def test_what_does_not_go_together_is_refused(shell, words):
    code, out, err = await shell(f"apply -f {shell.write(DEV)} {words}")
    assert (code, out) == (2, "") and "\nhint: " in err


async def test_server_side_apply_leaves_fields_to_who_manages_them(shell):
    file = shell.write(DEV)
    assert await shell(f"apply --server-side -f {file}") == (0, "vps/dev serverside-applied\n", "")
    await shell(f"apply --server-side -f {file} --field-manager other")
    shell.write(DEV.replace("4Gi", "5Gi"))
    code, _, err = await shell(f"apply --server-side -f {file}")
    assert code == 1
    assert 'conflict with "other"' in err and "--force-conflicts" in err
    assert f"{file}:7: spec.resources.memory" in err
    assert (await shell(f"apply --server-side --force-conflicts -f {file}"))[0] == 0
    assert (await spec(shell))["resources"]["memory"] == "5Gi"


async def test_diff_says_what_apply_would_change_and_changes_nothing(shell):
    file = shell.write(DEV)
    code, out, err = await shell(f"diff -f {file}")
    assert (code, err) == (1, "")
    assert "+kind: VPS" in out
    await shell(f"apply -f {file}")
    assert await shell(f"diff -f {file}") == (0, "", "")
    shell.write(DEV.replace("4Gi", "5Gi").replace("  env: {A: x}\n", ""))
    code, out, _ = await shell(f"diff -f {file}")
    changed = [line for line in out.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert code == 1
    assert "-    memory: 4Gi" in changed and "+    memory: 5Gi" in changed and "-    A: x" in changed
    assert not any("last-applied" in line or "resourceVersion" in line for line in changed)
    assert (await spec(shell))["resources"]["memory"] == "4Gi"


@pytest.mark.parametrize("words", ["-f none.yaml", "", "-f dev.yaml --config none"])
async def test_a_diff_that_goes_wrong_exits_with_2(shell, words):
    code, out, err = await shell(f"diff {words}")
    assert (code, out) == (2, "") and err.startswith("error: ")


async def test_a_diff_of_what_the_server_refuses_exits_with_2(shell):
    code, _, err = await shell(f"diff -f {shell.write(DEV.replace('cores: 2', 'cores: 0'))}")
    assert code == 2 and "spec.resources.cores" in err


async def test_replace_leaves_nothing_of_what_a_manifest_does_not_say(shell):
    file = shell.write(DEV)
    assert (await shell(f"replace -f {file}"))[0] == 1
    await shell(f"apply -f {file}")
    await shell("label vps dev mine=yes")
    shell.write(DEV.replace("  env: {A: x}\n", ""))
    assert await shell(f"replace -f {file} --dry-run") == (0, "vps/dev replaced (server dry run)\n", "")
    assert (await spec(shell))["env"] == {"A": "x"}
    assert await shell(f"replace -f {file}") == (0, "vps/dev replaced\n", "")
    body = await shell.get(kinds.VPS, "dev")
    assert body["metadata"]["labels"] == {"app": "lab"}
    assert not body["spec"].get("env")


async def test_replace_of_an_older_state_is_a_conflict(shell):
    file = shell.write(DEV)
    await shell(f"apply -f {file}")
    older = (await shell("get vps dev -o json"))[1]
    await shell("label vps dev mine=yes")
    code, _, err = await shell(f"replace -f {shell.write(older, 'older.json')}")
    assert code == 1 and "modified" in err
    assert "mine" in json.dumps((await shell.get(kinds.VPS, "dev"))["metadata"]["labels"])
