"""`vps restore`, and what becomes of the files that it replaces, against the real API server."""

import asyncio
import io
import re

import pytest

from kohakuriver.resources import kinds
from tests.cli.snapshots.kit import a_snapshot, declared, says
from tests.cli.vps.objects import a_vps

S = "dev-20260101-120000"
ASIDE = "what was there is kept for 7d as snapshot/dev-before-{}; to undo: kohakuriver vps restore dev --undo"


async def spec_of(shell):
    return (await shell.get(kinds.VPS, "dev"))["spec"]


def restored_from(spec):
    return {
        field: spec.get(field) for field in ("filesFrom", "replaceFiles", "keepReplacedFiles", "runState")
    }


async def agent_replaces(shell, word: int, *, aside: bool = True, **observed) -> None:
    """The agent hears the word, sets aside what is there, and starts it again."""
    vps = await declared(shell, "replaceFiles", word)
    if aside:
        one = a_snapshot(f"dev-before-{word}", cause="Replaced", keep_for="7d")
        await shell.put(kinds.SNAPSHOT, one)
    said = {**vps["status"]["observed"], "grantId": None, "replaceFiles": word, **observed}
    await says(shell, kinds.VPS, vps, observed=said, observedGeneration=vps["metadata"]["generation"])


async def test_a_vps_begins_again_from_a_snapshot_and_what_was_there_is_kept(shell):
    vps = a_vps(
        replaceFiles=1, volumes=[{"name": "home", "target": "/root"}, {"name": "new", "target": "/n"}]
    )
    vps["status"]["observed"]["replaceFiles"] = 4
    await shell.put(kinds.VPS, vps)
    await shell.put(kinds.SNAPSHOT, a_snapshot(volumes=("home",)))
    waiting = asyncio.create_task(shell(f"vps restore dev {S}"))
    await agent_replaces(shell, 5)
    code, out, err = await waiting
    assert (code, out) == (0, "vps/dev restored\n")
    told, back, kept, aside = err.splitlines()
    assert told.startswith(f"its files are those of snapshot/{S}, of 2026-01-01 12:00:00 UTC (")
    assert (back, kept) == ("volumes back from it: home", "volumes as they were: new")
    assert aside == ASIDE.format(5)
    assert restored_from(await spec_of(shell)) == {
        "filesFrom": {"snapshot": S},
        "replaceFiles": 5,
        "keepReplacedFiles": "7d",
        "runState": "Running",
    }


@pytest.mark.parametrize(
    "words", [f"dev@{S}", f"dev/{S}", f"dev snapshot/{S}", "dev 2026", "dev dev-2026", "de 2026"]
)
async def test_a_snapshot_is_named_as_people_write_it(shell, words):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    code, out, _ = await shell(f"vps restore {words} --no-wait --keep-for 12h")
    assert (code, out) == (0, f"vps/dev will be restored from snapshot/{S}\n")
    assert (await spec_of(shell))["keepReplacedFiles"] == "12h"


async def test_undo_brings_back_what_was_set_aside_last(shell):
    await shell.put(kinds.VPS, a_vps())
    for name, cause, taken in (
        ("dev-before-1", "Replaced", "2026-01-01T12:00:00Z"),
        ("dev-before-2", "Replaced", "2026-01-02T12:00:00Z"),
        ("dev-late", "Manual", "2026-01-03T12:00:00Z"),
    ):
        await shell.put(kinds.SNAPSHOT, a_snapshot(name, cause=cause, taken=taken))
    assert (await shell("vps restore dev --undo --no-wait"))[1].endswith("from snapshot/dev-before-2\n")


async def test_the_newest_is_taken_where_none_is_named_and_nobody_is_to_be_asked(shell):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot("dev-a"))
    await shell.put(kinds.SNAPSHOT, a_snapshot("dev-b", taken="2026-01-02T12:00:00Z"))
    await shell.put(kinds.SNAPSHOT, a_snapshot("dev-c", taken="2026-01-03T12:00:00Z", phase="Failed"))
    await shell.put(
        kinds.SNAPSHOT, a_snapshot("dev-before-1", taken="2026-01-04T12:00:00Z", cause="Replaced")
    )
    code, out, err = await shell("vps restore dev")
    assert (code, out) == (2, "") and err == (
        "error: vps/dev is not restored unasked: the newest is dev-b\n"
        "hint: say which, and that it is to be: kohakuriver vps restore dev dev-b --yes\n"
    )
    assert "filesFrom" not in await spec_of(shell)
    assert (await shell("vps restore dev --yes --no-wait"))[1].endswith("from snapshot/dev-b\n")


async def test_files_are_given_up_only_where_that_is_said_twice(shell):
    await shell.put(kinds.VPS, a_vps(keepReplacedFiles="7d"))
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    code, _, err = await shell(f"vps restore dev {S} --discard")
    assert code == 2 and "the files there now are given up" in err and f"{S} --yes --discard" in err
    waiting = asyncio.create_task(shell(f"vps restore dev {S} --discard --yes"))
    await agent_replaces(shell, 1, aside=False)
    code, _, err = await waiting
    assert code == 0 and "kept" not in err
    assert "keepReplacedFiles" not in await spec_of(shell)


async def test_a_stopped_vps_stays_stopped(shell):
    await shell.put(kinds.VPS, a_vps(phase="stopped", run_state="Stopped"))
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    assert await shell(f"vps restore dev {S}") == (
        0,
        f"vps/dev will be restored from snapshot/{S}, at its next start\n",
        "the files of vps/dev as they are now are kept for 7d as snapshot/dev-before-1\n"
        "start it: kohakuriver vps start dev\n",
    )
    assert (await spec_of(shell))["runState"] == "Stopped"


async def test_a_word_that_was_passed_over_is_told(shell):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    waiting = asyncio.create_task(shell(f"vps restore dev {S}"))
    vps = await declared(shell, "filesFrom")
    kept = {
        "type": "RestartRequired",
        "status": "True",
        "reason": "FilesKept",
        "message": "no room to set aside",
    }
    kept["lastTransitionTime"] = "2026-01-01T12:00:00Z"
    generation = vps["metadata"]["generation"]
    observed = {**vps["status"]["observed"], "grantId": None}
    await says(shell, kinds.VPS, vps, observed=observed, conditions=[kept], observedGeneration=generation)
    assert await waiting == (
        1,
        "",
        "error: vps/dev: no room to set aside\n"
        "hint: where the files there now may go for good, add --discard\n",
    )


@pytest.mark.parametrize(
    ("snapshot", "line", "message", "hint"),
    [
        (a_snapshot(S), "dev nope", 'there is no snapshot "nope" in namespace default', "vps snapshots dev"),
        (a_snapshot(S), "dev dev-20260101-120001", f'did you mean "{S}"?', ""),
        (
            a_snapshot("x", uid="an-old-uid"),
            "dev x",
            "snapshot/x has the files of an earlier vps/dev, not of this vps/dev",
            "vps restore dev x --from-other",
        ),
        (
            a_snapshot("x", vps="test"),
            "dev x",
            "snapshot/x has the files of vps/test, not of this vps/dev",
            "vps restore dev x --from-other",
        ),
        (
            a_snapshot("x", phase="Taking", message="the image is made"),
            "dev x",
            "snapshot/x cannot be used: it is still being taken: the image is made",
            "vps snapshots dev",
        ),
        (a_snapshot("x", phase="Lost"), "dev x", "snapshot/x cannot be used: its files are gone", ""),
        (
            a_snapshot("x", node="n2"),
            "dev x",
            "snapshot/x lies on node n2, and vps/dev is on node n1",
            "vps create NAME --from-snapshot x",
        ),
        (a_snapshot(S), "dev --undo", "there is nothing to undo: no files of vps/dev that were replaced", ""),
        (
            a_snapshot("x", vps="test"),
            "dev",
            "there is no snapshot of vps/dev that is ready",
            "vps snapshot dev",
        ),
        (a_snapshot("gone-1", vps="gone"), "gone", "", "vps create gone --from-snapshot gone-1"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_changed(shell, snapshot, line, message, hint):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, snapshot)
    code, out, err = await shell(f"vps restore {line}")
    assert (code, out) == (1, "") and message in err and hint in err, err
    assert "filesFrom" not in await spec_of(shell)


async def test_one_of_another_vps_is_taken_where_that_is_meant(shell):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot("x", vps="test"))
    assert (await shell("vps restore dev x --from-other --no-wait"))[0] == 0
    assert (await spec_of(shell))["filesFrom"] == {"snapshot": "x"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vps restore", "which VPS is meant? an ID is missing"),
        ("vps restore dev@a b", 'a VPS has the files of one snapshot: "a" or "b"?'),
        ("vps restore dev a --undo", '--undo says which snapshot it is: "a" is one too many'),
        ("vps restore dev a --keep-for 1h --discard", "--keep-for and --discard do not go together"),
        ("vps restart dev --discard", "--discard is about files that are replaced, and a restart keeps them"),
        (
            "vps restart dev --keep-for 1h",
            "--keep-for is about files that are replaced, and a restart keeps them",
        ),
    ],
)
async def test_what_cannot_be_meant_is_told(shell, line, message):
    code, out, err = await shell(line)
    assert (code, out) == (2, "") and err.splitlines()[0] == f"error: {message}"


async def test_a_restart_with_new_files_keeps_the_old_ones_and_begins_from_the_image(shell):
    await shell.put(kinds.VPS, a_vps(filesFrom={"snapshot": S}))
    waiting = asyncio.create_task(shell("vps restart dev --replace-files"))
    spec = (await declared(shell, "replaceFiles"))["spec"]
    await agent_replaces(shell, 1, restartRequest=spec["restartRequest"])
    assert await waiting == (
        0,
        "vps/dev restarted with new files\n",
        ASIDE.format(1) + "\n",
    )
    assert (spec["keepReplacedFiles"], spec.get("filesFrom")) == ("7d", None)


async def test_a_restart_may_give_the_old_files_up(shell):
    await shell.put(kinds.VPS, a_vps(keepReplacedFiles="7d"))
    line = "vps restart dev --replace-files --discard --no-wait"
    assert await shell(line) == (0, "vps/dev will be restarted with new files\n", "")
    assert "keepReplacedFiles" not in await spec_of(shell)


class AtTerminal(io.StringIO):
    """Somebody's answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "is_done"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False)])
async def test_who_names_none_sees_them_and_is_asked(shell, monkeypatch, answer, is_done):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot("dev-a", taken="2025-01-01T12:00:00Z"))
    await shell.put(kinds.SNAPSHOT, a_snapshot("dev-b"))
    monkeypatch.setattr("sys.stdin", AtTerminal(answer))
    code, out, err = await shell("vps restore dev --no-wait")
    title, first, second, blank, *told = err.splitlines()
    assert [line.split()[0] for line in (title, first, second)] == ["NAME", "dev-b", "dev-a"] and blank == ""
    assert re.match(
        r"restore vps/dev from dev-b, \S+ old\? The files there now are kept for 7d\. \[y/N\] ", told[0]
    )
    if is_done:
        assert (code, out) == (0, "vps/dev will be restored from snapshot/dev-b\n")
    else:
        assert (code, out) == (1, "") and told[0].endswith("[y/N] error: nothing was done")
        assert "filesFrom" not in await spec_of(shell)


async def test_who_gives_files_up_is_asked_about_the_one_that_was_named(shell, monkeypatch):
    await shell.put(kinds.VPS, a_vps())
    await shell.put(kinds.SNAPSHOT, a_snapshot())
    monkeypatch.setattr("sys.stdin", AtTerminal("n\n"))
    code, _, err = await shell(f"vps restore dev {S} --discard")
    assert code == 1 and re.fullmatch(
        rf"restore vps/dev from {S}, \S+ old\? The files there now are given up for good\. \[y/N\] "
        "error: nothing was done\n",
        err,
    )
