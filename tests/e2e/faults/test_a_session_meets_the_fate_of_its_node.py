"""The engine under a session restarts, or its node is lost: one line each, and the terminal is free."""

from contextlib import AbstractContextManager

import pytest

from tests.e2e.access.person import Person, person
from tests.e2e.conftest import Cluster
from tests.e2e.nodes import Bed


def connected(bed: Bed, name: str) -> AbstractContextManager[Person]:
    """Somebody in the shell `kept` of that VPS."""
    return person(
        Cluster(bed.folder, 0), "connect", name, "--session", "kept", config=bed.files.config("admin")
    )


def is_at_a_prompt(she: Person) -> None:
    she.prompt()
    assert she.ask("echo here") == "here\n"


@pytest.mark.fault(13)
def test_an_engine_that_restarts_ends_sessions_with_a_line(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("shaken")
    with connected(bed, "shaken") as she:
        is_at_a_prompt(she)
        node.machine.engine.stop()
        she.sees(r"error: shaken: [^\r]+\r\n")
        assert she.leaves() == 255
    node.start_engine()
    bed.until("shaken", "running")
    with connected(bed, "shaken") as again:
        is_at_a_prompt(again)


@pytest.mark.fault(51)
def test_a_node_that_is_lost_lets_go_of_the_terminal_and_its_shell_waits(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("away")
    with connected(bed, "away") as she:
        is_at_a_prompt(she)
        she.ask("remembered=yes; true")
        node.cut()
        she.sees("reconnecting")
        she.sees("error: away is lost: ")
        she.sees("kohakuriver connect away --session kept")
        assert she.leaves() == 255
    node.heal()
    bed.until("away", "running")
    with connected(bed, "away") as again:
        again.sees("back in session")
        assert again.ask("echo $remembered") == "yes\n"
