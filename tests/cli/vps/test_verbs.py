"""stop, start, restart, pause, resume, delete, list and status against the real API server."""

import asyncio
import contextlib

import pytest

from kohakuriver.cli.vps import change
from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_node, a_vps


async def spec_of(shell, name: str = "dev"):
    return (await shell.get(kinds.VPS, name))["spec"]


@pytest.mark.parametrize(
    ("verb", "before", "declared"),
    [
        ("stop", a_vps(), "Stopped"),
        ("stop", a_vps(phase="paused", run_state="Paused"), "Stopped"),
        ("start", a_vps(phase="stopped", run_state="Stopped"), "Running"),
        ("pause", a_vps(), "Paused"),
        ("resume", a_vps(phase="paused", run_state="Paused"), "Running"),
        ("restart", a_vps(phase="stopped", run_state="Stopped"), "Running"),
    ],
)
async def test_a_verb_declares(shell, verb, before, declared):
    await shell.put(kinds.VPS, before)
    code, out, err = await shell(f"vps {verb} dev --no-wait")
    assert (code, err) == (0, "")
    assert out.startswith("vps/dev will be ")
    assert (await spec_of(shell))["runState"] == declared


@pytest.mark.parametrize(
    ("verb", "there", "done"),
    [
        ("stop", a_vps(phase="stopped", run_state="Stopped"), "stopped"),
        ("start", a_vps(), "started"),
        ("pause", a_vps(phase="paused", state="paused", run_state="Paused"), "paused"),
        ("resume", a_vps(), "resumed"),
    ],
)
async def test_what_is_so_already_is_done_at_once(shell, verb, there, done):
    await shell.put(kinds.VPS, there)
    assert await shell(f"vps {verb} dev") == (0, f"vps/dev {done}\n", "")


async def test_a_restart_asks_with_a_new_word_each_time(shell):
    await shell.put(kinds.VPS, a_vps())
    await shell("vps restart dev --no-wait")
    first = (await spec_of(shell))["restartRequest"]
    await shell("vps restart dev --no-wait")
    assert first and (await spec_of(shell))["restartRequest"] not in ("", first)


async def test_the_word_to_replace_files_is_higher_than_any_that_was_heard(shell):
    vps = a_vps(replaceFiles=1)
    vps["status"]["observed"]["replaceFiles"] = 4
    await shell.put(kinds.VPS, vps)
    assert (await shell("vps restart dev --no-wait"))[0] == 0
    assert (await spec_of(shell))["replaceFiles"] == 1
    code, out, _ = await shell("vps restart dev --replace-files --no-wait")
    assert (code, out) == (0, "vps/dev will be restarted with new files\n")
    spec = await spec_of(shell)
    assert (spec["replaceFiles"], spec["runState"]) == (5, "Running") and spec["restartRequest"]


async def test_a_vps_that_its_policy_left_ended_is_asked_to_start(shell):
    await shell.put(kinds.VPS, a_vps(phase="stopped", reason="Completed", restartPolicy="Never"))
    await shell("vps start dev --no-wait")
    assert (await spec_of(shell))["restartRequest"]


@pytest.mark.parametrize(
    ("verb", "before", "why"),
    [
        ("pause", a_vps(phase="stopped", run_state="Stopped"), "there is nothing to pause"),
        ("resume", a_vps(phase="stopped", run_state="Stopped"), "it is stopped, not paused"),
        ("start", a_vps(phase="stopped", state="stopped", reason="NodeDrained"), "its node n1 is drained"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_what_to_do(shell, verb, before, why):
    await shell.put(kinds.VPS, before)
    code, out, err = await shell(f"vps {verb} dev")
    assert (code, out) == (1, "")
    assert why in err and "hint: kohakuriver " in err


async def test_several_at_once_are_each_told_of(shell):
    for name in ("a", "b"):
        await shell.put(kinds.VPS, a_vps(name, phase="stopped", run_state="Stopped"))
    code, out, _ = await shell("vps stop a vps/b a")
    assert code == 0
    assert sorted(out.splitlines()) == ["vps/a stopped", "vps/b stopped"]


async def test_one_that_is_not_there_among_several_leaves_the_others_to_be_done(shell):
    await shell.put(kinds.VPS, a_vps())
    code, _, err = await shell("vps stop dev tset --no-wait")
    assert code == 1
    assert 'there is no VPS "tset"' in err
    assert (await spec_of(shell))["runState"] == "Stopped"


@pytest.mark.parametrize("word", [".", "..", "DEV", "a%2fb", "*"])
async def test_what_can_be_no_name_is_not_found(shell, word):
    await shell.put(kinds.VPS, a_vps())
    code, out, err = await shell(f"vps stop {word}")
    assert (code, out) == (1, "")
    assert f'error: there is no VPS "{word}"' in err


async def test_a_wait_follows_what_happens(shell):
    await shell.put(kinds.VPS, a_vps())
    waiting = asyncio.create_task(shell("vps stop dev"))
    await declared(shell, "Stopped")
    stopped = a_vps(phase="stopped", run_state="Stopped")
    stopped["metadata"] = (await shell.get(kinds.VPS, "dev"))["metadata"]
    await shell.put(kinds.VPS, stopped)
    assert await waiting == (0, "vps/dev stopped\n", "")


async def test_a_wait_for_what_somebody_else_takes_back_ends(shell):
    await shell.put(kinds.VPS, a_vps())
    waiting = asyncio.create_task(shell("vps stop dev"))
    await declared(shell, "Stopped")
    back = a_vps()
    back["metadata"] = (await shell.get(kinds.VPS, "dev"))["metadata"]
    await shell.put(kinds.VPS, back)
    code, out, err = await waiting
    assert (code, out) == (1, "")
    assert "vps/dev: somebody else declared it Running meanwhile" in err


async def declared(shell, state: str) -> None:
    """Return when that run state has been declared."""
    async with contextlib.aclosing(shell.api.store.watch("registry/vpses/", start=1)) as batches:
        async for _ in batches:
            if (await spec_of(shell))["runState"] == state:
                return


async def test_a_wait_that_is_too_long_exits_with_124(shell):
    vps = a_vps(phase="lost", state="running")
    vps["status"]["unreachableSince"] = "2026-01-01T11:58:00Z"
    await shell.put(kinds.VPS, vps)
    code, out, err = await shell("vps stop dev --timeout 100ms")
    assert (code, out) == (124, "")
    assert "vps/dev is not stopped after 100ms: lost: node n1" in err


@pytest.mark.parametrize(
    ("verb", "state", "then"), [("restart", "Running", "runs"), ("pause", "Paused", "is paused")]
)
async def test_one_that_never_had_a_node_and_gets_none_is_not_waited_for(shell, verb, state, then):
    await shell.put(kinds.VPS, a_vps(phase="pending", node=""))
    waiting = asyncio.create_task(shell(f"vps {verb} dev"))
    async with contextlib.aclosing(shell.api.store.watch("registry/vpses/", start=1)) as batches:
        async for _ in batches:
            vps = await shell.get(kinds.VPS, "dev")
            if vps["metadata"]["generation"] == 2:
                break
    vps["status"] |= {"reason": "NodeNotFound", "message": "node nope does not exist"}
    said = {"type": "Scheduled", "status": "False", "reason": "NodeNotFound", "observedGeneration": 2}
    vps["status"]["conditions"] = [said]
    await shell.put(kinds.VPS, vps)
    assert await waiting == (
        1,
        "",
        "error: vps/dev: node nope does not exist; "
        f"vps/dev stays declared and {then} once that node is there\n"
        "hint: name another node (kohakuriver node list): kohakuriver edit vps dev\n",
    )
    assert (await spec_of(shell))["runState"] == state


@pytest.mark.parametrize(
    ("given", "attended", "patience"),
    [
        (None, True, (None, "0")),
        (None, False, (300.0, "5m")),
        ("0", False, (None, "0")),
        ("2m", True, (120.0, "2m")),
    ],
)
def test_nobody_who_does_not_see_it_waits_for_ever_unasked(given, attended, patience):
    assert change.patience(given, attended=attended) == patience


async def test_a_prefix_is_enough_but_not_to_delete(shell):
    await shell.put(kinds.VPS, a_vps("vps-7k2mq", phase="stopped", run_state="Stopped", node=""))
    assert (await shell("vps stop vps-7"))[1] == "vps/vps-7k2mq stopped\n"
    code, _, err = await shell("vps delete vps-7")
    assert code == 1
    assert 'did you mean "vps-7k2mq"?' in err
    assert await shell("vps delete vps-7k2mq") == (0, "vps/vps-7k2mq deleted\n", "")


async def test_a_deletion_is_waited_for(shell):
    vps = a_vps()
    vps["metadata"]["finalizers"] = ["kohakuriver.io/container"]
    await shell.put(kinds.VPS, vps)
    assert await shell("vps delete dev --no-wait") == (0, "vps/dev is being deleted\n", "")
    code, out, err = await shell("vps delete dev --timeout 100ms")
    assert (code, out) == (124, "")
    assert "vps/dev is not deleted after 100ms: terminating" in err


async def test_the_list_hides_stopped_ones_and_says_so_beside_the_table(shell):
    await shell.put(kinds.VPS, a_vps("old", phase="stopped", run_state="Stopped"))
    code, out, err = await shell("vps list")
    assert (code, out) == (0, "")
    assert err == "1 stopped VPS is not shown (--all shows it)\n"
    await shell.put(kinds.VPS, a_vps("far", phase="lost", why="node n1 is silent"))
    _, out, err = await shell("vps list")
    assert [line.split()[0] for line in out.splitlines()] == ["TASK", "far"]
    assert err == "1 stopped VPS is not shown (--all shows it)\n"
    await shell.put(kinds.VPS, a_vps("older", phase="stopped", run_state="Stopped"))
    assert (await shell("vps list"))[2] == "2 stopped VPSes are not shown (--all shows them)\n"
    assert (await shell("vps list --all"))[2] == ""
    _, out, _ = await shell("vps list --all")
    assert [line.split()[0] for line in out.splitlines()] == ["TASK", "far", "old", "older"]
    assert await shell("vps list -a -o name") == (0, "vps/far\nvps/old\nvps/older\n", "")


async def test_an_empty_list_says_how_to_make_one(shell):
    assert await shell("vps list") == (
        0,
        "",
        "no VPSes in namespace default; make one: kohakuriver vps create\n",
    )
    labelled = await shell("vps list -l a=b")
    assert labelled == (0, "", 'no VPSes in namespace default with the labels "a=b"\n')


async def test_the_status_tells_what_the_guide_promises(shell, home):
    await shell.put(kinds.NODE, a_node())
    await shell.put(kinds.VPS, a_vps())
    code, out, err = await shell("vps status de")
    assert (code, err) == (0, "")
    facts = dict(line.split(":", 1) for line in out.split("\n\n")[0].splitlines())
    told = {key: value.strip() for key, value in facts.items()}
    assert told["Task ID"] == "dev"
    assert told["Container"] == "kohakuriver-default-dev-12345678"
    assert told["Node"] == "n1"
    assert told["SSH port"] == "30000"
    assert told["Resources"] == "2 cores, 4Gi"
    assert told["Created"].startswith("2026-01-01 11:55:00 UTC (")
    assert out.endswith("Next:\n  kohakuriver connect dev\n  kohakuriver vps connect dev\n")


async def test_a_user_of_another_namespace_is_told_in_a_sentence(shell):
    code, _, err = await shell("vps list -n other", user="alice")
    assert code == 1
    assert "forbidden" in err and "Traceback" not in err


@pytest.mark.parametrize("line", ["vps delete dev", "delete vps dev", "delete vps --all"])
@pytest.mark.parametrize(
    ("option", "suffix"),
    [
        ("--dry-run", "server dry run"),
        ("--dry-run=server", "server dry run"),
        ("--dry-run=client", "dry run"),
    ],
)
async def test_a_rehearsed_deletion_deletes_nothing(shell, line, option, suffix):
    await shell.put(kinds.VPS, a_vps())
    before = await shell.get(kinds.VPS, "dev")
    assert await shell(f"{line} {option}") == (0, f"vps/dev deleted ({suffix})\n", "")
    assert await shell.get(kinds.VPS, "dev") == before


@pytest.mark.parametrize("option", ["--dry-run", "--dry-run=client"])
@pytest.mark.parametrize("line", ["vps delete gone", "delete vps gone"])
async def test_a_rehearsed_deletion_tells_what_is_not_there(shell, line, option):
    code, out, err = await shell(f"{line} {option}")
    assert (code, out) == (1, "")
    assert '"gone"' in err


async def test_kubectls_way_to_say_not_to_wait(shell):
    for name in ("dev", "test"):
        await shell.put(kinds.VPS, a_vps(name))
    assert await shell("vps delete dev --wait=false") == (0, "vps/dev is being deleted\n", "")
    assert await shell("delete vps test --wait=false") == (0, "vps/test is being deleted\n", "")


@pytest.mark.parametrize(
    ("option", "shown"),
    [("name", "vps/dev\n"), ("jsonpath={.spec.runState}", "Running"), ("yaml", "apiVersion:"), ("json", "{")],
)
async def test_the_status_of_one_is_shown_whole(shell, option, shown):
    await shell.put(kinds.VPS, a_vps())
    _, whole, _ = await shell(f"get vps dev -o {option}")
    assert whole.startswith(shown)
    assert await shell(f"vps status d -o {option}") == (0, whole, "")


async def test_the_status_of_several_is_shown_as_one_list(shell):
    for name in ("dev", "test"):
        await shell.put(kinds.VPS, a_vps(name))
    _, whole, _ = await shell("get vps dev test -o json")
    assert await shell("vps status dev test -o json") == (0, whole, "")
    code, out, err = await shell("vps status dev gone -o name")
    assert (code, out) == (1, "vps/dev\n") and '"gone"' in err
