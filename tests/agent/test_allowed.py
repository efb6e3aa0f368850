"""What a node lets VPSes have of it."""

from typing import Any

import pytest

from kohakuriver.agent.deciding.allowed import mount_refusal, refusal
from kohakuriver.agent.deciding.desired import Desired, Mount, Refusal, Security
from kohakuriver.placement.mounts import Allowed, AllowedMount
from tests.agent.builders import a_vps

DATA = (AllowedMount("/data"), AllowedMount("/data/golden", read_only=True), AllowedMount("/scratch"))


@pytest.mark.parametrize("source", ["/data", "/data/set", "/scratch/x/y"])
def test_a_prefix_allows_itself_and_what_is_below_it(source: str) -> None:
    assert mount_refusal(Mount(source, "/x"), DATA, node="n1") == ""


@pytest.mark.parametrize("source", ["/", "/database", "/etc", "/scratchy"])
def test_anything_else_is_refused_with_the_flag_that_would_allow_it(source: str) -> None:
    assert f"--allow-mount {source}" in mount_refusal(Mount(source, "/x"), DATA, node="n1")


def refused_by_a_node(vps: Desired, mounts: Allowed, **options: Any) -> Refusal | None:
    fixed: dict[str, Any] = {
        "allow_privileged": False,
        "remaps_users": False,
        "capabilities": (),
        "node": "n1",
    }
    return refusal(vps, mounts, **(fixed | options))


def test_the_longest_prefix_counts() -> None:
    assert "reading only" in mount_refusal(Mount("/data/golden/x", "/x"), DATA, node="n1")
    assert mount_refusal(Mount("/data/golden/x", "/x", read_only=True), DATA, node="n1") == ""


def test_the_root_allows_everything() -> None:
    assert mount_refusal(Mount("/etc", "/x"), (AllowedMount("/"),), node="n1") == ""


def test_a_privileged_vps_needs_the_flag() -> None:
    vps = a_vps(privileged=True)
    refused = refused_by_a_node(vps, (), allow_privileged=False)
    assert refused is not None and "--allow-privileged" in refused.message
    assert refused_by_a_node(vps, (), allow_privileged=True) is None


def test_each_capability_beyond_the_default_needs_the_flag() -> None:
    vps = a_vps(security=Security(added=("CHOWN", "NET_RAW", "SYS_PTRACE"), dropped=("ALL",)))
    refused = refused_by_a_node(vps, (), allow_privileged=True, capabilities=("SYS_PTRACE",))
    assert refused is not None and refused.reason == "CapabilityNotAllowed"
    assert refused.message == (
        "node n1 allows no capability NET_RAW (agent option --allow-capability NET_RAW)"
    )
    allowing = ("NET_RAW", "SYS_PTRACE")
    assert refused_by_a_node(vps, (), allow_privileged=False, capabilities=allowing) is None
    less = a_vps(security=Security(added=("CHOWN",), dropped=("ALL",), no_new_privileges=True))
    assert refused_by_a_node(less, (), allow_privileged=False) is None


def test_a_privileged_vps_runs_on_no_engine_that_remaps_users() -> None:
    refused = refused_by_a_node(a_vps(privileged=True), (), allow_privileged=True, remaps_users=True)
    assert refused is not None and refused.reason == "PrivilegedNotPossible"
    assert "userns-remap" in refused.message
    assert refused_by_a_node(a_vps(), (), allow_privileged=True, remaps_users=True) is None
