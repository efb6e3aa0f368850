"""Of several that are named, those that are there are seen to, and each that is not is told."""

import pytest

from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_node, a_vps

VERBS = [
    "vps stop dev gone test --no-wait",
    "vps start dev gone test --no-wait",
    "vps restart dev gone test --no-wait",
    "vps pause dev gone test --no-wait",
    "vps delete dev gone test --no-wait",
    "delete vps dev gone test --no-wait",
    "vps status dev gone test",
    "get vps dev gone test",
    "describe vps dev gone test",
    "label vps dev gone test team=red",
    "annotate vps dev gone test note=x",
    "label vps dev gone test --list",
    'patch vps dev gone test -p \'{"spec":{"priority":7}}\'',
    "node cordon dev gone test",
    "node uncordon dev gone test",
    "node drain dev gone test --no-wait",
    "node accept dev gone test",
    "node revoke dev gone test",
    "node status dev gone test",
]


@pytest.mark.parametrize("line", VERBS)
async def test_the_others_are_seen_to(shell, line):
    for name in ("dev", "test"):
        await shell.put(kinds.VPS, a_vps(name))
        await shell.put(kinds.NODE, a_node(name))

    code, out, err = await shell(line)

    assert code == 1
    assert "dev" in out and "test" in out
    assert "gone" not in out
    assert err.startswith("error: ") and err.count("error: ") == 1 and '"gone"' in err


async def test_what_may_mean_several_is_refused_before_anything_is_done(shell):
    for name in ("dev-1", "dev-2", "test"):
        await shell.put(kinds.VPS, a_vps(name))
    assert (await shell("vps stop test dev --no-wait"))[:2] == (2, "")
    assert (await shell.get(kinds.VPS, "test"))["spec"]["runState"] == "Running"
