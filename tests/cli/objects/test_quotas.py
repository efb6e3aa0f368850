"""ResourceQuotas with our own commands: applied, shown, described, and what they refuse."""

import yaml

VPSES = "count/vpses.kohakuriver.io"
MANIFEST = f"""\
apiVersion: v1
kind: ResourceQuota
metadata: {{name: team, namespace: default}}
spec:
  hard: {{{VPSES}: 1, requests.cpu: 4, kohakuriver.io/object-bytes: 1Mi}}
"""
VPS = """\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata: {name: NAME}
spec: {resources: {cores: CORES}}
"""


async def test_a_quota_is_applied_and_shown_with_what_is_taken(shell):
    file = shell.write(MANIFEST, "quota.yaml")
    code, out, err = await shell(f"apply -f {file}")
    assert (code, out) == (0, "resourcequota/team created\n"), err
    assert "unchanged" in (await shell(f"apply -f {file}"))[1]
    vps = shell.write(VPS.replace("NAME", "dev").replace("CORES", "1"))
    assert (await shell(f"apply -f {vps}", user="alice"))[0] == 0
    titles, row = (await shell("get quota", user="alice"))[1].splitlines()
    assert titles.split() == ["NAME", "REQUEST", "LIMIT", "AGE"]
    assert row.split()[:4] == ["team", f"{VPSES}:", "1/1,", "kohakuriver.io/object-bytes:"]
    shown = yaml.safe_load((await shell("get resourcequota/team -o yaml"))[1])
    assert shown["status"]["hard"] == {VPSES: "1", "requests.cpu": "4", "kohakuriver.io/object-bytes": "1Mi"}
    assert shown["status"]["used"][VPSES] == "1"
    told = [line.split() for line in (await shell("describe quota team"))[1].splitlines()]
    assert ["RESOURCE", "USED", "HARD"] in told
    assert [VPSES, "1", "1"] in told
    assert ["requests.cpu", "0", "4"] in told
    assert (await shell("delete quota team"))[0] == 0


async def test_what_a_quota_refuses_is_told_with_what_to_do(shell):
    await shell(f"apply -f {shell.write(MANIFEST, 'quota.yaml')}")
    big = shell.write(VPS.replace("NAME", "big").replace("CORES", "8"), "big.yaml")
    code, _, err = await shell(f"apply -f {big}", user="alice")
    assert code == 1
    assert "exceeded quota: team, requested: requests.cpu=8, limited: requests.cpu=4" in err
    assert "ask an administrator to raise quota team" in err
    more = shell.write(MANIFEST.replace("cpu: 4", "cpu: 8"), "more.yaml")
    assert (await shell(f"apply -f {more}", user="alice"))[0] == 1
    bad = shell.write(MANIFEST.replace("requests.cpu", "limits.cpu"), "bad.yaml")
    code, _, err = await shell(f"apply -f {bad}")
    assert code == 1
    assert '"limits.cpu" cannot be limited: use requests.cpu' in err
