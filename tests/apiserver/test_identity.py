import json
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, TokenFile, User, fingerprint


def a_line(token: str = "mine", **fields: Any) -> str:  # noqa: S107
    return json.dumps({"sha256": fingerprint(token), "user": "root", "role": "admin", **fields})


def a_file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "tokens"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_token_names_its_user(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        a_line("one"),
        "",
        a_line("two", user="n1", role="node", node="n1"),
        a_line("three", user="alice", role="user", namespaces=["a", "b"]),
    )
    tokens = TokenFile.load(path)
    assert tokens.authenticate("one") == User("root", Role.ADMIN)
    assert tokens.authenticate("two") == User("n1", Role.NODE, node="n1")
    assert tokens.authenticate("three") == User("alice", Role.USER, namespaces=("a", "b"))


def test_a_user_may_be_given_rights(tmp_path: Path) -> None:
    line = a_line("one", user="alice", role="user", namespaces=["a"], rights=["mounts"])
    assert TokenFile.load(a_file(tmp_path, line)).authenticate("one").rights == ("mounts",)


def test_the_credentials_of_a_node_are_known_by_their_hashes(tmp_path: Path) -> None:
    lines = [
        a_line("one"),
        *(a_line(token, user="n", role="node", node=token[:2]) for token in ("n1a", "n1b", "n2")),
    ]
    tokens = TokenFile.load(a_file(tmp_path, *lines))
    assert set(tokens.of_node("n1")) == {fingerprint("n1a"), fingerprint("n1b")}


@pytest.mark.fault(47)
@pytest.mark.parametrize("token", ["", "wrong", fingerprint("one"), "one "])
def test_anything_but_the_token_itself_is_unauthorized(tmp_path: Path, token: str) -> None:
    tokens = TokenFile.load(a_file(tmp_path, a_line("one")))
    with pytest.raises(errors.Unauthorized, match="bearer token"):
        tokens.authenticate(token)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "expected a JSON object"),
        (a_line(rol="admin"), 'unknown field "rol"'),
        (a_line(sha256="abc"), '"sha256"'),
        (a_line(user=""), '"user"'),
        (a_line(role="king"), '"role" must be one of admin, user'),
        (a_line(node=5), '"node" must be a name'),
        (a_line(namespaces="a"), '"namespaces" a list'),
        (a_line(role="node"), 'names its "node"'),
        (a_line(node="n1"), "and no other"),
        (a_line(role="user"), 'names its "namespaces"'),
        (a_line(role="user", namespaces=["a"], rights=["root"]), '"rights" must be a list of'),
        (a_line(rights=["mounts"]), 'only a credential of role "user"'),
        (a_line("first"), "already given to root"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path: Path, line: str, problem: str) -> None:
    path = a_file(tmp_path, a_line("first"), line)
    with pytest.raises(errors.ConfigError) as caught:
        TokenFile.load(path)
    assert f"{path}:2: " in caught.value.message
    assert problem in caught.value.message
    assert caught.value.hint


def test_a_missing_file_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"cannot read the token file .*nowhere"):
        TokenFile.load(tmp_path / "nowhere")
