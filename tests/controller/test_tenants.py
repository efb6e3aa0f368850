"""Whose word it is when the mark of silence goes from a VPS."""

from typing import Any

from kohakuriver.client.watch import ObjectKey
from kohakuriver.controller.tenants import Tenants

KEY = ObjectKey("default", "dev")


def a_vps(node: str | None, *, epoch: int = 1, marked: bool = False) -> dict[str, Any]:
    """A VPS whose node was silent: the condition still says so, the mark does while it is `marked`."""
    status: dict[str, Any] = {"conditions": [{"type": "NodeReachable", "status": "False"}]}
    if node is not None:
        status["assignment"] = {"node": node, "epoch": epoch}
    if marked:
        status["unreachableSince"] = "2026-01-01T00:00:00Z"
    return {"status": status}


def test_a_node_that_clears_the_mark_has_spoken_once() -> None:
    tenants = Tenants()
    assert tenants.update(KEY, a_vps("n1", marked=True)) is None
    assert tenants.update(KEY, a_vps("n1")) == "n1"
    assert tenants.update(KEY, a_vps("n1")) is None


def test_a_vps_that_is_bound_to_another_node_is_not_that_nodes_word() -> None:
    tenants = Tenants()
    tenants.update(KEY, a_vps("n1", marked=True))
    assert tenants.update(KEY, a_vps(None)) is None
    assert tenants.update(KEY, a_vps("n2", epoch=2)) is None


def test_a_vps_that_is_placed_anew_on_its_node_is_not_that_nodes_word() -> None:
    tenants = Tenants()
    tenants.update(KEY, a_vps("n1", marked=True))
    assert tenants.update(KEY, a_vps("n1", epoch=2)) is None


def test_a_vps_that_is_first_seen_without_its_mark_is_nobodys_word() -> None:
    assert Tenants().update(KEY, a_vps("n1")) is None
