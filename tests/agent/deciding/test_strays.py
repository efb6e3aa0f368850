"""What a container holds that no VPS accounts for."""

import dataclasses
from typing import Any

import pytest

from kohakuriver.agent.deciding import strays
from kohakuriver.agent.runtime.base import Limits
from tests.agent.builders import a_container, a_vps

MACHINE = frozenset(range(4))
GI = 1 << 30


def written(limits: Limits | None) -> dict[str, Any]:
    return strays.written(dataclasses.replace(a_container(a_vps()), limits=limits), machine=MACHINE)


def test_what_it_is_limited_to_is_told() -> None:
    told = written(Limits(1500, GI, "0-3"))
    assert (told["cores"], told["memory"]) == ("1500m", "1Gi")
    assert "cores" not in written(None)


@pytest.mark.parametrize(
    ("millicores", "cores", "own"),
    [(2000, "1-2", "1-2"), (1000, "3", "3"), (2000, "0-3", None), (500, "3", None), (4000, "0-3", None)],
)
def test_cores_of_its_own_are_told_from_those_that_it_shares(millicores: int, cores: str, own: str) -> None:
    assert written(Limits(millicores, GI, cores)).get("cpuset") == own


def test_without_a_set_of_cores_it_has_none_of_its_own() -> None:
    assert "cpuset" not in written(Limits(2000, GI))
