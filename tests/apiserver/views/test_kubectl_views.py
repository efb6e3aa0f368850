"""Stock kubectls on what is shown and never stored: Pods, nodes, what they use, events, acting as another."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from kohakuriver.apiserver.serving.connections import Site
from kohakuriver.resources import kinds
from tests.apiserver.kubectl_kit import KUBECTL, kubectl_at_work
from tests.apiserver.views.kit import a_node, a_vps, put, remove
from tests.apiserver.views.test_events import an_event
from tests.apiserver.views.test_metrics import SAID, an_agent_that_says

DEBIANS = Path("/usr/bin/kubectl")
PROGRAMS = [
    pytest.param(KUBECTL, id="ours"),
    pytest.param(
        DEBIANS, id="Debian's", marks=pytest.mark.skipif(not DEBIANS.exists(), reason="it is not installed")
    ),
]


@pytest.mark.parametrize("program", PROGRAMS)
async def test_pods_and_nodes_are_seen_and_a_node_is_cordoned(tmp_path: Path, program: Path) -> None:
    async with kubectl_at_work(tmp_path, program=program) as kubectl:
        api = kubectl.api
        await put(api, kinds.NODE, a_node())
        await put(api, kinds.VPS, a_vps(env={"SECRET": "hunter2"}))
        await put(api, kinds.VPS, a_vps("off", "stopped"))
        assert (await kubectl("get", "pods", "-o", "name")).out.split() == ["pod/dev"]
        rows = (await kubectl("get", "po", "-A", "-o", "wide")).out.splitlines()
        assert rows[1].split()[:5] == ["default", "dev", "1/1", "Running", "2"]
        refused = await kubectl("get", "pod", "off")
        assert refused.err.strip().endswith("off is stopped; start it: kohakuriver vps start off")
        told = (await kubectl("describe", "pod", "dev")).out
        assert "Controlled By:  VPS/dev" in told and "hunter2" not in told
        assert "spec" in (await kubectl("explain", "pod")).out
        written = await kubectl("delete", "pod", "dev")
        assert "they show vpses.kohakuriver.io: apply a VPS" in written.err
        assert (await kubectl("wait", "pod/dev", "--for=condition=Ready", "--timeout=30s")).code == 0
        rows = (await kubectl("get", "all", "-o", "name")).out.split()
        assert rows == ["vps.kohakuriver.io/dev", "vps.kohakuriver.io/off"]

        assert (await kubectl("cordon", "n1")).out == "node/n1 cordoned\n"
        ours = "nodes.kohakuriver.io"
        assert "Cordoned" in (await kubectl("get", "nodes")).out
        assert (await kubectl("get", ours, "n1", "-o", "jsonpath={.spec.unschedulable}")).out == "true"
        assert (await kubectl("uncordon", "n1")).out == "node/n1 uncordoned\n"
        assert (await kubectl("get", ours, "n1", "-o", "jsonpath={.spec.unschedulable}")).out != "true"
        assert (await kubectl("label", "node", "n1", "disk=ssd")).code == 0
        assert (await kubectl("get", ours, "-l", "disk=ssd", "-o", "name")).out.split() == [
            f"node.{ours[6:]}/n1"
        ]
        described = await kubectl("describe", "node", "n1")
        assert described.code == 0 and "Non-terminated Pods:          (1 in total)" in described.out


@pytest.mark.parametrize("program", PROGRAMS)
async def test_top_shows_what_vpses_use(tmp_path: Path, program: Path) -> None:
    async with kubectl_at_work(tmp_path, program=program) as kubectl:
        api = kubectl.api
        await put(api, kinds.NODE, a_node())
        await put(api, kinds.VPS, a_vps())
        await Site(api.runner, "127.0.0.1", 0).start()
        plain = f"http://127.0.0.1:{api.runner.addresses[-1][1]}"  # the agent of this test speaks no TLS
        async with an_agent_that_says(dataclasses.replace(api, url=plain), SAID):
            pods = await kubectl("top", "pod")
            each = await kubectl("top", "pod", "dev", "--containers")
            nodes = await kubectl("top", "node")
            await put(api, kinds.VPS, a_vps("off", "stopped", runState="Stopped"))
            off = await kubectl("top", "pod", "off")
        assert pods.out.splitlines()[1].split() == ["dev", "250m", "3Mi"], pods
        assert each.out.splitlines()[1].split() == ["dev", "vps", "250m", "3Mi"], each
        assert off.err.strip().endswith(
            '"off" not found: off is stopped; start it: kohakuriver vps start off'
        )
        assert nodes.out.splitlines()[1].split() == ["n1", "250m", "7%", "3Mi", "0%"], nodes


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_watch_tells_of_starting_stopping_and_deleting(tmp_path: Path, program: Path) -> None:
    async with kubectl_at_work(tmp_path, program=program) as kubectl:
        api = kubectl.api
        watch = await kubectl.start("get", "pods", "-w", "--output-watch-events", "--no-headers")
        lines = watch.stdout
        assert lines is not None

        async def told(*, vps: dict[str, Any]) -> list[str]:
            await put(api, kinds.VPS, vps)
            async with asyncio.timeout(30):
                return (await lines.readline()).decode().split()[:4]

        try:
            assert await told(vps=a_vps(phase="pending", node="")) == ["ADDED", "dev", "0/1", "Pending"]
            assert await told(vps=a_vps(phase="assigning")) == ["MODIFIED", "dev", "0/1", "Pending"]
            assert await told(vps=a_vps()) == ["MODIFIED", "dev", "1/1", "Running"]
            assert (await told(vps=a_vps(phase="stopped")))[:2] == ["DELETED", "dev"]
            assert await told(vps=a_vps()) == ["ADDED", "dev", "1/1", "Running"]
            await remove(api, kinds.VPS, a_vps())
            async with asyncio.timeout(30):
                assert (await lines.readline()).decode().split()[:2] == ["DELETED", "dev"]
        finally:
            watch.terminate()
            await watch.wait()


NONSENSE = [
    (("logs", "vps"), 'pods "vps" not found'),
    (("exec", "deploy/dev", "--", "true"), 'the server doesn\'t have a resource type "deploy"'),
    (("exec", "vps/dev", "--", "true"), 'no kind "VPS" is registered'),  # kubectl's own: it does not ask
    (("port-forward", "svc/dev", "80"), 'the server doesn\'t have a resource type "svc"'),
    (("exec", "dev", "-c", "other", "--", "true"), "container other is not valid for pod dev out of: vps"),
    (("run", "x", "--image=y"), "apply a VPS, or use kohakuriver vps"),
    (("debug", "dev", "--image=y"), "ephemeral containers are disabled for this cluster"),
    (("debug", "dev", "--image=y", "--copy-to=z"), "apply a VPS, or use kohakuriver vps"),
    (("debug", "node/n1", "--image=y"), "apply a VPS, or use kohakuriver vps"),
    (("drain", "n1", "--force"), "apply a VPS, or use kohakuriver vps"),
    (("auth", "can-i", "create", "pods/exec", "-q=false"), "say pods --subresource=exec"),
]


@pytest.mark.parametrize(
    ("words", "told"), NONSENSE, ids=lambda it: " ".join(it) if type(it) is tuple else ""
)
async def test_what_makes_no_sense_is_refused_in_a_sentence(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    async with kubectl_at_work(tmp_path) as kubectl:
        await put(kubectl.api, kinds.NODE, a_node())
        await put(kubectl.api, kinds.VPS, a_vps())
        refused = await kubectl(*words)
        assert refused.code != 0 and told in refused.err + refused.out, refused
        assert "panic" not in refused.err


async def test_newer_events_and_acting_as_another(tmp_path: Path) -> None:
    async with kubectl_at_work(tmp_path) as kubectl:
        event = {"apiVersion": "v1", "kind": "Event", **an_event()}
        event["metadata"]["namespace"] = "default"
        await put(kubectl.api, kinds.EVENT, event)
        events = await kubectl("get", "events.events.k8s.io")
        assert "it runs" in events.out
        may = ("auth", "can-i", "create", "vps", "-n", "default")
        assert (await kubectl(*may, "--as=alice")).out == "yes\n"
        assert (await kubectl(*may, "--as=viewer")).out.startswith("no - ")
        refused = await kubectl("get", "tokens", "--as=alice")
        assert 'user "alice" of role user cannot list "tokens"' in refused.err
        whoami = await kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", "--as=alice")
        assert whoami.out == "alice"
