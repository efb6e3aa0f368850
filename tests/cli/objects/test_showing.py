"""explain, events, api-resources, and get's columns and orders, against the real API server."""

import pytest

from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_vps


async def event(shell, about: str, message: str, moment: str, *, kind: str = "Normal"):
    namespace = "default"
    body = {
        "metadata": {"name": f"{about}.{message}", "namespace": namespace},
        "involvedObject": {"kind": "VPS", "name": about, "apiVersion": kinds.API_VERSION},
        "reason": "Said",
        "message": message,
        "type": kind,
        "lastTimestamp": moment,
        "firstTimestamp": moment,
    }
    await shell.api.create(kinds.EVENT, body)


async def test_events_come_in_order_and_of_what_is_asked_for(shell):
    await event(shell, "dev", "second", "2026-01-01T11:00:00Z", kind="Warning")
    await event(shell, "dev", "first", "2026-01-01T10:00:00Z")
    await event(shell, "test", "third", "2026-01-01T12:00:00Z")
    _, out, _ = await shell("events")
    header, *rows = out.splitlines()
    assert header.split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert [row.split()[-1] for row in rows] == ["first", "second", "third"]
    assert rows[0].split()[-2] == "vps/dev"
    assert len((await shell("events --for vps/dev --no-headers"))[1].splitlines()) == 2
    assert len((await shell("events --types warning --no-headers"))[1].splitlines()) == 1
    assert (await shell("events --for vps/none")) == (0, "", "no events of vps/none in namespace default\n")
    for words in ("dev", "vps dev", "vps/dev"):
        assert len((await shell(f"events {words} --no-headers"))[1].splitlines()) == 2
    assert (await shell("events none")) == (0, "", "no events of vps/none in namespace default\n")
    code, _, err = await shell("events dev --for vps/dev")
    assert code == 2 and "a name and --for do not go together" in err
    assert "events of one object are shown at a time" in (await shell("events vps dev test"))[2]
    assert (await shell("events -o name"))[1].startswith("event/dev.first\n")
    assert (await shell("events --types loud"))[0] == 2


async def test_explain_says_what_a_field_is_for(shell):
    code, out, _ = await shell("explain vps.spec.resources")
    assert code == 0
    assert "KIND:       VPS" in out and "FIELD:      resources <" in out
    assert "  cores <" in out.replace("   <", " <") or "cores" in out
    code, out, _ = await shell("explain vps.spec --recursive")
    assert "  resources <" in out and "    memory <" in out
    _, out, _ = await shell("explain vps.spec.restartPolicy")
    assert "One of: Always, OnFailure, Never" in out and "Default: Always" in out
    assert (await shell("explain vps.spec.mounts.target"))[0] == 0


async def test_explain_of_what_is_not_there_says_what_is(shell):
    code, out, err = await shell("explain vps.spec.resorces")
    assert (code, out) == (2, "")
    assert 'there is no field "resorces"' in err and "resources" in err


@pytest.mark.parametrize("resource", kinds.ALL, ids=lambda one: one.singular)
async def test_every_kind_can_be_explained_whole(shell, resource):
    code, out, _ = await shell(f"explain {resource.singular} --recursive")
    assert code == 0 and "metadata <" in out


async def test_the_kinds_are_those_that_the_server_serves(shell):
    _, out, _ = await shell("api-resources --no-headers")
    assert {tuple(line.split()[-1:]) for line in out.splitlines()} >= {(one.kind,) for one in kinds.ALL}
    assert "vpses.kohakuriver.io" in (await shell("api-resources -o name"))[1].split()
    assert "deletecollection" in (await shell("api-resources -o wide"))[1]


async def test_columns_are_those_that_were_named(shell):
    await shell.put(kinds.VPS, a_vps("a", memory="2Gi"))
    await shell.put(kinds.VPS, a_vps("b", memory="512Mi", node=""))
    wanted = "-o custom-columns=NAME:.metadata.name,NODE:.status.assignment.node"
    assert await shell(f"get vps {wanted}") == (0, "NAME   NODE\na      n1\nb      <none>\n", "")
    assert (await shell(f"get vps a {wanted} --no-headers"))[1] == "a   n1\n"
    assert (await shell(f"vps list --all {wanted}"))[1].startswith("NAME   NODE\n")
    assert (await shell("get vps -o custom-columns=NAME"))[0] == 2


async def test_a_list_is_ordered_by_amounts_not_by_letters(shell):
    for name, memory in (("a", "2Gi"), ("b", "512Mi"), ("c", "10Gi")):
        await shell.put(kinds.VPS, a_vps(name, memory=memory))
    for order in (".spec.resources.memory", "'{.spec.resources.memory}'"):
        _, out, _ = await shell(f"get vps --sort-by {order} -o name")
        assert out.split() == ["vps/b", "vps/a", "vps/c"]
    _, out, _ = await shell("get vps --sort-by .spec.resources.memory --no-headers")
    assert [line.split()[0] for line in out.splitlines()] == ["b", "a", "c"]
    assert (await shell("get vps --sort-by '{'"))[0] == 2


async def test_fields_select(shell):
    await shell.put(kinds.VPS, a_vps("a"))
    await shell.put(kinds.VPS, a_vps("b", phase="lost"))
    assert (await shell("get vps --field-selector status.phase=lost -o name"))[1] == "vps/b\n"
    assert (await shell("get vps a --field-selector status.phase=lost"))[0] == 2
