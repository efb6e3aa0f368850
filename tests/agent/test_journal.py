"""What survives the agent."""

import errno
import json
from pathlib import Path
from typing import cast

import pytest

from kohakuriver import errors
from kohakuriver.agent.custody import Custody
from kohakuriver.agent.data_dir import DataDir
from kohakuriver.agent.deciding.memory import Copying, Durable, Recreation, Restart
from kohakuriver.agent.journal import ACCEPTANCE, Journal, NodeFacts
from kohakuriver.agent.quarantine import Seen
from kohakuriver.agent.settings import Settings
from kohakuriver.client.watch import Informer
from tests.agent.refusing_files import RefusingFiles
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime


async def test_what_was_saved_is_read_back_by_the_next_agent(tmp_path: Path) -> None:
    durable = Durable(handled_request="a", restart=Restart("b", "run"), stopped_run="run", login="x")
    await Journal(tmp_path).save("u1", durable)
    assert Journal(tmp_path).load() == {"u1": durable}


async def test_a_re_creation_of_the_version_before_is_read_as_one_without_a_word(tmp_path: Path) -> None:
    note = Recreation(old="c1", run="run", image="files:1", base="lab:1", volumes=(("v", "/data"),), word=2)
    durable = Durable(
        recreation=note, recreated=True, copying=Copying("c1", "run", "7 1", unsure=True), passed_over=3
    )
    await Journal(tmp_path).save("u1", durable)
    assert Journal(tmp_path).load() == {"u1": durable}
    file = tmp_path / "vps" / "u1.json"
    content = json.loads(file.read_text())
    del content["passed_over"], content["copying"], content["recreation"]["word"]
    file.write_text(json.dumps(content))
    before = Recreation(old="c1", run="run", image="files:1", base="lab:1", volumes=(("v", "/data"),))
    assert Journal(tmp_path).load() == {"u1": Durable(recreation=before, recreated=True)}


async def test_what_was_removed_is_not(tmp_path: Path) -> None:
    disk = DataDir(tmp_path)
    journal = Journal(tmp_path, disk=disk)
    await journal.save("u1", Durable())
    for _ in range(2):
        journal.remove("u1")
        await disk.flush(within=60)
        assert Journal(tmp_path).load() == {}


async def test_a_spoiled_entry_costs_no_other_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.save("u1", Durable(stopped_run="run"))
    (tmp_path / "vps" / "u2.json").write_text("{")
    assert list(Journal(tmp_path).load()) == ["u1"]


def test_an_entry_cannot_be_written_outside_of_its_folder(tmp_path: Path) -> None:
    assert Journal(tmp_path)._path("../../etc/passwd").parent == tmp_path / "vps"


async def test_the_node_s_facts_are_kept(tmp_path: Path) -> None:
    disk = DataDir(tmp_path)
    journal = Journal(tmp_path, disk=disk)
    journal.begin_node(NodeFacts(agent_id="a"))
    assert Journal(tmp_path).load_node() == NodeFacts(agent_id="a")
    facts = NodeFacts(agent_id="a", boot_id="b", has_sentinel=True)
    journal.save_node(facts)
    await disk.flush(within=60)
    assert Journal(tmp_path).load_node() == facts
    assert Journal(tmp_path / "new").load_node() == NodeFacts()


def test_an_agent_does_not_begin_under_a_name_that_it_cannot_keep(tmp_path: Path) -> None:
    files = RefusingFiles()
    files.refuses = errno.EROFS
    with pytest.raises(errors.ConfigError) as caught:
        Journal(tmp_path, disk=DataDir(tmp_path, files=files)).begin_node(NodeFacts(agent_id="a"))
    assert "Read-only file system" in caught.value.message
    assert "--data-dir" in caught.value.hint


def a_custody(folder: Path, disk: DataDir) -> Custody:
    """That of an agent that starts in this folder."""
    runtime = FakeRuntime(FakeEngine(), cluster="c")
    vpses = cast("Informer", ())  # nobody looks at them before an engine is judged
    settings = Settings(node="n1", cluster="c", data_dir=folder)
    return Custody(runtime, Journal(folder, disk=disk), vpses, settings=settings)


async def test_the_secret_of_an_agent_of_before_is_on_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text('{"agent_id": "a", "has_sentinel": true}')
    first = a_custody(tmp_path, DataDir(tmp_path)).session_key
    assert Journal(tmp_path).load_node() == NodeFacts(agent_id="a", has_sentinel=True, session_key=first)
    assert a_custody(tmp_path, DataDir(tmp_path)).session_key == first, "though killed before it flushed"


async def test_an_agent_of_before_starts_on_a_disk_that_refuses_and_keeps_its_secret_later(
    tmp_path: Path,
) -> None:
    (tmp_path / "node.json").write_text('{"agent_id": "a"}')
    files = RefusingFiles()
    files.refuses = errno.ENOSPC
    disk = DataDir(tmp_path, files=files)
    key = a_custody(tmp_path, disk).session_key
    assert files.refused == 1 and not Journal(tmp_path).load_node().session_key
    files.refuses = 0
    await disk.flush(within=60)
    assert Journal(tmp_path).load_node().session_key == key


async def test_which_history_the_node_is_in_is_waited_for_and_the_revision_is_not(tmp_path: Path) -> None:
    files = RefusingFiles()
    disk = DataDir(tmp_path, files=files)
    journal = Journal(tmp_path, disk=disk)
    journal.save_seen(Seen("h1", 5))
    await journal.settle_seen()
    assert Journal(tmp_path).load_seen() == Seen("h1", 5)
    files.refuses = errno.ENOSPC
    journal.save_seen(Seen("h1", 6))
    await journal.settle_seen()
    assert files.refused == 0
    journal.save_seen(Seen("h2", 7))
    with pytest.raises(OSError, match="No space left"):
        await journal.settle_seen()


async def test_an_engine_is_accepted_once_even_where_the_word_cannot_be_taken_away(tmp_path: Path) -> None:
    files = RefusingFiles()
    disk = DataDir(tmp_path, files=files)
    journal = Journal(tmp_path, disk=disk)
    (tmp_path / ACCEPTANCE).touch()
    assert journal.engine_is_accepted()
    files.refuses = errno.EROFS
    journal.use_acceptance_up()
    await disk.flush(within=60)
    assert not journal.engine_is_accepted()
