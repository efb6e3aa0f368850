"""What Policies say of a VPS, and the default of a namespace, where people look for it."""

from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_vps

POLICY = """\
apiVersion: kohakuriver.io/v1alpha1
kind: Policy
metadata: {name: net}
spec: {egress: {deny: [10.0.0.0/8]}, highestPriority: 100}
"""


async def test_describe_says_which_policies_hold_for_a_vps(shell):
    await shell.put(kinds.VPS, a_vps("dev"))
    assert "Policies" not in (await shell("describe vps dev"))[1]
    assert (await shell(f"apply -f {shell.write(POLICY, 'policy.yaml')}"))[0] == 0
    await shell.api.server.cache.fresh()
    for user in ("admin", "alice"):
        code, out, err = await shell("describe vps dev", user=user)
        assert code == 0, err
        (line,) = (line for line in out.splitlines() if line.startswith("Policies:"))
        assert line.split(maxsplit=1)[1] == "net: closed: 10.0.0.0/8; priority at most 100"


async def test_describe_of_a_namespace_says_what_holds_there(shell):
    assert (await shell(f"apply -f {shell.write(POLICY, 'policy.yaml')}"))[0] == 0
    await shell.api.server.cache.fresh()
    out = (await shell("describe ns default"))[1]
    assert "net: closed: 10.0.0.0/8; priority at most 100" in out
