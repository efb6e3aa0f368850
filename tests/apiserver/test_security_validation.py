"""`spec.security` is refused in words where it cannot be meant so."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.resources import capabilities
from tests.apiserver.writing import World, a_node, a_vps, a_world

pytestmark = pytest.mark.looptime


@pytest.fixture
async def world() -> World:
    return await a_world(a_node("n1"))


def added(*names: str) -> dict[str, Any]:
    return {"security": {"capabilities": {"add": list(names)}}}


def dropped(*names: str) -> dict[str, Any]:
    return {"security": {"capabilities": {"drop": list(names)}}}


@pytest.mark.parametrize(
    ("spec", "field", "says"),
    [
        (added("NET_ADMN"), "spec.security.capabilities.add[0]", "did you mean NET_ADMIN?"),
        (added("KILL", "CAP_NET_RAW"), "spec.security.capabilities.add[1]", "write NET_RAW"),
        (added("sys-ptrace"), "spec.security.capabilities.add[0]", "write SYS_PTRACE"),
        (added("ALL"), "spec.security.capabilities.add[0]", "name each capability"),
        (dropped("xyzzy"), "spec.security.capabilities.drop[0]", "use one of AUDIT_CONTROL, AUDIT_READ"),
        (dropped("x" * 5000), "spec.security.capabilities.drop[0]", "use one of"),
        (
            {"security": {"capabilities": {"add": ["KILL"], "drop": ["KILL", "CHOWN"]}}},
            "spec.security.capabilities",
            "add and drop both name KILL",
        ),
        (dropped("KILL") | {"privileged": True}, "spec.security", "privileged gives every capability"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_cannot_be_meant_is_refused(
    world: World, spec: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await world.create(a_vps(**spec))
    [cause] = caught.value.causes
    assert cause.field == field
    assert says in cause.message and len(cause.message) < 1500


async def test_a_privileged_vps_may_forbid_new_privileges(world: World) -> None:
    await world.create(a_vps(privileged=True, security={"noNewPrivileges": True}))


def test_the_default_is_dockers_without_devices_and_raw_packets() -> None:
    assert len(capabilities.KNOWN) == 41
    assert len(capabilities.DEFAULT) == 12
    assert not capabilities.DEFAULT & set(capabilities.WITHHELD)


@pytest.mark.parametrize("damaged", [None, [], {"capabilities": [1]}, {"capabilities": {"add": {"a": 1}}}])
def test_what_is_not_of_the_right_shape_adds_nothing(damaged: Any) -> None:
    assert capabilities.beyond_default({"security": damaged}) == ()
