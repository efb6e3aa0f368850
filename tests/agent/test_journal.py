"""What survives the agent."""

from pathlib import Path

from agent.deciding.memory import Durable, Restart
from agent.journal import Journal, NodeFacts


async def test_what_was_saved_is_read_back_by_the_next_agent(tmp_path: Path) -> None:
    durable = Durable(handled_request="a", restart=Restart("b", "run"), stopped_run="run", login="x")
    await Journal(tmp_path).save("u1", durable)
    assert Journal(tmp_path).load() == {"u1": durable}


async def test_what_was_removed_is_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.save("u1", Durable())
    await journal.remove("u1")
    await journal.remove("u1")
    assert Journal(tmp_path).load() == {}


async def test_a_spoiled_entry_costs_no_other_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    await journal.save("u1", Durable(stopped_run="run"))
    (tmp_path / "vps" / "u2.json").write_text("{")
    assert list(Journal(tmp_path).load()) == ["u1"]


def test_an_entry_cannot_be_written_outside_of_its_folder(tmp_path: Path) -> None:
    assert Journal(tmp_path)._path("../../etc/passwd").parent == tmp_path / "vps"


def test_the_node_s_facts_are_kept(tmp_path: Path) -> None:
    facts = NodeFacts(agent_id="a", boot_id="b", has_sentinel=True)
    Journal(tmp_path).save_node(facts)
    assert Journal(tmp_path).load_node() == facts
    assert Journal(tmp_path / "new").load_node() == NodeFacts()
