"""Stock kubectl makes, shows, changes and deletes quotas, and prints why something is refused."""

import logging

from tests.apiserver.kubectl_kit import kubectl_at_work

VPSES = "count/vpses.kohakuriver.io"
QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: applied, namespace: default}
spec:
  hard: {cpu: 4, requests.memory: 8Gi}
"""


def a_vps(name: str, cores: int) -> str:
    return f"""\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata: {{name: {name}}}
spec: {{image: kohakuriver/busybox, resources: {{cores: {cores}, memory: 64Mi}}}}
"""


async def test_kubectl_creates_and_describes_a_quota_and_tells_what_it_refuses(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        made = await kubectl("create", "quota", "team", f"--hard={VPSES}=1,requests.cpu=4")
        assert made.out == "resourcequota/team created\n", made.err
        assert "created" in (await kubectl("apply", "-f", "-", stdin=a_vps("one", 1))).out
        refused = await kubectl("apply", "-f", "-", stdin=a_vps("web", 1))
        assert refused.code == 1
        assert (
            'vpses.kohakuriver.io "web" is forbidden: exceeded quota: team, '
            f"requested: {VPSES}=1, used: {VPSES}=1, limited: {VPSES}=1"
        ) in refused.err
        titles, row = (await kubectl("get", "quota")).out.splitlines()
        assert titles.split() == ["NAME", "REQUEST", "LIMIT", "AGE"]
        assert row.split()[:5] == ["team", f"{VPSES}:", "1/1,", "requests.cpu:", "0/4"]
        for about in (("quota", "team"), ("namespace", "default")):
            lines = [line.split() for line in (await kubectl("describe", *about)).out.splitlines()]
            assert [VPSES, "1", "1"] in lines
            assert ["requests.cpu", "0", "4"] in lines
        assert "deleted" in (await kubectl("delete", "quota", "team")).out
        assert "created" in (await kubectl("apply", "-f", "-", stdin=a_vps("web", 1))).out


async def test_kubectl_applies_and_edits_a_quota(tmp_path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/cpu: 4/cpu: 8/" "$1"\n')
    editor.chmod(0o700)
    async with kubectl_at_work(tmp_path) as kubectl:
        assert "created" in (await kubectl("apply", "-f", "-", stdin=QUOTA)).out
        assert "unchanged" in (await kubectl("apply", "-f", "-", stdin=QUOTA)).out
        assert "applied" in (await kubectl("apply", "--server-side", "-f", "-", stdin=QUOTA)).out
        assert (await kubectl("diff", "-f", "-", stdin=QUOTA)).out == ""
        refused = await kubectl("apply", "-f", "-", stdin=a_vps("big", 8))
        assert "exceeded quota: applied, requested: requests.cpu=8, limited: requests.cpu=4" in refused.err
        assert "edited" in (await kubectl("edit", "quota", "applied", EDITOR=str(editor))).out
        assert "created" in (await kubectl("apply", "-f", "-", stdin=a_vps("big", 8))).out
        hard = await kubectl("get", "quota", "applied", "-o", "jsonpath={.status.hard}")
        assert hard.out == '{"cpu":"8","requests.memory":"8Gi"}'


async def test_kubectl_is_told_what_a_quota_can_limit(tmp_path):
    async with kubectl_at_work(tmp_path) as kubectl:
        refused = await kubectl("create", "quota", "bad", "--hard=pods=1")
        assert '"pods" cannot be limited: use requests.cpu, requests.memory' in refused.err
        refused = await kubectl("create", "quota", "bad", "--hard=cpu=1", "--scopes=BestEffort")
        assert "leave scopes and scopeSelector out" in refused.err
        assert (await kubectl("get", "quota")).out == ""


async def test_a_kubectl_that_ends_leaves_no_error_in_the_log(tmp_path, caplog):
    async with kubectl_at_work(tmp_path) as kubectl:
        assert (await kubectl("get", "quota")).code == 0
    assert [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR] == []
