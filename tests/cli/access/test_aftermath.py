"""Whose end it was: the shell's own, or something that was done to its VPS."""

import pytest

from kohakuriver import errors
from kohakuriver.cli.access.aftermath import explained, what_happened
from kohakuriver.cli.session.ended import Ending
from kohakuriver.cli.view.standing import HERE, Reader


def a_vps(*, uid="u1", phase="running", deleted=False, **spec) -> dict:
    metadata = {"name": "dev", "namespace": "default", "uid": uid}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "spec": {"runState": "Running", **spec}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("now", "reason", "hint"),
    [
        (a_vps(runState="Stopped"), "Stopped", "kohakuriver vps start dev"),
        (a_vps(restartRequest="again"), "Restarted", "kohakuriver connect dev"),
        (a_vps(deleted=True), "Removed", "see what there is: kohakuriver vps list --all"),
        (a_vps(uid="u2"), "Removed", "kohakuriver connect dev"),
        (a_vps(phase="paused"), "Stopped", "kohakuriver vps resume dev"),
    ],
)
def test_what_was_done_to_a_vps_is_told_with_the_next_command(now, reason, hint):
    found = what_happened(a_vps(), now)
    assert found is not None
    assert (found.code, found.reason, found.hint) == (None, reason, hint)


def test_the_next_command_names_the_namespace_where_it_is_not_the_readers_own():
    found = what_happened(a_vps(), a_vps(runState="Stopped"), reader=Reader(namespace="team"))
    assert found is not None
    assert found.hint == "kohakuriver vps start dev -n default"


class Looked:
    """A target whose VPS is as the test says."""

    reader = HERE

    def __init__(self, now) -> None:
        self.vps, self.now = a_vps(), now

    def look(self):
        if isinstance(self.now, Exception):
            raise self.now
        return self.now


@pytest.mark.parametrize("code", [0, 7, 127, 128])
def test_a_code_of_its_own_is_the_shells_own(code):
    assert explained(Looked(errors.NotFound("gone")), Ending(code)) == Ending(code)


def test_a_signal_is_the_shells_own_where_nothing_was_done_to_the_vps():
    assert explained(Looked(a_vps()), Ending(130)) == Ending(130)
    assert explained(Looked(errors.Unreachable("away")), Ending(143)) == Ending(143)
    assert explained(Looked(a_vps(runState="Stopped")), Ending(143)).reason == "Stopped"
    assert explained(Looked(errors.NotFound("gone")), Ending(137)).reason == "Removed"


def test_what_the_server_said_with_a_hint_of_its_own_stands():
    told = Ending(None, "Gone", "dev is lost: n1 is silent", "once it can be reached again: …")
    assert explained(Looked(a_vps(phase="lost")), told) == told
    ended = Ending(None, "Stopped", "the VPS stopped")
    assert explained(Looked(a_vps(runState="Stopped")), ended).hint == "kohakuriver vps start dev"
