"""Whom a token's claims name, and what the file that says so may have in it."""

from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.oidc import configuration, mapping
from tests.apiserver.oidc.configurations import entry, of, whole

URL = "https://issuer.example"
BAD: list[tuple[dict[str, Any], str]] = [
    ({"jwt": []}, "jwt: "),
    ({"kind": "Other"}, "kind: "),
    ({"apiVersion": "v1"}, "apiVersion: use apiserver.config.k8s.io/v1"),
    ({"anonymous": {"enabled": True}}, "anonymous: nobody is let in without a credential"),
    ({"extra_field": 1}, "extra_field: the field is not known"),
]
BAD_ENTRY: list[tuple[dict[str, Any], str]] = [
    ({"userValidationRules": []}, r"jwt\[0\].userValidationRules: CEL is not supported"),
    ({"claimValidationRules": [{"expression": "claims.hd == 'x'"}]}, "CEL expressions are not supported"),
    ({"claimMappings": {"username": {"expression": "claims.sub"}}}, r"username.(expression|claim): "),
    ({"claimMappings": {"username": {"claim": "sub", "prefix": ""}}}, "username.prefix: "),
    ({"claimMappings": {"username": {"claim": "sub", "prefix": "oidc"}}}, "username.prefix: "),
    (
        {"claimMappings": {"username": {"claim": "sub", "prefix": "o:"}, "groups": {"claim": "g"}}},
        "claimMappings.groups: groups are not kept",
    ),
    ({"roles": []}, r"jwt\[0\].roles: "),
    ({"roles": [{"claim": "g", "value": "a", "role": "controller"}]}, r"roles\[0\].role: "),
    ({"roles": [{"claim": "g", "value": "a", "role": "node"}]}, r"roles\[0\].role: "),
    (
        {"roles": [{"claim": "g", "value": "a", "role": "user"}]},
        'a rule of role "user" names its "namespaces"',
    ),
    ({"roles": [{"claim": "g", "value": "a", "role": "admin", "namespaces": ["a"]}]}, 'role "admin" has no'),
    ({"roles": [{"claim": "g", "value": "a", "role": "viewer", "rights": ["mounts"]}]}, '"rights" can be'),
    (
        {"roles": [{"claim": "g", "value": "a", "role": "user", "namespaces": ["a"], "rights": ["root"]}]},
        '"rights" can be',
    ),
    ({"roles": [{"claim": "g", "value": True, "role": "admin"}]}, r"roles\[0\].value: "),
    ({"issuer": {"url": "http://issuer.example", "audiences": ["a"]}}, "use https"),
    ({"issuer": {"url": "https://u:p@issuer.example", "audiences": ["a"]}}, "use https://HOST/PATH"),
    ({"issuer": {"url": URL, "audiences": []}}, "issuer.audiences: "),
    ({"issuer": {"url": URL}}, "issuer.audiences: the field is missing"),
    ({"issuer": {"url": URL, "audiences": ["a"], "certificateAuthority": "x"}}, "no certificate in PEM"),
]


def who(**claims: Any) -> User:
    (rules,) = of(entry(URL)).jwt
    return mapping.user_of({"sub": "alice", **claims}, rules)


@pytest.mark.parametrize(("change", "told"), BAD)
def test_a_file_with_something_wrong_is_refused_by_field(change: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.ConfigError, match=told):
        configuration.parse({**whole(entry(URL)), **change}, "auth.yaml")


@pytest.mark.parametrize(("change", "told"), BAD_ENTRY)
def test_an_issuer_with_something_wrong_is_refused_by_field(change: dict[str, Any], told: str) -> None:
    with pytest.raises(errors.ConfigError, match=told):
        of({**entry(URL), **change})


def test_two_issuers_must_differ_in_url_and_in_the_names_that_they_give() -> None:
    with pytest.raises(errors.ConfigError, match="same issuer url"):
        of(entry(URL, prefix="a:"), entry(URL, prefix="b:"))
    with pytest.raises(errors.ConfigError, match="prefixes"):
        of(entry(URL), entry("https://other.example"))


@pytest.mark.parametrize("prefix", ["node:", "system:"])
def test_an_issuer_gives_no_names_of_the_clusters_own(prefix: str) -> None:
    with pytest.raises(errors.ConfigError, match="of the cluster's own"):
        of(entry(URL, prefix=prefix))


def test_a_user_of_the_token_file_may_not_have_a_name_that_an_issuer_gives() -> None:
    with pytest.raises(errors.ConfigError, match='user "oidc:alice", which https:'):
        configuration.check_names(of(entry(URL)), ["admin", "oidc:alice"])
    configuration.check_names(of(entry(URL)), ["admin", "alice", "oidc"])


def test_a_file_is_read_as_yaml_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "auth.yaml"
    file.write_text(configuration.EXAMPLE)
    assert configuration.load(file).jwt[0].claimMappings.username.prefix == "sso:"
    for content in ("[", "a: !!python/object:x y", "1", ""):
        file.write_text(content)
        with pytest.raises(errors.ConfigError, match=r"auth\.yaml"):
            configuration.load(file)
    file.write_bytes(b"\xff")
    with pytest.raises(errors.ConfigError, match="cannot read"):
        configuration.load(file)
    file.write_text("#" * (configuration.MOST_BYTES + 1))
    with pytest.raises(errors.ConfigError, match="larger than 256Ki"):
        configuration.load(file)
    with pytest.raises(errors.ConfigError, match="cannot read"):
        configuration.load(tmp_path / "none")


def test_claims_give_a_role_by_the_first_rule_that_fits() -> None:
    assert who(groups=["admins", "team-a"]) == User("oidc:alice", Role.ADMIN)
    assert who(groups="team-a") == User("oidc:alice", Role.USER, namespaces=("default",))
    assert who(groups=["watchers"]) == User("oidc:alice", Role.VIEWER)


def test_further_rules_add_namespaces_where_they_give_the_same_and_no_right_reaches_further() -> None:
    assert who(groups=["team-b", "team-a"]).namespaces == ("default", "b")
    both = who(groups=["team-a", "ops"])
    assert (both.namespaces, both.rights) == (("default",), ())
    assert who(groups=["ops"]).rights == ("mounts",)


@pytest.mark.parametrize("groups", [None, [], "team-ab", ["TEAM-A"], 7, {"team-a": 1}, [["team-a"]]])
def test_whom_no_rule_fits_is_refused_in_a_sentence(groups: Any) -> None:
    with pytest.raises(errors.Forbidden, match='user "oidc:alice" has logged in, and no rule'):
        who(groups=groups)


@pytest.mark.parametrize("name", [None, "", "  ", 7, ["alice"], "al\nice", "a" * 300])
def test_a_token_that_names_nobody_is_refused(name: Any) -> None:
    with pytest.raises(errors.Unauthorized, match="user"):
        who(sub=name, groups=["admins"])


def test_a_required_claim_and_a_verified_address_are_required() -> None:
    by_mail = {"username": {"claim": "email", "prefix": "m:"}}
    required = [{"claim": "hd", "requiredValue": "x.org"}]
    (rules,) = of(entry(URL, claimMappings=by_mail, claimValidationRules=required)).jwt
    good = {"email": "a@x.org", "hd": "x.org", "groups": ["admins"]}
    assert mapping.user_of(good, rules).name == "m:a@x.org"
    for change in ({"hd": "y.org"}, {"hd": None}, {"email_verified": False}, {"email_verified": "true"}):
        with pytest.raises(errors.Unauthorized):
            mapping.user_of({**good, **change}, rules)
