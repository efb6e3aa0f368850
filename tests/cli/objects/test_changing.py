"""edit, patch, label and annotate against the real API server."""

import asyncio
import os
import re
from pathlib import Path

import pexpect
import pytest

from kohakuriver.cli.kubectl import edit, output
from kohakuriver.resources import kinds
from tests.cli.vps.objects import a_vps


async def labels(shell, name="dev"):
    return (await shell.get(kinds.VPS, name))["metadata"].get("labels") or {}


@pytest.fixture
async def dev(shell):
    await shell.put(kinds.VPS, a_vps())
    return shell


async def test_a_label_is_set_changed_and_taken_away(dev):
    assert await dev("label vps dev team=red disk=ssd") == (0, "vps/dev labeled\n", "")
    code, _, err = await dev("label vps/dev team=blue")
    assert code == 2 and "vps/dev has the label team=red\nhint: add --overwrite" in err
    assert (await dev("label vps/dev team=blue --overwrite"))[0] == 0
    assert await dev("label vps dev --list") == (0, "disk=ssd\nteam=blue\n", "")
    assert await dev("label vps dev team=blue") == (0, "vps/dev not labeled\n", "")
    assert (await dev("label vps dev team- disk-"))[0] == 0
    assert await labels(dev) == {}


async def test_labels_are_set_on_all_that_are_meant(dev):
    await dev.put(kinds.VPS, a_vps("test"))
    assert await dev("label vps --all a=b") == (0, "vps/dev labeled\nvps/test labeled\n", "")
    assert (await dev("label vps -l a=b c=d"))[1] == "vps/dev labeled\nvps/test labeled\n"
    assert await labels(dev, "test") == {"a": "b", "c": "d"}
    assert (await dev("label vps dev --all a=b"))[0] == 2


async def test_a_rehearsed_label_is_not_set(dev):
    assert (await dev("label vps dev a=b --dry-run"))[1] == "vps/dev labeled (server dry run)\n"
    assert (await dev("annotate vps dev a=b --dry-run=client"))[1] == "vps/dev annotated (dry run)\n"
    assert await labels(dev) == {}


async def test_annotations_are_notes(dev):
    assert (await dev("annotate vps dev note='for Friday' x=1"))[1] == "vps/dev annotated\n"
    assert (await dev("annotate vps dev x-"))[0] == 0
    assert (await dev.get(kinds.VPS, "dev"))["metadata"]["annotations"] == {"note": "for Friday"}


@pytest.mark.parametrize(
    "line",
    [
        """patch vps dev -p '{"spec": {"priority": 5}}'""",
        "patch vps/dev -p 'spec: {priority: 5}'",
        """patch vps dev --type json -p '[{"op": "add", "path": "/spec/priority", "value": 5}]'""",
    ],
)
async def test_a_patch_changes_what_it_says(dev, line):
    assert await dev(f"{line} --dry-run") == (0, "vps/dev patched (server dry run)\n", "")
    assert await dev(line) == (0, "vps/dev patched\n", "")
    assert (await dev.get(kinds.VPS, "dev"))["spec"]["priority"] == 5
    assert await dev(line) == (0, "vps/dev patched (no change)\n", "")
    assert (await dev(f"{line} -o jsonpath={{.spec.priority}}"))[1] == "5"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "the patch is missing"),
        ("-p 5", "a merge patch is a mapping of fields"),
        ("-p '{}' --type json", "a json patch is a list of steps"),
        ("-p '{}' --type strategic", 'invalid type of patch "strategic"'),
        ("-p '{}' --subresource scale", 'vps has no subresource "scale"'),
    ],
)
async def test_what_is_no_patch_is_told(dev, words, message):
    code, out, err = await dev(f"patch vps dev {words}")
    assert (code, out) == (2, "") and message in err


async def test_a_field_that_nothing_knows_is_refused_in_a_patch(dev):
    code, _, err = await dev("patch vps dev -p 'spec: {priorty: 5}'")
    assert code == 1 and "priorty" in err


@pytest.fixture
def editor(dev, monkeypatch):
    """Sets what the editor does: a script of sed."""

    def does(script: str) -> None:
        file = dev.folder / "editor"
        file.write_text(f'#!/bin/sh\nsed -i "{script}" "$1"\n')
        file.chmod(0o755)
        monkeypatch.setenv("KUBE_EDITOR", str(file))

    return does


async def test_an_edit_sends_what_was_changed(dev, editor):
    editor("s/restartPolicy: Always/restartPolicy: Never/")
    assert await dev("edit vps dev") == (0, "vps/dev edited\n", "")
    assert (await dev.get(kinds.VPS, "dev"))["spec"]["restartPolicy"] == "Never"


def test_an_edit_leaves_fields_of_a_newer_server_out_of_what_it_sends():
    newer = a_vps()
    newer["spec"]["fromTheFuture"] = {
        "deep": [1, {"a": None}],
        "odd": "1e3",
        "yes": "on",
        "day": "2026-01-01",
    }
    newer["status"]["alsoNew"] = "x"
    text = output.to_yaml(newer).replace("restartPolicy: Always", "restartPolicy: Never")
    assert edit.change(newer, text) == {"spec": {"restartPolicy": "Never"}}


@pytest.mark.parametrize("script", ["s/nothing/nothing/", "d"])
async def test_an_edit_of_nothing_changes_nothing(dev, editor, script):
    editor(script)
    assert await dev("edit vps dev") == (0, "", "vps/dev is as it was: nothing was changed\n")


async def test_what_was_written_is_kept_when_it_is_refused(dev, editor):
    editor("s/restartPolicy: Always/restartPolicy: Sometimes/")
    code, out, err = await dev("edit vps dev")
    assert (code, out) == (1, "")
    assert "restartPolicy" in err and "your version is kept in /" in err


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("s/^spec:/spec: [/", "vps/dev was not changed: line "),
        ("s/^kind: .*/kind: Node/", "vps/dev was not changed: kind cannot be changed"),
    ],
)
async def test_off_a_terminal_what_cannot_be_read_ends_the_edit_at_once(dev, editor, script, said):
    editor(script)
    code, out, err = await dev("edit vps dev")
    assert (code, out) == (1, "")
    assert said in err and "your version is kept in /" in err


BREAKS = """\
#!/bin/sh
if grep -q '^# It was refused:' "$1"; then cp "$1" seen; {second}; else sed -i 's/^spec:/spec: [/' "$1"; fi
"""


async def at_a_terminal(dev, start, second: str) -> tuple[int, str]:
    """The exit code and what is shown, of an editor that writes what cannot be read, then does SECOND."""
    file = dev.folder / "editor"
    file.write_text(BREAKS.format(second=second))
    file.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "KUBE_EDITOR": str(file)}
    words = dev.words("edit vps dev")
    command = start(words, env=environment, cwd=dev.folder, dimensions=(40, 200), timeout=60)
    await asyncio.to_thread(command.expect, pexpect.EOF)
    return command.wait(), str(command.before)


async def test_at_a_terminal_the_editor_opens_again_with_the_reason_on_top(dev, start):
    mend = "sed -i 's/^spec: \\[/spec:/; s/restartPolicy: Always/restartPolicy: Never/' \"$1\""
    code, shown = await at_a_terminal(dev, start, mend)
    assert (code, shown) == (0, "vps/dev edited\r\n")
    assert (await dev.get(kinds.VPS, "dev"))["spec"]["restartPolicy"] == "Never"
    seen = (dev.folder / "seen").read_text()
    assert re.search(r"^# It was refused:\n# line [0-9]+: this is not YAML", seen, re.MULTILINE)
    assert "\nspec: [\n" in seen


@pytest.mark.parametrize(("second", "code"), [("true", 1), (': >"$1"', 0)], ids=["unchanged", "empty"])
async def test_at_a_terminal_the_edit_ends_when_nobody_mends_it(dev, start, second, code):
    ended, shown = await at_a_terminal(dev, start, second)
    assert ended == code
    assert ("vps/dev was not changed: line " in shown and "your version is kept in " in shown) is bool(code)
    assert ("vps/dev is as it was: nothing was changed" in shown) is not bool(code)


async def test_what_was_written_is_kept_where_the_editor_fails(dev, monkeypatch):
    file = dev.folder / "editor"
    file.write_text('#!/bin/sh\necho "mine: 1" >>"$1"\nexit 3\n')
    file.chmod(0o755)
    monkeypatch.setenv("KUBE_EDITOR", str(file))
    code, _, err = await dev("edit vps dev")
    assert code == 1 and f'the editor "{file}" ended with 3; nothing was changed' in err
    assert "mine: 1" in kept(err)


def kept(shown: str) -> str:
    """What was kept in the file that is named there."""
    return Path(shown.partition("your version is kept in ")[2].splitlines()[0]).read_text()


async def test_an_editor_that_is_not_there_is_told(dev, monkeypatch):
    monkeypatch.setenv("KUBE_EDITOR", "no-such-editor")
    code, _, err = await dev("edit vps dev")
    assert code == 2 and 'the editor "no-such-editor" does not start' in err
