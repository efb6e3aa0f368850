from typing import Any

import pytest

from kohakuriver import durations
from kohakuriver.agent.deciding import desired

NODE = "n1"


def a_bound_vps(*, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "dev", "namespace": "default", "uid": "u", **metadata},
        "spec": {"image": "kohakuriver/busybox", **spec},
        "status": {"assignment": {"node": NODE, "epoch": 1, "grant": {"cores": "1", "memory": "1Gi"}}},
    }


@pytest.mark.parametrize(
    "vps",
    [
        a_bound_vps(spec={"stopGracePeriod": "10000000h"}),
        a_bound_vps(spec={}, deletionTimestamp="now", deletionGracePeriodSeconds=10**12),
    ],
)
def test_no_stop_waits_for_longer_than_a_socket_can(vps: dict[str, Any]) -> None:
    wanted = desired.read(vps, node=NODE)
    assert wanted is not None
    assert wanted.stop_grace == durations.LONGEST_GRACE
