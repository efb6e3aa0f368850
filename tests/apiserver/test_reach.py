"""Who cannot get into a VPS is told why, and what helps: a start that would be refused is not offered."""

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.streaming import reach


def a_vps(phase, reason="", message="", *, bound=True):
    assignment = {"node": "n1", "epoch": 1} if bound else None
    status = {"phase": phase, "reason": reason, "message": message, "assignment": assignment}
    return {"metadata": {"name": "dev", "uid": "u1"}, "spec": {"runState": "Running"}, "status": status}


@pytest.mark.parametrize(
    ("vps", "message", "hint"),
    [
        (a_vps("stopped"), "dev is stopped", "start it: kohakuriver vps start dev"),
        (
            a_vps("stopped", "NodeDrained"),
            "dev is stopped, as its node n1 is drained",
            "bring the node back: kohakuriver node uncordon n1",
        ),
        (
            a_vps("pending", "NodeDraining", "its files are on n1, which is being drained"),
            "dev is not running: its files are on n1, which is being drained",
            "bring the node back: kohakuriver node uncordon n1",
        ),
        (
            a_vps("pending", "NodeNotFound", "node nope does not exist", bound=False),
            "dev is not running: node nope does not exist",
            "see more: kohakuriver vps status dev",
        ),
        (a_vps("paused"), "dev is paused", "let it go on: kohakuriver vps resume dev"),
    ],
)
def test_each_way_of_not_being_there_has_a_next_step(vps, message, hint):
    with pytest.raises(errors.Conflict) as caught:
        reach.target(vps, "exec")
    assert (caught.value.message, caught.value.hint) == (message, hint)
