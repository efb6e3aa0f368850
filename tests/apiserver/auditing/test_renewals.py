"""Which writes of Leases are renewals and no more."""

from kohakuriver.apiserver.audit.renewals import Renewals
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources import kinds

NODE = User("node:n1", Role.NODE, node="n1")
CONTROLLER = User("controller", Role.CONTROLLER)


def a_lease(
    holder: str, name: str = "controller", namespace: str = kinds.SYSTEM_NAMESPACE, transitions: int = 0
):
    metadata = {"namespace": namespace, "name": name, "uid": "u1"}
    return {"metadata": metadata, "spec": {"holderIdentity": holder, "leaseTransitions": transitions}}


def test_a_leader_that_is_new_has_a_line_and_its_renewals_have_none():
    renewals = Renewals()
    seen = [
        renewals.is_plain(CONTROLLER, "create", a_lease("c1")),
        renewals.is_plain(CONTROLLER, "update", a_lease("c1")),
        renewals.is_plain(CONTROLLER, "update", a_lease("c2", transitions=1)),
        renewals.is_plain(CONTROLLER, "update", a_lease("c2", transitions=1)),
        renewals.is_plain(CONTROLLER, "update", a_lease("")),
        renewals.is_plain(CONTROLLER, "delete", a_lease("")),
    ]
    assert seen == [False, True, False, True, False, False]


def test_a_server_that_has_just_started_takes_a_nodes_word_for_its_own_lease_alone():
    own = a_lease("agent-1", "n1", kinds.NODE_LEASE_NAMESPACE)
    other = a_lease("agent-1", "n2", kinds.NODE_LEASE_NAMESPACE)
    assert Renewals().is_plain(NODE, "update", own)
    assert not Renewals().is_plain(NODE, "create", own)
    assert not Renewals().is_plain(NODE, "update", other)
    assert not Renewals().is_plain(CONTROLLER, "update", own)


def test_another_machine_under_a_nodes_name_has_a_line():
    renewals = Renewals()
    assert renewals.is_plain(NODE, "update", a_lease("agent-1", "n1", kinds.NODE_LEASE_NAMESPACE))
    assert not renewals.is_plain(NODE, "update", a_lease("agent-2", "n1", kinds.NODE_LEASE_NAMESPACE))
