"""Every route × every role × {own, another's}, over HTTP, against a table written out by hand.

A letter is a role: Admin, User, Viewer, Node, Controller, Join. A capital letter may use the route for all, a
small one for its own only: its namespace, its node, its node's Lease; for controllers, the system namespace.
Who is not named is answered 403. A route without a line fails, and so does a line without a route.
"""

import dataclasses

import aiohttp
import pytest
from aiohttp import web

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import BARE
from tests.apiserver.api import Api, running_api

pytestmark = [pytest.mark.looptime, pytest.mark.fault(47)]

OPEN = {"/healthz", "/livez", "/readyz", "/cacert", "/ui", "/ui/{path}"}  # without a credential too
RIVER = "/apis/kohakuriver.io/v1alpha1"
TABLE = """
GET               /                                                          A U V N C -
GET               /api                                                       A U V N C -
GET               /apis                                                      A U V N C -
GET               /apis/{group}                                              A U V N C -
GET               /api/{version}                                             A U V N C -
GET               /apis/{group}/{version}                                    A U V N C -
GET               /version                                                   A U V N C -
GET               /openapi/v2                                                A U V N C -
GET               /apis/apiextensions.k8s.io/v1/customresourcedefinitions    A U V N C -
GET               /openapi/v3                                                A U V N C -
GET               /openapi/v3/api/{version}                                  A U V N C -
GET               /openapi/v3/apis/{group}/{version}                         A U V N C -
GET               /metrics                                                   A - V - C -
GET               /install/kohakuriver.tar                                   A - - - - J
GET,POST,DELETE   /ui/session                                                A U V - - -
POST              /ui/codes                                                  A U V - - -
POST              /apis/authentication.k8s.io/v1/selfsubjectreviews          A U V N C -
POST              /apis/authorization.k8s.io/v1/selfsubjectaccessreviews     A U V N C -
POST              /apis/authorization.k8s.io/v1/selfsubjectrulesreviews      A U V N C -
POST              /apis/authentication.k8s.io/v1/tokenreviews                A - - - - -
POST              /apis/authorization.k8s.io/v1/subjectaccessreviews         A - - - - -
GET               ~/namespaces/{namespace}/vpses                             A u V N C -
GET               ~/vpses                                                    A - V N C -
GET               ~/namespaces/{namespace}/vpses/{name}                      A u V N C -
POST,DELETE       ~/namespaces/{namespace}/vpses                             A u - - - -
DELETE,PUT,PATCH  ~/namespaces/{namespace}/vpses/{name}                      A u - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/status               A u V N C -
PUT,PATCH         ~/namespaces/{namespace}/vpses/{name}/status               A - - N C -
POST              ~/namespaces/{namespace}/vpses/{name}/bind                 A - - - C -
POST              ~/namespaces/{namespace}/vpses/{name}/finish               - - - N - -
POST              ~/namespaces/{namespace}/vpses/{name}/release              A - - - C -
POST              ~/namespaces/{namespace}/vpses/{name}/regrant              A - - - C -
POST              ~/namespaces/{namespace}/vpses/{name}/reject               - - - N - -
POST              ~/namespaces/{namespace}/vpses/{name}/newport              - - - N - -
POST              ~/namespaces/{namespace}/vpses/{name}/forget               A - - - - -
POST              ~/namespaces/{namespace}/vpses/{name}/adopt                A - - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/terminal             A u - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/exec                 A u - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/logs                 A u - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/stats                A u - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/forward              A u - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/files                A u - - - -
GET               ~/namespaces/{namespace}/vpses/{name}/changes              A u - - - -
GET,POST          /api/v1/namespaces/{namespace}/pods/{name}/exec            A u - - - -
GET,POST          /api/v1/namespaces/{namespace}/pods/{name}/attach          A u - - - -
GET,POST          /api/v1/namespaces/{namespace}/pods/{name}/portforward     A u - - - -
GET               /api/v1/namespaces/{namespace}/pods/{name}/log             A u - - - -
GET               ~/nodes/{name}/streams                                     - - - n - -
GET               ~/nodes/{name}/streams/{id}                                - - - n - -
GET               ~/nodes/{name}/egress                                      A - - n - -
GET               ~/nodes                                                    A U V N C -
GET               ~/nodes/{name}                                             A U V n C -
POST              ~/nodes                                                    A - - N - -
DELETE            ~/nodes                                                    A - - - - -
DELETE            ~/nodes/{name}                                             A - - - - -
PUT,PATCH         ~/nodes/{name}                                             A - - n - -
GET               ~/nodes/{name}/status                                      A U V n C -
PUT,PATCH         ~/nodes/{name}/status                                      A - - n C -
POST              ~/nodes/{name}/forget                                      A - - - - -
POST              ~/nodes/{name}/revoke                                      A - - - - -
POST              ~/nodes/{name}/join                                        - - - - - J
GET               ~/nodeallocations                                          A - V N C -
GET               ~/nodeallocations/{name}                                   A - V n C -
POST              ~/nodeallocations/{name}/confirm                           - - - n - -
GET               ~/environments                                             A U V N C -
GET               ~/environments/{name}                                      A U V N C -
GET               ~/environments/{name}/tarball                              A - - N - -
POST,DELETE       ~/environments                                             A - - - - -
DELETE,PUT,PATCH  ~/environments/{name}                                      A - - - - -
GET               ~/environments/{name}/status                               A U V N C -
PUT,PATCH         ~/environments/{name}/status                               A - - N - -
GET               ~/namespaces/{namespace}/snapshots                         A u V N C -
GET               ~/snapshots                                                A - V N C -
GET               ~/namespaces/{namespace}/snapshots/{name}                  A u V N C -
POST              ~/namespaces/{namespace}/snapshots                         A u - N C -
DELETE            ~/namespaces/{namespace}/snapshots                         A u - - - -
DELETE            ~/namespaces/{namespace}/snapshots/{name}                  A u - - C -
PUT,PATCH         ~/namespaces/{namespace}/snapshots/{name}                  A u - - - -
GET               ~/namespaces/{namespace}/snapshots/{name}/status           A u V N C -
PUT,PATCH         ~/namespaces/{namespace}/snapshots/{name}/status           A - - N - -
POST              ~/namespaces/{namespace}/snapshots/{name}/finish           - - - N - -
GET,POST,DELETE   ~/tokens                                                   A - - - - -
GET,DELETE,PUT,PATCH ~/tokens/{name}                                            A - - - - -
GET               ~/policies                                                 A U V - C -
GET               ~/policies/{name}                                          A U V - C -
POST,DELETE       ~/policies                                                 A - - - - -
DELETE,PUT,PATCH  ~/policies/{name}                                          A - - - - -
GET               /api/v1/namespaces                                         A - V - C -
GET               /api/v1/namespaces/{name}                                  A u V - C -
POST              /api/v1/namespaces                                         A - - - - -
DELETE            /api/v1/namespaces                                         - - - - - -
DELETE,PUT,PATCH  /api/v1/namespaces/{name}                                  A - - - - -
GET               /api/v1/namespaces/{namespace}/events                      A u V - C -
GET               /api/v1/events                                             A - V - C -
GET               /api/v1/namespaces/{namespace}/events/{name}               A u V - C -
POST              /api/v1/namespaces/{namespace}/events                      A - - N C -
DELETE            /api/v1/namespaces/{namespace}/events                      A - - - - -
DELETE            /api/v1/namespaces/{namespace}/events/{name}               A - - - - -
PUT,PATCH         /api/v1/namespaces/{namespace}/events/{name}               A - - N C -
GET               /api/v1/namespaces/{namespace}/resourcequotas              A u V - C -
GET               /api/v1/resourcequotas                                     A - V - C -
GET               /api/v1/namespaces/{namespace}/resourcequotas/{name}       A u V - C -
POST,DELETE       /api/v1/namespaces/{namespace}/resourcequotas              A - - - - -
DELETE,PUT,PATCH  /api/v1/namespaces/{namespace}/resourcequotas/{name}       A - - - - -
GET               /api/v1/namespaces/{namespace}/pods                        A u V N C -
GET               /api/v1/pods                                               A - V N C -
GET               /api/v1/namespaces/{namespace}/pods/{name}                 A u V N C -
POST,DELETE       /api/v1/namespaces/{namespace}/pods                        A u V N C -
DELETE,PUT,PATCH  /api/v1/namespaces/{namespace}/pods/{name}                 A u V N C -
GET               /api/v1/nodes                                              A U V N C -
GET               /api/v1/nodes/{name}                                       A U V n C -
PATCH             /api/v1/nodes/{name}                                       A - - n - -
POST,DELETE       /api/v1/nodes                                              A U V N C -
DELETE,PUT        /api/v1/nodes/{name}                                       A U V n C -
GET               /apis/events.k8s.io/v1/namespaces/{namespace}/events       A u V - C -
GET               /apis/events.k8s.io/v1/events                              A - V - C -
GET               /apis/events.k8s.io/v1/namespaces/{namespace}/events/{name} A u V - C -
POST,DELETE       /apis/events.k8s.io/v1/namespaces/{namespace}/events       A u V - C -
DELETE,PUT,PATCH  /apis/events.k8s.io/v1/namespaces/{namespace}/events/{name} A u V - C -
GET               /apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods   A u - - - -
GET               /apis/metrics.k8s.io/v1beta1/pods                          A - - - - -
GET               /apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{name} A u - - - -
GET               /apis/metrics.k8s.io/v1beta1/nodes                         A - - - - -
GET               /apis/metrics.k8s.io/v1beta1/nodes/{name}                  A - - - - -
GET               /apis/metrics.k8s.io/v1/namespaces/{namespace}/pods   A u - - - -
GET               /apis/metrics.k8s.io/v1/pods                          A - - - - -
GET               /apis/metrics.k8s.io/v1/namespaces/{namespace}/pods/{name} A u - - - -
GET               /apis/metrics.k8s.io/v1/nodes                         A - - - - -
GET               /apis/metrics.k8s.io/v1/nodes/{name}                  A - - - - -
GET               /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases A u V n C -
GET               /apis/coordination.k8s.io/v1/leases                        A - V - C -
GET               /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name} A u V n C -
POST              /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases A u - n c -
DELETE            /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases A u - - c -
DELETE            /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name} A u - - c -
PUT,PATCH         /apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name} A u - n c -
"""
NOT_FOR_VIEWERS = ("exec", "terminal", "files", "changes", "forward", "logs", "log", "attach", "portforward")


@dataclasses.dataclass(frozen=True)
class Person:
    """A role's letter, who has it here, and what is its own."""

    letter: str
    user: User
    own: dict[str, str]
    other: dict[str, str]


PEOPLE = (
    Person("A", User("admin", Role.ADMIN), {"namespace": "default"}, {"namespace": "team-b"}),
    Person(
        "U",
        User("alice", Role.USER, namespaces=("default",)),
        {"namespace": "default", "name": "default"},  # a Namespace of hers is named so
        {"namespace": "team-b", "name": "team-b"},
    ),
    Person("V", User("viewer", Role.VIEWER), {"namespace": "default"}, {"namespace": "team-b"}),
    Person(
        "N",
        User("n1", Role.NODE, node="n1"),
        {"namespace": kinds.NODE_LEASE_NAMESPACE, "name": "n1"},
        {"namespace": "team-b", "name": "n2"},
    ),
    Person(
        "C",
        User("controller", Role.CONTROLLER),
        {"namespace": kinds.SYSTEM_NAMESPACE},
        {"namespace": "team-b"},
    ),
    Person("J", User("joiner", Role.JOIN), {"name": "n1"}, {"name": "n2"}),
)
ANYTHING = {
    "namespace": "default",
    "name": "dev",
    "group": "kohakuriver.io",
    "version": "v1alpha1",
    "id": "0123456789abcdef",
}


def rows() -> dict[tuple[str, str], str]:
    """(method, path) → letters."""
    found: dict[tuple[str, str], str] = {}
    for line in TABLE.strip().splitlines():
        methods, path, *letters = line.split()
        for method in methods.split(","):
            found[method, path.replace("~", RIVER)] = "".join(letters)
    return found


async def may(api: Api, person: Person, method: str, path: str, own: dict[str, str]) -> bool:
    """Whether the door lets this through; what becomes of it behind is not asked."""
    for name, value in (ANYTHING | own).items():
        path = path.replace(f"{{{name}}}", value)
    content = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
    headers = api.headers(person.user.name) | {"Connection": "close"}
    async with api.session.request(method, api.url + path, headers=headers, **content) as reply:
        assert reply.status != 401 and reply.status < 500, (person.letter, method, path, reply.status)
        return reply.status != 403


async def test_every_route_lets_in_whom_the_table_names_and_nobody_else() -> None:
    table = rows()
    async with running_api(users=tuple(person.user for person in PEOPLE)) as api:
        for (method, path), letters in table.items():
            for person in PEOPLE:
                own = await may(api, person, method, path, person.own)
                other = await may(api, person, method, path, person.other)
                expected = (person.letter.lower() in letters.lower(), person.letter in letters)
                assert (own, other) == expected, f"{person.user.role} on {method} {path}"


def path_of(route: web.AbstractRoute) -> str:
    """Some are served with a slash at their end too, which is no other path."""
    return (route.resource.canonical.rstrip("/") or "/") if route.resource is not None else ""


async def test_every_route_has_a_line_and_every_line_a_route() -> None:
    async with running_api() as api:
        table = api.server_app[ENDPOINTS]
        closed = {(route.method, path_of(route)) for route, endpoint in table.items() if not endpoint.open}
        opened = {path_of(route) for route, endpoint in table.items() if endpoint.open}
        registered = {
            (route.method, path_of(route))
            for route in api.server_app.router.routes()
            if route.resource is not None and route.method != "HEAD"
        }
    assert closed == set(rows()), "write a line for it, and think about each role"
    assert opened == OPEN == {path for _, path in registered - closed}, "nothing else is open"


def test_viewers_get_no_session_no_files_and_no_logs() -> None:
    for (_, path), letters in rows().items():
        if path.rsplit("/", 1)[-1] in NOT_FOR_VIEWERS:
            assert "v" not in letters.lower(), path


async def test_a_watch_is_held_to_the_line_of_its_list() -> None:
    async with running_api(users=tuple(person.user for person in PEOPLE)) as api:
        for (method, path), letters in rows().items():
            if method != "GET" or "{name}" in path or not path.startswith(("/api/v1/", "/apis/")):
                continue
            if "{group}" in path or "{version}" in path:
                continue
            if path.startswith("/apis/metrics.k8s.io/"):
                letters = ""  # they are measured when somebody asks: there is nothing to be followed
            for person in PEOPLE:
                place = ANYTHING | person.own
                url = api.url + path.replace("{namespace}", place["namespace"])
                params = {"watch": "1", "timeoutSeconds": "1"}
                headers = api.headers(person.user.name)
                async with api.session.get(url, params=params, headers=headers) as reply:
                    assert (reply.status == 200) == (person.letter.lower() in letters.lower()), (
                        f"{person.user.role} on a watch of {path}: {reply.status}"
                    )


BOB = User("bob", Role.USER, namespaces=("default",), rights=("privileged",))
CAROL = User("carol", Role.USER, namespaces=("default",), rights=("mounts",))
DAVE = User("dave", Role.USER, namespaces=("default", "team-b"), rights=("privileged", "mounts"))
ERIN = User("erin", Role.USER, namespaces=("default",), rights=("capabilities",))
SPECS: dict[str, dict[str, object]] = {
    "plain": {},
    "privileged": {"privileged": True},
    "mounts": {"mounts": [{"source": "/srv", "target": "/srv"}]},
    "both": {"privileged": True, "mounts": [{"source": "/srv", "target": "/srv", "readOnly": True}]},
    "capabilities": {"security": {"capabilities": {"add": ["NET_RAW"]}}},
    "fewer": {"security": {"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}, "noNewPrivileges": True}},
}
# Who enters which VPS, by a stream that is no log: in the namespace default, and in team-b.
ENTERS = {
    "admin": (" ".join(SPECS), " ".join(SPECS)),
    "alice": ("plain fewer", ""),
    "bob": ("plain privileged fewer", ""),
    "carol": ("plain mounts fewer", ""),
    "dave": ("plain privileged mounts both fewer", "plain privileged mounts both fewer"),
    "erin": ("plain capabilities fewer", ""),
    "viewer": ("", ""),
    "n1": ("", ""),
    "controller": ("", ""),
}
SHOWS = ("logs", "stats")  # these ask for no right


async def test_who_enters_a_vps_has_the_rights_that_its_spec_needs() -> None:
    """Every kind of stream × every user × {own, another's namespace} × what the VPS was given."""
    async with running_api(users=(BOB, CAROL, DAVE, ERIN)) as api:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-b"}}
        await api.create(kinds.NAMESPACE, namespace)
        for place in ("default", "team-b"):
            for name, spec in SPECS.items():
                await api.create(
                    kinds.VPS,
                    {"metadata": {"name": name, "namespace": place}, "spec": {"image": "x", **spec}},
                )
        for user, allowed in ENTERS.items():
            everything = [" ".join(SPECS) if names else "" for names in allowed]
            for stream in kinds.VPS.streams:
                expected = everything if stream in SHOWS else allowed
                for place, names in zip(("default", "team-b"), expected, strict=True):
                    entered = [name for name in SPECS if await enters(api, user, place, name, stream)]
                    assert entered == names.split(), f"{user} by {stream} in {place}"


async def enters(api: Api, user: str, namespace: str, name: str, stream: str) -> bool:
    path = kinds.VPS.path(namespace=namespace, name=name, subresource=stream)
    reply = await api.get(path, user=user, headers={"Connection": "Upgrade", "Upgrade": BARE})
    assert reply.code in (403, 409), (user, path, reply.body)  # none of them runs, which comes after
    return reply.code == 409


async def test_another_method_or_path_is_no_way_around() -> None:
    """What is spelled otherwise is another path, which nobody but an admin may ask for."""
    secret = kinds.TOKEN.path()
    async with running_api() as api:
        for method, path, codes in (
            ("HEAD", secret, {403, 405}),
            ("GET", secret + "/", {403, 404}),
            ("GET", "/" + secret, {403, 404}),
            ("GET", secret.replace("/tokens", "/%74okens"), {403}),
            ("GET", secret.replace("/tokens", "/Tokens"), {403, 404}),
            ("GET", secret.replace("/v1alpha1", "/./v1alpha1"), {403, 404}),
            ("OPTIONS", secret, {403, 405}),
            ("TRACE", secret, {403, 405}),
        ):
            for user in ("alice", "viewer", "n1", "controller"):
                url = aiohttp.client.URL(api.url + path, encoded=True)
                async with api.session.request(method, url, headers=api.headers(user)) as reply:
                    assert reply.status in codes, (method, path, user, reply.status)
