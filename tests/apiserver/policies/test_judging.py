"""What Policies demand of what is newly set, as sentences for whoever sets it."""

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.policies import judging
from kohakuriver.apiserver.policies.policy import Limit, Policy

Json = dict[str, Any]
ALICE = User("alice", Role.USER, namespaces=("team-a",))
ADMIN = User("root", Role.ADMIN)


def a_policy(name: str = "house", **spec: Any) -> Policy:
    return Policy.of(name, {"spec": spec})


def a_vps(**spec: Any) -> Json:
    return {"metadata": {"name": "dev", "namespace": "team-a"}, "spec": spec}


def allowing(*registries: str, name: str = "house") -> Policy:
    return a_policy(name, images={"registries": list(registries)})


def said(policies: list[Policy], *, user: User = ADMIN, old: Json | None = None, **spec: Any) -> list[str]:
    """Field and sentence of all that is wrong."""
    return [f"{one.field}: {one.message}" for one in judging.vps(user, old, a_vps(**spec), policies)]


@pytest.mark.parametrize(
    ("image", "places"),
    [
        ("debian", ["docker.io/library"]),
        ("library/debian:12", ["docker.io/library"]),
        ("docker.io/debian", ["docker.io/library"]),
        ("index.docker.io/library/debian", ["docker.io/library"]),
        ("debian", ["index.docker.io"]),
        ("debian@sha256:" + "a" * 64, ["docker.io/library/debian"]),
        ("ghcr.io/a/b:1", ["quay.io", "ghcr.io"]),
        ("GHCR.IO/a/b", ["ghcr.io"]),
        ("ghcr.io/a/b", ["ghcr.io/a/b"]),
        ("10.0.0.1:5000/x", ["10.0.0.1:5000"]),
        ("kohakuriver/debian-ssh", []),
        ("docker.io/kohakuriver/debian-ssh:12", ["ghcr.io"]),
    ],
)
def test_an_image_of_a_place_that_the_policy_allows_is_taken(image: str, places: list[str]) -> None:
    assert said([allowing(*places)], user=ALICE, image=image) == []


@pytest.mark.parametrize(
    ("image", "places"),
    [
        ("debian", ["ghcr.io"]),
        ("docker.io/librarysquatter/x", ["docker.io/library"]),
        ("evil/debian", ["docker.io/library"]),
        ("docker.io/library-x/debian", ["docker.io/library"]),
        ("ghcr.io.evil.example/a", ["ghcr.io"]),
        ("ghcr.io:8443/a", ["ghcr.io"]),
        ("ghcr.io/ab", ["ghcr.io/a"]),
        ("registry-1.docker.io/evil/x", ["docker.io/library"]),
        ("evil.example/kohakuriver/debian-ssh", ["ghcr.io"]),
        ("debian", []),
    ],
)
def test_an_image_of_anywhere_else_is_refused_for_everybody(image: str, places: list[str]) -> None:
    for user in (ADMIN, ALICE):
        [words] = said([allowing(*places)], user=user, image=image)
        assert words.startswith("spec.image: Forbidden: ") and 'Policy "house" allows' in words


def test_the_refusal_says_what_helps() -> None:
    assert said([allowing("ghcr.io", "docker.io/library")], image="quay.io/a/b") == [
        'spec.image: Forbidden: "quay.io/a/b" does not come from a registry that Policy "house" allows: use '
        "an image of ghcr.io or docker.io/library, or ask your administrator"
    ]
    [short] = said([allowing("ghcr.io")], image="debian:12")
    assert '"debian:12" (docker.io/library/debian) does not come from' in short
    [none] = said([allowing()], image="debian")
    assert "use an Environment (kohakuriver env list shows them) or kohakuriver/debian-ssh" in none
    [many] = said([allowing(*(f"r{number}.io" for number in range(9)))], image="debian")
    assert "r0.io, r1.io, r2.io, r3.io, r4.io or 4 more, or ask" in many


def test_each_of_several_policies_must_hold() -> None:
    both = [allowing("ghcr.io", "quay.io", name="a"), allowing("quay.io", name="b")]
    assert said(both, image="quay.io/x") == []
    [words] = said(both, image="ghcr.io/x")
    assert 'Policy "b"' in words


def test_an_environment_is_an_administrators_word() -> None:
    assert said([allowing()], user=ALICE, environment="lab") == []


def test_a_snapshot_is_not_judged_and_the_image_beside_it_is() -> None:
    """Its files began from an image that was judged in the same namespace, and nothing is fetched for it."""
    files = {"snapshot": "s"}
    assert said([allowing("ghcr.io")], image="kohakuriver/debian-ssh", filesFrom=files) == []
    assert said([allowing("ghcr.io")], image="ghcr.io/a", filesFrom=files) == []
    [words] = said([allowing("ghcr.io")], image="debian", filesFrom=files)
    assert "does not come from a registry" in words


def test_what_an_object_has_had_all_along_is_not_judged_again() -> None:
    strict = [a_policy(images={"registries": []}, longestStopGracePeriod="1s", highestPriority=-5)]
    old = {"image": "debian", "stopGracePeriod": "60s", "priority": 100}
    assert said(strict, old=a_vps(**old), **old, runState="Stopped") == []
    assert said(strict, old=a_vps(**old), **{**old, "stopGracePeriod": "1m"}) == []
    changed = said(strict, old=a_vps(**old), **{**old, "stopGracePeriod": "2m", "priority": 99})
    assert [one.partition(":")[0] for one in changed] == ["spec.stopGracePeriod", "spec.priority"]


def test_an_image_in_the_place_of_an_environment_is_a_change_of_it() -> None:
    assert said([allowing()], old=a_vps(environment="lab"), image="debian")
    assert said([allowing()], old=a_vps(image="debian"), environment="lab") == []


def test_limits_are_told_with_both_numbers_and_the_policy() -> None:
    limits = [a_policy(longestStopGracePeriod="1h", highestPriority=100)]
    assert said(limits, stopGracePeriod="60m", priority=100) == []
    assert said(limits, stopGracePeriod="336h", priority=101) == [
        'spec.stopGracePeriod: Forbidden: 336h is longer than the 1h that Policy "house" allows: set 1h or '
        "less, or ask your administrator",
        'spec.priority: Forbidden: 101 is more than the 100 that Policy "house" allows: set 100 or less, or '
        "ask your administrator",
    ]


def test_what_nobody_has_set_counts_as_its_default() -> None:
    [words] = said([a_policy(longestStopGracePeriod="5s")])
    assert "10s (the default) is longer than the 5s" in words
    [words] = said([a_policy(highestPriority=-1)])
    assert "0 is more than the -1" in words


@pytest.mark.parametrize(
    "image",
    [
        "127.0.0.1:2379/x",
        "10.0.0.1:8080/a",
        "169.254.169.254/latest",
        "168.63.129.16/x",
        "localhost/x",
        "localhost:5000/x",
        "a.localhost/x",
        "127.1/x",
        "0x7f.1/x",
        "2130706433:80/x",
        "0177.0.0.1./x",
        "[::1]:5000/x",
        "[::ffff:10.0.0.1]/x",
    ],
)
def test_where_no_policy_names_it_a_registry_by_its_address_is_for_administrators(image: str) -> None:
    [words] = said([a_policy(highestPriority=5)], user=ALICE, image=image)
    assert "names its registry by an address" in words and "in spec.images.registries" in words
    assert said([], user=ADMIN, image=image) == []
    assert said([], user=ALICE, old=a_vps(image=image), image=image) == []


@pytest.mark.parametrize(
    "image", ["debian", "a/1", "ghcr.io/10.0.0.1", "r1.example.org:5000/x", "registry:5000/x"]
)
def test_a_registry_with_a_host_name_is_open_to_users_where_no_policy_speaks_of_registries(
    image: str,
) -> None:
    assert said([], user=ALICE, image=image) == []


def tokens_said(policy: Policy, **spec: Any) -> list[str]:
    new = {"metadata": {"name": "user-1"}, "spec": {"role": "user", "namespaces": ["team-a"], **spec}}
    return [f"{one.field}: {one.message}" for one in judging.token(new, "team-a", [policy])]


def test_a_token_ends_when_the_policy_says_at_the_latest() -> None:
    month = a_policy("short", longestTokenLife="720h")
    assert tokens_said(month, ttl="30m") == []
    assert tokens_said(a_policy()) == []
    [words] = tokens_said(month)
    assert words == (
        'spec.ttl: Forbidden: Policy "short" allows Tokens for namespace team-a that are good for 720h at '
        "most, and this one has no end: set spec.ttl (--ttl of kohakuriver token create) to 720h or less"
    )
    [words] = tokens_said(month, ttl="721h")
    assert "this one is good for 721h" in words


UNREADABLE = {
    "namespaceSelector": 7,
    "images": {"registries": "all"},
    "longestStopGracePeriod": "soon",
    "highestPriority": "low",
    "longestTokenLife": [],
}


def test_a_part_that_cannot_be_read_still_allows_what_nobody_has_set() -> None:
    broken = Policy.of("house", {"spec": UNREADABLE})
    assert broken.chooses({}) and broken.chooses({"team": "a"})
    assert said([broken]) == []
    assert said([broken], image="kohakuriver/debian-ssh", stopGracePeriod="10s", priority=0) == []
    assert said([broken], environment="lab") == []
    refused = said([broken], image="debian", stopGracePeriod="11s", priority=1)
    assert [one.partition(":")[0] for one in refused] == [
        "spec.image",
        "spec.stopGracePeriod",
        "spec.priority",
    ]
    assert all("cannot be read (spec." in one and "kohakuriver edit policy house" in one for one in refused)
    assert "spec.longestStopGracePeriod: " in refused[1]
    assert tokens_said(broken, ttl="1s")


@pytest.mark.parametrize("part", sorted(UNREADABLE))
def test_a_part_that_cannot_be_read_leaves_the_others_as_they_are(part: str) -> None:
    good = {
        "namespaceSelector": {"matchLabels": {"team": "a"}},
        "images": {"registries": ["ghcr.io"]},
        "longestStopGracePeriod": "1h",
        "highestPriority": 5,
        "longestTokenLife": "1h",
    }
    one = Policy.of("house", {"spec": {**good, part: UNREADABLE[part]}})
    assert len(one.troubles) == 1 and one.troubles[0].startswith(f"spec.{part}")
    assert one.chooses({"team": "b"}) == (part == "namespaceSelector")
    if part != "images":
        assert said([one], image="ghcr.io/a") == []
    if part != "highestPriority":
        assert said([one], priority=5) == []


@pytest.mark.parametrize("stored", [None, 7, [], {}, {"spec": None}, {"metadata": {}}], ids=str)
def test_what_says_nothing_limits_nothing(stored: Any) -> None:
    assert said([Policy.of("house", stored)], image="debian", priority=9, stopGracePeriod="1h") == []


def test_a_spec_that_is_no_object_limits_everything_that_is_set() -> None:
    one = Policy.of("house", {"spec": "s"})
    assert one.chooses({"a": "b"}) and said([one]) == [] and len(said([one], image="debian", priority=1)) == 2


@pytest.mark.parametrize(
    ("selector", "chosen", "others"),
    [
        ({}, [{}, {"team": "a"}], []),
        ({"matchLabels": {"team": "a"}}, [{"team": "a", "x": "y"}], [{"team": "b"}, {}]),
        (
            {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a", "b"]}]},
            [{}, {"team": "c"}],
            [{"team": "b"}],
        ),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, [{}], [{"team": ""}]),
        (
            {"matchLabels": {"x": "y"}, "matchExpressions": [{"key": "team", "operator": "Exists"}]},
            [{"x": "y", "team": ""}],
            [{"x": "y"}, {"team": "a"}],
        ),
        (
            {"matchLabels": {"kubernetes.io/metadata.name": "team-a"}},
            [{"kubernetes.io/metadata.name": "team-a"}],
            [{"kubernetes.io/metadata.name": "team-b"}],
        ),
    ],
)
def test_namespaces_are_chosen_by_their_labels_as_in_kubernetes(
    selector: Json, chosen: Any, others: Any
) -> None:
    one = a_policy(namespaceSelector=selector)
    assert all(one.chooses(labels) for labels in chosen)
    assert not any(one.chooses(labels) for labels in others)


SCALARS = st.none() | st.booleans() | st.integers(-5, 2**40) | st.sampled_from(["", "x", "1h", "-1", "In"])
FIELDS = st.sampled_from(
    [
        "matchLabels",
        "matchExpressions",
        "key",
        "operator",
        "values",
        "registries",
        "deny",
        "team",
        *UNREADABLE,
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@hypothesis.given(
    spec=JSON | st.dictionaries(FIELDS, JSON), image=st.sampled_from(["debian", "kohakuriver/x", ""])
)
def test_whatever_is_stored_what_is_written_beside_it_gets_a_sentence_or_nothing(
    spec: Any, image: str
) -> None:
    one = Policy.of("house", {"spec": spec})
    one.chooses({"team": "x"})
    for words in said([one], image=image, stopGracePeriod="20s", priority=1) + tokens_said(one, ttl="1h"):
        assert 'Policy "house"' in words
    unset = said([one], user=ALICE, environment="lab")
    assert unset == [] or any(isinstance(part, Limit) for part in (one.grace, one.priority))
