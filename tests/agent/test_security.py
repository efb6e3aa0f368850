"""`spec.security` on a fake engine and the real API: what a node allows, and when a change takes effect."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from kohakuriver.agent.deciding import desired, labels
from kohakuriver.agent.deciding.desired import Security
from kohakuriver.agent.deciding.memory import Memory
from kohakuriver.agent.deciding.situation import Situation
from tests.agent.agent_kit import a_manifest, a_node
from tests.agent.builders import NOON, a_container, a_vps
from tests.agent.placement_kit import condition, status_of_node

pytestmark = pytest.mark.looptime

ADDED = {"capabilities": {"add": ["SYS_PTRACE", "CHOWN"], "drop": ["KILL"]}}


async def test_what_a_node_allows_is_in_its_status_and_reaches_the_engine(tmp_path: Path) -> None:
    async with a_node(tmp_path, allow_capabilities=("NET_RAW", "SYS_PTRACE")) as node:
        assert (await status_of_node(node))["allowCapabilities"] == ["NET_RAW", "SYS_PTRACE"]
        await node.place(a_manifest(security={**ADDED, "noNewPrivileges": True}))
        await node.until(phase="running")
        spec = node.engine.records()[0].spec
        assert (spec.cap_add, spec.cap_drop) == (("CHOWN", "SYS_PTRACE"), ("KILL",))
        assert spec.no_new_privileges
        assert labels.rights(node.container()) == ("capabilities",)


async def test_what_a_node_does_not_allow_is_rejected_with_the_option_that_would(tmp_path: Path) -> None:
    async with a_node(tmp_path, allow_capabilities=("NET_RAW",)) as node:
        await node.place(a_manifest(security=ADDED))
        await asyncio.sleep(5)
        status = (await node.get())["status"]
        assert "assignment" not in status and node.containers() == []
        assert "--allow-capability SYS_PTRACE" in status["rejectedBy"]["n1"]


async def test_a_container_that_has_more_than_the_node_allows_by_now_is_not_started(tmp_path: Path) -> None:
    allowing = {"allow_capabilities": ("SYS_PTRACE",)}
    async with a_node(tmp_path, **allowing) as node:
        await node.place(a_manifest(security=ADDED))
        await node.until(phase="running")
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        await node.kill_agent()
        await node.start_agent()
        await node.change(runState="Running")
        vps = await node.until(state="failed")
        assert "--allow-capability SYS_PTRACE" in vps["status"]["message"]
        assert not node.container().is_up


async def test_a_change_takes_effect_at_the_next_restart_with_the_files(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        before = node.container()
        await node.change(security={"capabilities": {"drop": ["ALL"]}, "noNewPrivileges": True})
        await asyncio.sleep(5)
        said = condition(await node.get(), "RestartRequired")
        assert "security" in said["message"] and node.container().id == before.id
        await node.change(restartRequest="r1")
        await node.until(phase="running", restartRequest="r1")
        assert node.container().id != before.id and "commit-" in node.container().image
        assert node.engine.records()[0].spec.cap_drop == ("ALL",)


def test_a_container_of_before_is_not_made_anew_for_a_default_that_changed() -> None:
    """Its hash is of what was declared; nothing about security was."""
    vps = a_vps()
    assert labels.spec_hash(vps) == labels.spec_hash(dataclasses.replace(vps, security=Security()))
    for other in (Security(("NET_RAW",)), Security((), ("NET_RAW",)), Security(no_new_privileges=True)):
        assert Situation(
            dataclasses.replace(vps, security=other), a_container(vps), Memory(), NOON
        ).is_outdated


def test_the_spec_is_read_in_any_order_and_with_less_than_all_of_it() -> None:
    def read(security: object) -> Security:
        vps = {
            "metadata": {"name": "dev", "namespace": "default", "uid": "u"},
            "spec": {"security": security},
            "status": {"assignment": {"node": "n1", "epoch": 1}},
        }
        found = desired.read(vps, node="n1")
        assert found is not None
        return found.security

    both = read({"capabilities": {"add": ["NET_RAW", "BPF"]}})
    assert both == read({"capabilities": {"add": ["BPF", "NET_RAW"], "drop": None}})
    assert both.beyond == ("BPF", "NET_RAW")
    assert read(None) == read({}) == read({"capabilities": {}}) == Security()
