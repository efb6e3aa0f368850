"""Acting as somebody else: what kubectl's --as asks for, and what reviews about others say."""

import logging
from typing import Any

import pytest

from kohakuriver.apiserver.identity.identity import Role, User, fingerprint
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api

pytestmark = pytest.mark.looptime

VPSES = kinds.VPS.path(namespace="default")
TOKENS = kinds.TOKEN.path()
CAN_I = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MAY_HE = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
WHOSE = "/apis/authentication.k8s.io/v1/tokenreviews"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
AUTH = User("auth", Role.AUTHENTICATOR)
BOTH = (User("bo", Role.VIEWER), User("bo", Role.USER, namespaces=("default",)))


def as_(name: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [("Impersonate-User", name), *more]


async def call(
    api: Api, method: str, path: str, body: Any = None, *, user: str = "admin", told: Any = ()
) -> Any:
    headers = [*api.headers(user).items(), *told]
    async with api.session.request(method, api.url + path, json=body, headers=headers) as reply:
        return reply.status, await reply.json()


async def a_token(api: Api, name: str, **spec: Any) -> None:
    whole = {"sha256": fingerprint(f"secret-of-{name}"), **spec}
    await api.create(kinds.TOKEN, {"metadata": {"name": name}, "spec": whole})


async def test_an_administrator_sees_what_another_may_see_and_no_more() -> None:
    async with running_api() as api:
        assert (await call(api, "GET", TOKENS))[0] == 200
        code, refused = await call(api, "GET", TOKENS, told=as_("alice"))
        assert code == 403
        assert 'user "alice" of role user' in refused["message"]
        assert (await call(api, "GET", VPSES, told=as_("alice")))[0] == 200
        assert (await call(api, "GET", "/api/v1/namespaces/other/pods", told=as_("alice")))[0] == 403
        asked = {
            "spec": {"resourceAttributes": {"verb": "create", "group": kinds.GROUP, "resource": "nodes"}}
        }
        assert (await call(api, "POST", CAN_I, asked))[1]["status"]["allowed"]
        assert not (await call(api, "POST", CAN_I, asked, told=as_("viewer")))[1]["status"]["allowed"]
        code, me = await call(api, "POST", WHOAMI, {}, told=as_("alice"))
        assert me["status"]["userInfo"]["username"] == "alice"


async def test_what_is_written_so_is_held_to_the_rules_for_that_user(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "kohakuriver.apiserver.audit")
    async with running_api() as api:
        vps = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "dev"}}
        code, refused = await call(
            api, "POST", VPSES, {**vps, "spec": {"privileged": True}}, told=as_("alice")
        )
        assert code == 403 and "spec.privileged" in refused["message"]
        code, _ = await call(api, "POST", VPSES, vps, told=as_("alice"))
        assert code == 201
    lines = [vars(record) for record in caplog.records if vars(record).get("verb") == "create"]
    assert [(line["who"], line["as"], line["code"]) for line in lines] == [
        ("admin", "alice", 403),
        ("admin", "alice", 201),
    ]


@pytest.mark.parametrize("user", ["alice", "viewer", "controller", "n1"])
@pytest.mark.parametrize("header", ["Impersonate-User", "impersonate-group", "Impersonate-Extra-x"])
async def test_nobody_else_may_and_is_told_so(user: str, header: str) -> None:
    async with running_api() as api:
        path = kinds.NODE.path(name="n1")
        code, refused = await call(api, "GET", path, user=user, told=[(header, user)])
        assert code == 403
        assert "may not act as somebody else" in refused["message"]


@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        (as_("nobody"), 403, 'no token is of a user "nobody"'),
        (as_("n1"), 403, '"n1" is of role node, as which nobody else may act'),
        (as_("controller"), 403, '"controller" is of role controller'),
        (as_(""), 400, "Impersonate-User must name one user"),
        ([("Impersonate-Group", "kohakuriver:viewer")], 400, "Impersonate-User must name one user"),
        (as_("alice", ("Impersonate-User", "admin")), 400, "Impersonate-User must name one user"),
        (as_("alice", ("Impersonate-Uid", "7")), 400, "Impersonate-Uid is not served"),
        (as_("alice", ("Impersonate-Extra-Scopes", "x")), 400, "Impersonate-Extra-Scopes is not served"),
        (as_("alice", ("Impersonate-Group", "system:masters")), 403, 'no token of user "alice" is of such'),
        (
            as_("bo"),
            403,
            "differ in what they may do: kohakuriver:viewer in all namespaces, kohakuriver:user",
        ),
    ],
)
async def test_what_cannot_be_acted_as_is_refused_in_words(told: Any, code: int, said: str) -> None:
    async with running_api() as api:
        for number, user in enumerate(BOTH):
            namespaces = {"namespaces": list(user.namespaces)} if user.namespaces else {}
            await a_token(api, f"bo-{number}", user=user.name, role=user.role.value, **namespaces)
        answered, refused = await call(api, "GET", VPSES, told=told)
        assert (answered, refused["message"].startswith(said) or said in refused["message"]) == (
            code,
            True,
        ), refused


async def test_a_group_chooses_among_the_tokens_of_one_user() -> None:
    async with running_api() as api:
        await a_token(api, "bo-0", user="bo", role="viewer")
        await a_token(api, "bo-1", user="bo", role="user", namespaces=["default"])
        for role, code in (("viewer", 403), ("user", 201)):
            groups = (
                ("Impersonate-Group", f"kohakuriver:{role}"),
                ("Impersonate-Group", "system:authenticated"),
            )
            vps = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "dev"}}
            assert (await call(api, "POST", VPSES, vps, told=as_("bo", *groups)))[0] == code


async def test_a_token_that_is_over_makes_nobody() -> None:
    async with running_api() as api:
        await a_token(api, "eve", user="eve", role="viewer")
        assert (await call(api, "GET", VPSES, told=as_("eve")))[0] == 200
        await api.call("DELETE", kinds.TOKEN.path(name="eve"))
        assert (await call(api, "GET", VPSES, told=as_("eve")))[0] == 403


async def test_an_administrator_is_told_whose_token_it_is_and_never_the_token() -> None:
    async with running_api() as api:
        await a_token(api, "eve", user="eve", role="viewer", namespaces=["default"])
        code, told = await call(api, "POST", WHOSE, {"spec": {"token": "secret-of-eve"}})
        assert code == 201 and told["status"]["authenticated"]
        assert told["status"]["user"] == {
            "username": "eve",
            "groups": ["kohakuriver:viewer", "system:authenticated"],
            "extra": {"kohakuriver.io/namespaces": ["default"]},
        }
        assert "secret-of-eve" not in str(told)
        _, told = await call(api, "POST", WHOSE, {"spec": {"token": "a guess"}})
        assert told["status"] == {
            "authenticated": False,
            "error": "the bearer token is not known to this server",
        }
        assert (await call(api, "POST", WHOSE, {"spec": {}}))[0] == 400
        assert (await call(api, "POST", WHOSE, {"spec": {"token": 7}}))[0] == 400


async def test_an_administrator_asks_what_another_may() -> None:
    def asked(verb: str, user: str, namespace: str = "default", **more: Any) -> dict[str, Any]:
        place = {"group": kinds.GROUP, "resource": "vpses", "namespace": namespace}
        return {"spec": {"user": user, "resourceAttributes": {"verb": verb, **place}, **more}}

    async with running_api() as api:
        for question, allowed in (
            (asked("create", "alice"), True),
            (asked("create", "alice", "other"), False),
            (asked("create", "viewer"), False),
            (asked("get", "n1"), True),
            (asked("get", "nobody"), False),
            (asked("get", "alice", groups=["kohakuriver:viewer"]), False),
            (asked("get", "alice", extra={"kohakuriver.io/namespaces": ["default"]}), True),
            (asked("get", "alice", extra={"kohakuriver.io/namespaces": ["other"]}), False),
        ):
            code, told = await call(api, "POST", MAY_HE, question)
            assert (code, told["status"]["allowed"]) == (201, allowed), question
            assert told["status"]["reason"]
        assert (await call(api, "POST", MAY_HE, asked("get", "alice", groups={})))[0] == 201
        assert (await call(api, "POST", MAY_HE, asked("get", "alice", groups="x")))[0] == 400


@pytest.mark.parametrize("user", ["alice", "viewer", "controller", "n1"])
async def test_reviews_of_others_are_for_administrators(user: str) -> None:
    async with running_api() as api:
        for path, kind in ((WHOSE, "TokenReview"), (MAY_HE, "SubjectAccessReview")):
            assert (await call(api, "POST", path, {"kind": kind}, user=user))[0] == 403
            group, plural = path.split("/")[2], path.split("/")[-1]
            asked = {"spec": {"resourceAttributes": {"verb": "create", "group": group, "resource": plural}}}
            assert not (await call(api, "POST", CAN_I, asked, user=user))[1]["status"]["allowed"]
            assert (await call(api, "POST", CAN_I, asked))[1]["status"]["allowed"]


async def test_an_authenticator_asks_whose_a_token_is_and_does_nothing_else() -> None:
    async with running_api(users=(AUTH,)) as api:
        await a_token(api, "bob", user="bob", role="user", namespaces=["default"])
        code, told = await call(api, "POST", WHOSE, {"spec": {"token": "secret-of-bob"}}, user="auth")
        assert (code, told["status"]["user"]["username"]) == (201, "bob")
        code, told = await call(api, "POST", WHOSE, {"spec": {"token": "a guess"}}, user="auth")
        assert code == 201 and not told["status"]["authenticated"]
        assert (await call(api, "GET", "/apis", user="auth"))[0] == 200
        for method, path in [
            ("GET", WHOSE),
            ("GET", VPSES),
            ("GET", TOKENS),
            ("POST", TOKENS),
            ("GET", kinds.NODE.path()),
            ("GET", "/metrics"),
            ("POST", MAY_HE),
            ("GET", "/api/v1/namespaces"),
        ]:
            code, _ = await call(api, method, path, {} if method == "POST" else None, user="auth")
            assert code in (403, 405), (method, path, code)
        code, may = await call(api, "POST", CAN_I, asked_of("tokenreviews"), user="auth")
        assert may["status"]["allowed"]
        code, may = await call(api, "POST", CAN_I, asked_of("subjectaccessreviews"), user="auth")
        assert not may["status"]["allowed"]


def asked_of(plural: str) -> dict[str, Any]:
    group = "authentication.k8s.io" if plural == "tokenreviews" else "authorization.k8s.io"
    return {"spec": {"resourceAttributes": {"verb": "create", "group": group, "resource": plural}}}


@pytest.mark.parametrize("user", ["alice", "viewer", "controller", "n1"])
async def test_nobody_else_but_administrators_asks_whose_a_token_is(user: str) -> None:
    async with running_api() as api:
        assert (await call(api, "POST", WHOSE, {"spec": {"token": "x"}}, user=user))[0] == 403
