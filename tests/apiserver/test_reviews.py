"""What callers may ask of themselves: the answers are those that the door gives."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.auth import reviews
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.apiserver.writing import ADMIN, ALICE, CONTROLLER, N1, VIEWER

EVERYBODY = (ADMIN, ALICE, VIEWER, CONTROLLER, N1)


def asked(verb: str, resource: str = "vpses", group: str = kinds.GROUP, **more: str) -> dict[str, Any]:
    return {"spec": {"resourceAttributes": {"verb": verb, "group": group, "resource": resource, **more}}}


def test_a_user_may_in_its_own_namespaces_and_is_told_why_not_elsewhere() -> None:
    assert reviews.may(ALICE, asked("create", namespace="default"))["allowed"]
    other = reviews.may(ALICE, asked("create", namespace="other"))
    assert not other["allowed"] and "in its own namespaces only" in other["reason"]


def test_a_star_asks_for_everything_of_its_sort() -> None:
    assert reviews.may(ADMIN, asked("*", "*", "*"))["allowed"]
    assert not reviews.may(VIEWER, asked("*", namespace="default"))["allowed"]
    assert reviews.may(VIEWER, asked("list", namespace="default"))["allowed"]


def test_what_is_not_served_is_nobodys_to_touch() -> None:
    assert not reviews.may(ADMIN, asked("get", "services", ""))["allowed"]
    assert not reviews.may(ADMIN, asked("create", "services", ""))["allowed"]


def test_paths_are_asked_for_too() -> None:
    def path(where: str) -> dict[str, Any]:
        return {"spec": {"nonResourceAttributes": {"verb": "get", "path": where}}}

    assert reviews.may(ALICE, path("/version"))["allowed"]
    assert not reviews.may(ALICE, path("/metrics"))["allowed"]


@pytest.mark.parametrize("spec", [{}, {"spec": {}}, {"spec": []}, asked("get") | {"spec": {"x": 1}}])
def test_a_question_about_nothing_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequest):
        reviews.may(ALICE, spec)


@pytest.mark.parametrize("user", EVERYBODY, ids=lambda user: str(user.role))
@pytest.mark.parametrize("namespace", ["default", kinds.SYSTEM_NAMESPACE, kinds.NODE_LEASE_NAMESPACE])
def test_every_rule_that_is_listed_opens_the_door(user: User, namespace: str) -> None:
    for rule, names in access.opened(user, namespace):
        for verb in rule.verbs:
            place = namespace if rule.resource.namespaced else None
            name = names[0] if names else None
            access.check(user, access.Attributes(verb, rule.resource, rule.subresource, place, name))


async def test_everybody_with_a_credential_may_ask_and_a_joiner_may_not() -> None:
    joiner = User("joiner", Role.JOIN)
    async with running_api(users=(joiner,)) as api:
        path = reviews.SELF.path()
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        for user in ("admin", "alice", "viewer", "controller", "n1"):
            reply = await api.call("POST", path, body, user=user)
            assert reply.code == 201 and reply.body["status"]["userInfo"]["username"] == user
        assert (await api.call("POST", path, body, user="joiner")).code == 403
        assert (await api.call("POST", path, body, headers={"Authorization": ""})).code == 401
        assert (await api.get("/apis/authorization.k8s.io/v1")).body["resources"][0]["verbs"] == ["create"]


ENTERS = [("get", "exec"), ("create", "exec"), ("get", "portforward"), ("create", "portforward")]
ENTERS += [("create", "attach"), ("get", "attach"), ("get", "log"), ("*", "exec")]


@pytest.mark.parametrize("verb, part", ENTERS)
def test_who_may_open_a_stream_of_a_vps_may_enter_its_pod_by_either_method(verb: str, part: str) -> None:
    """k9s asks for get and create of a forward; a viewer may get Pods, and enters none of them."""
    inside = asked(verb, "pods", "", subresource=part, namespace="default", name="dev")
    outside = asked(verb, "pods", "", subresource=part, namespace="team-b")
    may = {user.name: reviews.may(user, inside)["allowed"] for user in EVERYBODY}
    assert may == {user.name: user in (ADMIN, ALICE) for user in EVERYBODY}
    refused = reviews.may(ALICE, outside)
    assert not refused["allowed"] and "in its own namespaces only" in refused["reason"]


def test_the_ways_into_a_pod_are_listed_among_what_one_may() -> None:
    def ways(user: User) -> dict[str, list[str]]:
        listed = reviews.rules(user, {"spec": {"namespace": "default"}})["resourceRules"]
        return {
            name.removeprefix("pods/"): rule["verbs"]
            for rule in listed
            for name in rule["resources"]
            if rule["apiGroups"] == [""] and name.startswith("pods/")
        }

    twice = ["create", "get"]
    assert ways(ALICE) == {"attach": twice, "exec": twice, "log": ["get"], "portforward": twice}
    assert ways(VIEWER) == {}


@pytest.mark.parametrize(
    "part, verb", [("log", "create"), ("log", "watch"), ("exec", "delete"), ("nothing", "get")]
)
def test_what_no_pod_has_is_nobodys_to_do(part: str, verb: str) -> None:
    assert not reviews.may(ADMIN, asked(verb, "pods", "", subresource=part, namespace="default"))["allowed"]


async def test_administrators_ask_whether_another_may_enter() -> None:
    async with running_api() as api:
        for user, allowed in (("alice", True), ("viewer", False)):
            wanted = asked("create", "pods", "", subresource="exec", namespace="default")
            reply = await api.call(
                "POST",
                reviews.SUBJECT_ACCESS.path(),
                {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": "SubjectAccessReview",
                    "spec": {**wanted["spec"], "user": user},
                },
            )
            assert (reply.code, reply.body["status"]["allowed"]) == (201, allowed)


def test_a_pod_that_is_named_as_a_way_into_pods_is_told_apart_from_it() -> None:
    """`kubectl auth can-i create pods/exec` sends a name, in Kubernetes too."""
    refused = reviews.may(ADMIN, asked("create", "pods", "", name="exec", namespace="default"))
    assert not refused["allowed"]
    assert refused["reason"].endswith("; to ask about pods/exec, say pods --subresource=exec")
    for other in (
        asked("create", "pods", "", name="dev", namespace="default"),
        asked("create", "nodes", "", name="exec"),
        asked("delete", "pods", "", name="exec", subresource="exec", namespace="default"),
    ):
        assert "--subresource" not in reviews.may(ADMIN, other)["reason"]
