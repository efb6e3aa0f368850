"""What is nonsense in one object is said of it, and shows in no other; every command that shows objects."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from kohakuriver.cli.access import top
from kohakuriver.cli.api import readable
from kohakuriver.cli.kubectl import describe
from kohakuriver.cli.node import status as node_status
from kohakuriver.cli.tui.dashboard import detail, node_line, vps_line
from kohakuriver.cli.tui.dashboard.world import matches
from kohakuriver.cli.view import node_overview, standing
from kohakuriver.cli.vps import overview, status
from kohakuriver.resources import kinds
from tests.cli.vps.objects import NOW, Json, a_node, a_vps

NONSENSE: tuple[Any, ...] = (-1.5, True, "nonsense", ["x"], [[]], {"a": 5}, None)
EVENT: Json = {
    "metadata": {"name": "e", "creationTimestamp": "2026-01-01T11:55:00Z"},
    "type": "Normal",
    "reason": "Started",
    "message": "it runs",
    "count": 3,
    "firstTimestamp": "2026-01-01T11:55:00Z",
    "lastTimestamp": "2026-01-01T11:56:00Z",
    "series": {"count": 2, "lastObservedTime": "2026-01-01T11:56:00Z"},
    "source": {"component": "agent"},
}
CONDITION = {"type": "Ready", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": "x"}


def full_vps() -> Json:
    vps = a_vps(placement={"gpus": {"ids": ["0"], "count": 1}})
    vps["metadata"] |= {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    vps["status"]["conditions"] = [{**CONDITION, "type": "RestartRequired"}]
    vps["status"]["assignment"]["grant"] |= {"gpus": ["GPU-a"], "cpuset": "0-1", "numa": 0}
    return vps


def full_node() -> Json:
    held = {"state": "running", "cores": "2", "memory": "1Gi", "cpuset": "0-1"}
    said = {
        "allocatable": {"cores": "4", "memory": "8Gi"},
        "conditions": [CONDITION],
        "gpus": [{"index": 0, "uuid": "GPU-a", "model": "A100", "memory": "40Gi"}],
        "numa": [{"id": 0, "cpuset": "0-3"}],
        "sshPorts": {"address": "127.0.0.1", "first": 1, "last": 2},
        "nodeInfo": {"hostname": "n1", "agentVersion": "1"},
        "allowMounts": [{"prefix": "/data", "readOnly": True}],
        "quarantine": {"since": "2026-01-01T11:55:00Z", "why": "restored"},
        "unknown": [{"container": "c", "namespace": "default", "vps": "x", "gpus": [], **held, "uid": "u9"}],
    }
    node = a_node()
    node["metadata"] |= {"labels": {"a": "b"}}
    node["spec"] = {"taints": [{"key": "k", "effect": "NoSchedule", "value": "v"}], "drain": True}
    return {**node, "status": said}


def full_allocation() -> Json:
    booking = {
        "namespace": "default",
        "name": "dev",
        "cores": "2",
        "memory": "1Gi",
        "gpus": ["GPU-a"],
        "disk": "1Gi",
    }
    whole = {**booking, "cpuset": "0-1", "tombstone": {"why": "deleted"}}
    return {"metadata": {"name": "n1"}, "bookings": {"u1": whole, "u2": booking}}


def _spoiled(whole: Json, inside: Any = None, path: tuple[Any, ...] = ()) -> Iterator[Json]:
    """Every variant in which one field below spec, status and what else there is says something else."""
    inside = whole if inside is None else inside
    for key in list(inside) if isinstance(inside, dict) else range(len(inside)):
        here = (*path, key)
        if here in (("metadata",), ("metadata", "name"), ("metadata", "uid"), ("metadata", "namespace")):
            pass  # the server goes by these itself
        else:
            for nonsense in NONSENSE:
                other = copy.deepcopy(whole)
                place: Any = other
                for step in path:
                    place = place[step]
                place[key] = nonsense
                yield other
        if isinstance(inside[key], dict | list) and inside[key]:
            yield from _spoiled(whole, inside[key], here)


def _show_vps(vps: Json, node: Json, events: list[Json]) -> str:
    columns = vps_line.columns([vps], 120, with_namespace=True)
    matches(vps, "x")
    vps_line.line(vps, columns, NOW)
    detail.lines(vps, node, events, NOW, room=(100, 11))
    top.row(top.Used(vps, None))
    overview.lines([vps], NOW, width=100)
    status.page(vps, node, events, NOW, key=None)
    return "\n".join(describe.page(vps, kinds.VPS, events, NOW)) + standing.progress(vps)


def _show_node(node: Json, allocation: Json) -> str:
    allocations = {"n1": allocation}
    node_line.line(node, allocations, node_line.columns([node], allocations, 120))
    top.node_rows([node], [])
    describe.page(node, kinds.NODE, [], NOW)
    rows = node_overview.rows([node], allocations, NOW)
    return "\n".join([*node_status.page(node, allocation, [], NOW), *map(str, rows)])


def test_what_is_sound_is_left_as_it_is() -> None:
    for resource, whole in (
        (kinds.VPS, full_vps()),
        (kinds.NODE, full_node()),
        (kinds.NODE_ALLOCATION, full_allocation()),
        (kinds.EVENT, EVENT),
    ):
        assert readable.of(resource, whole) is whole
    assert "cannot be read" not in _show_vps(full_vps(), full_node(), [EVENT])
    assert "Unreadable" not in _show_node(full_node(), full_allocation())


def test_a_vps_with_nonsense_anywhere_is_shown() -> None:
    for spoiled in _spoiled(full_vps()):
        _show_vps(readable.vps(spoiled), full_node(), [EVENT])
    for node in _spoiled(full_node()):
        _show_vps(full_vps(), readable.node(node), [])
    for event in _spoiled(EVENT):
        _show_vps(full_vps(), full_node(), [readable.event(event), EVENT])


def test_a_node_with_nonsense_anywhere_is_shown() -> None:
    for node in _spoiled(full_node()):
        _show_node(readable.node(node), full_allocation())
    for allocation in _spoiled(full_allocation()):
        _show_node(full_node(), readable.allocation(allocation))


def test_what_is_nonsense_is_named() -> None:
    vps = full_vps()
    vps["status"]["conditions"], vps["spec"]["resources"] = "none", {"cores": "many"}
    vps["status"]["message"] = "it waits"
    shown = _show_vps(readable.vps(vps), full_node(), [])
    assert "cannot be read: spec.resources.cores, status.conditions; it waits" in shown
    node = full_node()
    node["status"]["allocatable"], node["status"]["gpus"] = 5, [{"index": 0}]
    shown = _show_node(readable.node(node), full_allocation())
    assert "cannot be read: status.allocatable, status.gpus[0].uuid" in shown and "Unreadable" in shown


@pytest.mark.parametrize(
    "line", ["vps list --all", "describe vps", "vps status bad good", "describe vps bad good", "get vps"]
)
async def test_the_others_are_shown(shell, line: str) -> None:
    bad = a_vps("bad")
    bad["status"] |= {"conditions": 5, "assignment": {"grant": "all of it"}, "observed": []}
    bad["spec"] = {"resources": {"cores": ["lots"]}}
    await shell.put(kinds.VPS, bad)
    await shell.put(kinds.VPS, a_vps("good"))
    code, out, _ = await shell(line)
    assert code == 0 and "bad" in out and "good" in out
    assert "status.assignment.grant" in out or line == "get vps"


@pytest.mark.parametrize(
    "line", ["node list", "describe node", "node status bad good", "top nodes", "get nodes"]
)
async def test_the_other_nodes_are_shown(shell, line: str) -> None:
    for name in ("bad", "good"):
        node = a_node(name)
        if name == "bad":
            node["status"] = {"allocatable": {"cores": "lots", "memory": []}, "conditions": {}, "gpus": "two"}
        await shell.put(kinds.NODE, node)
    code, out, _ = await shell(line)
    assert code == 0 and "bad" in out and "good" in out
    assert "status.gpus" in out or "Unreadable" in out or line in ("top nodes", "get nodes")
