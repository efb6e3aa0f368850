"""`node …` against the real API server."""

import asyncio
import logging

import pytest

from kohakuriver.resources import kinds
from tests.cli.lossy import lossy
from tests.cli.vps.objects import a_node, a_vps, an_allocation

QUARANTINE = {"id": "3f1c", "since": "2026-01-01T00:00:00Z", "why": "the cluster's store was restored"}


async def spec_of(shell, name: str = "n1"):
    return (await shell.get(kinds.NODE, name)).get("spec") or {}


async def test_cordon_and_uncordon_declare(shell):
    await shell.put(kinds.NODE, a_node())
    assert await shell("node cordon n1") == (0, "node/n1 cordoned\n", "")
    assert (await spec_of(shell)) == {"unschedulable": True}
    assert await shell("node cordon node/n1") == (0, "node/n1 was cordoned already\n", "")
    assert await shell("node uncordon n1") == (0, "node/n1 uncordoned\n", "")
    assert (await spec_of(shell)) == {}


async def test_a_drain_declares_and_waits_until_nothing_runs_there(shell):
    await shell.put(kinds.NODE, a_node())
    await shell.put(kinds.VPS, a_vps())
    code, out, err = await shell("node drain n1 --timeout 100ms")
    assert (code, out) == (124, "")
    assert "node/n1 is not drained after 100ms: 1 VPS left on n1; default/dev: running" in err
    assert (await spec_of(shell)) == {"unschedulable": True, "drain": True}
    await shell.put(kinds.VPS, a_vps(phase="stopped", state="stopped", reason="NodeDrained"))
    await shell.put(kinds.VPS, a_vps("other", node="n2"))
    assert await shell("node drain n1") == (0, "node/n1 drained\n", "")
    assert await shell("node uncordon n1") == (0, "node/n1 uncordoned\n", "")
    assert (await spec_of(shell)) == {}


async def test_labels_are_set_kept_and_taken_away(shell):
    await shell.put(kinds.NODE, a_node())
    assert (await shell("node label n1 rack=3"))[:2] == (0, "node/n1 labeled\n")
    code, _, err = await shell("node label n1 disk=hdd")
    assert code == 2
    assert "node/n1 has the label disk=ssd" in err and "--overwrite" in err
    await shell("node label n1 disk=hdd --overwrite")
    await shell("node label n1 rack-")
    assert (await shell.get(kinds.NODE, "n1"))["metadata"]["labels"] == {"disk": "hdd"}


async def test_a_wrong_node_gets_a_proposal(shell):
    await shell.put(kinds.NODE, a_node("gpu-01"))
    code, _, err = await shell("node cordon gpu-1")
    assert code == 1
    assert err == 'error: there is no node "gpu-1"; did you mean "gpu-01"?\n'


async def test_what_can_be_no_name_is_no_node(shell):
    assert "there is no node" in (await shell("node cordon ."))[2]


async def test_the_list_shows_what_is_booked_of_what(shell):
    await shell.put(kinds.NODE, a_node())
    await shell.put(kinds.NODE, a_node("n2", ready="Unknown", drain=True))
    await shell.put(kinds.NODE_ALLOCATION, an_allocation(dev={"cores": "1500m", "memory": "4Gi"}, old={}))
    code, out, err = await shell("node list")
    rows = [line.split() for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert rows[0] == ["NAME", "STATUS", "VPSES", "CORES", "MEMORY", "GPUS", "AGE", "VERSION"]
    assert rows[1][:6] == ["n1", "Ready", "2", "1.5/8", "4Gi/30Gi", "-"]
    assert rows[2][:6] == ["n2", "NotReady,Draining", "0", "0/8", "0/30Gi", "-"]


async def test_the_list_names_a_node_whose_agent_cannot_write(shell):
    node = a_node()
    node["status"]["conditions"].append({"type": "DataDirWritable", "status": "False", "reason": "DiskFull"})
    await shell.put(kinds.NODE, node)
    assert "Ready,DataDirNotWritable" in (await shell("node list"))[1]


async def test_a_node_where_root_in_a_vps_is_its_root_says_so_and_is_ready(shell):
    node, words = a_node(), "root in a VPS is root of this machine: start the engine with userns-remap"
    said = {"type": "UserNamespaces", "status": "False", "reason": "NotRemapped", "message": words}
    node["status"]["conditions"].append(said)
    await shell.put(kinds.NODE, node)
    assert (await shell("node list"))[1].splitlines()[1].split()[1] == "Ready"
    shown = " ".join((await shell("node status n1"))[1].split())
    assert "UserNamespaces False" in shown and words in shown


async def test_who_may_not_read_bookings_sees_the_nodes_all_the_same(shell):
    await shell.put(kinds.NODE, a_node())
    code, out, _ = await shell("node list", user="alice")
    assert code == 0
    assert out.splitlines()[1].split()[:5] == ["n1", "Ready", "?", "8", "30Gi"]


async def test_the_status_names_who_holds_what(shell):
    node = a_node()
    node["status"]["gpus"] = [{"index": 0, "uuid": "GPU-a", "model": "A100", "healthy": True}]
    await shell.put(kinds.NODE, node)
    booking = {"cores": "2", "memory": "4Gi", "sshPort": 30000, "gpus": ["GPU-a"]}
    await shell.put(kinds.NODE_ALLOCATION, an_allocation(dev=booking))
    code, out, err = await shell("node status n1")
    assert (code, err) == (0, "")
    assert "  default/dev   2       4Gi      1      30000" in out
    assert ["0", "A100", "yes", "default/dev", "GPU-a"] in [line.split() for line in out.splitlines()]


async def test_cores_that_are_shared_count_as_often_as_the_node_gives_them(shell):
    node = a_node()
    node["status"] |= {"allocatable": {"cores": "2", "memory": "30Gi"}, "cpuOvercommit": "4"}
    await shell.put(kinds.NODE, node)
    held = an_allocation(dev={"cores": "1500m", "memory": "4Gi"}, lab={"cores": "4", "memory": "1Gi"})
    await shell.put(kinds.NODE_ALLOCATION, held)
    assert (await shell("node list"))[1].splitlines()[1].split()[3] == "5.5/8"
    assert "Cores:      2, shared 4 times: 8 to give, 5.5 given\n" in (await shell("node status n1"))[1]
    assert "2, shared 4 times: 8 to give\n" in (await shell("describe node n1"))[1]


async def test_cores_that_are_held_alone_are_not_shared(shell):
    node = a_node()
    node["status"] |= {"allocatable": {"cores": "4", "memory": "30Gi"}, "cpuOvercommit": "1.5"}
    await shell.put(kinds.NODE, node)
    alone = {"cores": "2", "exclusive": True, "cpuset": "0-1", "memory": "4Gi"}
    await shell.put(kinds.NODE_ALLOCATION, an_allocation(own=alone, lab={"cores": "500m", "memory": "1Gi"}))
    assert (await shell("node list"))[1].splitlines()[1].split()[3] == "2.5/5"
    shown = (await shell("node status n1"))[1]
    assert "4 (2 held alone), shared 1.5 times: 5 to give, 2.5 given" in shown


async def test_cores_that_a_container_without_a_vps_has_for_itself_are_not_shared(shell):
    node, stray = a_node(), {"container": "c", "state": "running", "cores": "2", "cpuset": "0-1"}
    node["status"] |= {"allocatable": {"cores": "4", "memory": "30Gi"}, "cpuOvercommit": "1.5"}
    node["status"]["unknown"] = [stray]
    await shell.put(kinds.NODE, node)
    await shell.put(kinds.NODE_ALLOCATION, an_allocation(lab={"cores": "500m", "memory": "1Gi"}))
    shown = (await shell("node status n1"))[1]
    assert "4 (2 held alone), shared 1.5 times: 5 to give, 0.5 given" in shown


async def test_to_forget_needs_to_be_told_that_it_is_destroyed(shell):
    await shell.put(kinds.NODE, a_node(ready="Unknown"))
    await shell.put(kinds.VPS, a_vps())
    code, _, err = await shell("node forget n1")
    assert code == 2
    assert "the files of 1 VPS there are given up (default/dev)" in err
    assert "--destroyed" in err


async def test_to_forget_off_a_terminal_needs_yes(shell, monkeypatch):
    await shell.put(kinds.NODE, a_node(ready="Unknown"))
    code, _, err = await shell("node forget n1 --destroyed")
    assert code == 2
    assert "no VPS is placed on it" in err and "--yes" in err
    assert await shell.get(kinds.NODE, "n1")


@pytest.mark.fault(9)
async def test_a_forgotten_node_is_gone_and_its_vpses_wait_for_another(shell):
    await shell.put(kinds.NODE, a_node(ready="Unknown"))
    await shell.put(kinds.VPS, a_vps())
    await shell.put(
        kinds.NODE_ALLOCATION, an_allocation(dev={"cores": "2", "memory": "4Gi", "sshPort": 30000})
    )
    code, out, err = await shell("node forget n1 --destroyed --yes")
    assert (code, out) == (0, "node/n1 forgotten\n"), err
    assert err == "default/dev is placed anew, without its files\n"
    assert (await shell("get nodes -o name"))[1] == ""
    status = (await shell.get(kinds.VPS, "dev"))["status"]
    assert "assignment" not in status


@pytest.mark.fault(31)
async def test_forgetting_is_done_when_its_answer_was_lost(shell):
    await shell.put(kinds.NODE, a_node(ready="Unknown"))
    async with lossy(shell.api.url, method="POST", losses=1) as way:
        shell.url = way.url
        assert await shell("node forget n1 --destroyed --yes") == (0, "node/n1 forgotten\n", "")


async def test_a_node_whose_object_was_deleted_can_be_forgotten_too(shell):
    await shell.put(kinds.VPS, a_vps())
    booking = {"cores": "2", "memory": "4Gi", "sshPort": 30000}
    await shell.put(kinds.NODE_ALLOCATION, an_allocation(dev=booking))
    code, out, _ = await shell("node forget n1 --destroyed --yes")
    assert (code, out) == (0, "node/n1 forgotten\n")
    assert (await shell("node forget n1 --destroyed --yes"))[0] == 1


async def history_of(shell) -> str:
    return (await shell.api.call("GET", kinds.NODE.path())).headers[kinds.HISTORY_HEADER]


async def test_a_node_is_accepted_by_the_id_of_its_quarantine(shell):
    node = a_node()
    node["status"] |= {"history": await history_of(shell), "quarantine": QUARANTINE}
    await shell.put(kinds.NODE, node)
    assert await shell("node accept n1") == (0, "node/n1 accepted\n", "")
    assert await spec_of(shell) == {"accepts": "3f1c"}


async def test_a_node_that_is_away_is_accepted_by_the_history_of_the_store(shell):
    node = a_node(ready="Unknown")
    node["status"] |= {"history": "of before", "quarantine": QUARANTINE}
    await shell.put(kinds.NODE, node)
    said = "node/n1 accepted, though it has not been heard since\n"
    assert await shell("node accept n1") == (0, said, "")
    assert await spec_of(shell) == {"accepts": await history_of(shell)}


async def test_a_node_that_lives_is_accepted_by_what_it_says_once_it_has_listed_the_restored_store(
    shell, caplog
):
    node = a_node()
    node["status"] |= {"history": "of before"}
    await shell.put(kinds.NODE, node)
    caplog.set_level(logging.INFO, "kohakuriver.apiserver.audit")
    accepted = asyncio.create_task(shell("node accept n1"))
    while "/nodes/n1" not in str([vars(line).get("path") for line in caplog.records]):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    node["status"] |= {"history": await history_of(shell), "quarantine": QUARANTINE}
    await shell.put(kinds.NODE, node)
    assert await accepted == (0, "node/n1 accepted\n", "")
    assert await spec_of(shell) == {"accepts": "3f1c"}


async def test_to_revoke_says_how_the_machine_gets_in_again(shell):
    await shell.put(kinds.NODE, a_node())
    code, out, err = await shell("node revoke node/n1")
    assert (code, out) == (0, "node/n1 revoked\n")
    assert "kohakuriver node join n1" in err and "its containers run on" in err
    assert (await shell("node revoke n1"))[0] == 0
    code, _, err = await shell("node revoke n7")
    assert code == 1 and 'there is no node "n7"' in err
