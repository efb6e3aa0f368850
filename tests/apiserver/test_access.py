"""Role × verb × kind, against a table written out by hand and not made from the rules."""

import itertools

import pytest

from apiserver import access
from apiserver.access import Attributes
from apiserver.identity import Role, User
from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.writing import ADMIN, ALICE, CONTROLLER, N1, VIEWER

GET = ("get",)
R, C, U, D = ("get", "list", "watch"), ("create",), ("update", "patch"), ("delete", "deletecollection")
VERBS, RU, RCU = (*R, *C, *U, *D), (*R, *U), (*R, *C, *U)
USERS = {ADMIN: "admin", ALICE: "user", VIEWER: "viewer", N1: "node", CONTROLLER: "controller"}

# kind, subresource, namespace, name -> what each role but admin may do to its own
OWN = {
    ("VPS", "", "default", "dev"): {"user": VERBS, "viewer": R, "node": R, "controller": R},
    ("VPS", "status", "default", "dev"): {"user": R, "viewer": R, "node": RU, "controller": RU},
    ("Node", "", None, "n1"): {"user": R, "viewer": R, "node": RCU, "controller": R},
    ("Node", "status", None, "n1"): {"user": R, "viewer": R, "node": RU, "controller": RU},
    ("NodeAllocation", "", None, "n1"): {"viewer": R, "node": R, "controller": R},
    ("Namespace", "", None, "default"): {"user": GET, "viewer": R, "controller": R},
    ("Event", "", "default", "dev.1"): {"user": R, "viewer": R, "node": (*C, *U), "controller": RCU},
    ("Lease", "", "default", "mine"): {"user": VERBS, "viewer": R, "controller": R},
    ("Lease", "", "kohakuriver-node-lease", "n1"): {"viewer": R, "node": RCU, "controller": R},
    ("Lease", "", "kohakuriver-system", "leader"): {"viewer": R, "controller": VERBS},
}  # fmt: skip

# the same of somebody else's
OTHERS = {
    ("VPS", "", "team-b", "dev"): {"viewer": R, "node": R, "controller": R},
    ("VPS", "status", "team-b", "dev"): {"viewer": R, "node": RU, "controller": RU},
    ("Node", "", None, "n2"): {"user": R, "viewer": R, "controller": R},
    ("Node", "status", None, "n2"): {"user": R, "viewer": R, "controller": RU},
    ("NodeAllocation", "", None, "n2"): {"viewer": R, "controller": R},
    ("Namespace", "", None, "kohakuriver-system"): {"user": GET, "viewer": R, "node": GET, "controller": R},
    ("Namespace", "", None, "team-b"): {"viewer": R, "controller": R},
    ("Lease", "", "kohakuriver-node-lease", "n2"): {"viewer": R, "controller": R},
    ("Lease", "", "team-b", "n1"): {"viewer": R, "controller": R},
}  # fmt: skip

ACTIONS = {
    "bind": {"admin", "controller"},
    "release": {"admin", "controller"},
    "regrant": {"admin", "controller"},
    "finish": {"node"},
}


def allowed(user: User, attributes: Attributes) -> bool:
    try:
        access.check(user, attributes)
    except errors.Forbidden as error:
        assert error.message and error.hint, "a refusal explains itself"
        return False
    return True


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    ("place", "table"), [*OWN.items(), *OTHERS.items()], ids=lambda value: "/".join(map(str, value))
)
@pytest.mark.parametrize(("user", "role"), USERS.items(), ids=lambda value: str(value))
def test_each_role_may_do_what_the_table_says_and_no_more(
    user: User, role: str, place: tuple[str, str, str | None, str], table: dict[str, tuple[str, ...]]
) -> None:
    kind, subresource, namespace, name = place
    resource = next(found for found in kinds.ALL if found.kind == kind)
    may = {
        verb
        for verb in VERBS
        if allowed(user, Attributes(verb, resource, subresource or None, namespace, name))
    }
    assert may == set(VERBS if role == "admin" else table.get(role, ()))


@pytest.mark.parametrize(("user", "role"), USERS.items(), ids=lambda value: str(value))
@pytest.mark.parametrize("action", kinds.VPS.actions)
def test_named_transactions_have_their_own_rules(user: User, role: str, action: str) -> None:
    for verb in ("create", "post"):
        attributes = Attributes(verb, kinds.VPS, action, "default", "dev")
        assert allowed(user, attributes) == (role in ACTIONS[action])


def test_the_table_covers_every_kind_and_subresource() -> None:
    covered = {(kind, subresource) for kind, subresource, *_ in OWN}
    assert covered == {(kind.kind, part) for kind in kinds.ALL for part in ("", *kind.subresources)}
    assert set(ACTIONS) == {action for kind in kinds.ALL for action in kind.actions}


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_a_user_lists_its_own_namespaces_and_not_all_of_them_at_once(verb: str) -> None:
    assert allowed(ALICE, Attributes(verb, kinds.VPS, None, "default"))
    with pytest.raises(errors.Forbidden) as caught:
        access.check(ALICE, Attributes(verb, kinds.VPS, None, None))
    assert "in its own namespaces only" in caught.value.message
    assert caught.value.hint == "name one of them with -n: default"


def test_a_viewer_may_be_narrowed_to_namespaces() -> None:
    narrow = User("eve", Role.VIEWER, namespaces=("a",))
    assert allowed(narrow, Attributes("list", kinds.VPS, None, "a"))
    assert not allowed(narrow, Attributes("list", kinds.VPS, None, "b"))
    assert not allowed(narrow, Attributes("list", kinds.VPS, None, None))


def test_a_node_sees_only_what_is_its_own() -> None:
    assert access.scope(N1, kinds.VPS) == "status.assignment.node=n1"
    for kind in (kinds.NODE, kinds.NODE_ALLOCATION, kinds.LEASE):
        assert access.scope(N1, kind) == "metadata.name=n1"
    for user, kind in itertools.product((ADMIN, ALICE, VIEWER, CONTROLLER), kinds.ALL):
        assert access.scope(user, kind) is None


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.role.value)
def test_discovery_and_health_are_open_to_every_credential(user: User) -> None:
    for path in ("/", "/api", "/api/v1", "/apis/kohakuriver.io", "/openapi/v3", "/version", "/readyz"):
        assert allowed(user, Attributes("get", path=path))


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.role.value)
def test_any_other_path_is_open_to_admins_alone(user: User) -> None:
    for path in ("/secrets", "/apiserver", "/versions", "/healthzz"):
        assert allowed(user, Attributes("get", path=path)) == (user is ADMIN)
    assert allowed(user, Attributes("get", path="/metrics")) == (user in (ADMIN, VIEWER, CONTROLLER))
    assert allowed(user, Attributes("post", path="/version")) == (user is ADMIN)
