"""What a server does with its file when it starts."""

from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.apiserver import options, program
from kohakuriver.apiserver.identity.identity import Role, TokenFile, User
from kohakuriver.apiserver.oidc import configuration
from kohakuriver.clock import SystemClock

WORDS = ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--authentication-config"]


async def test_a_file_that_makes_no_sense_is_told_before_anything_is_served(tmp_path: Path) -> None:
    file, tokens = tmp_path / "auth.yaml", tmp_path / "tokens"
    tokens.touch()
    file.write_text(configuration.EXAMPLE + "  rolls: []\n")
    given = options.parse([*WORDS, str(file), "--token-file", str(tokens)])
    with pytest.raises(errors.ConfigError, match=r"auth\.yaml: jwt\[0\]\.rolls: the field is not known"):
        program.issuers_of(given, TokenFile.load(tokens), SystemClock())


def test_a_token_of_the_file_and_an_issuer_may_not_name_the_same_user(tmp_path: Path) -> None:
    file = tmp_path / "auth.yaml"
    file.write_text(configuration.EXAMPLE)
    given = options.parse([*WORDS, str(file)])
    with pytest.raises(errors.ConfigError, match='a user "sso:root"'):
        program.issuers_of(given, TokenFile({"0": User("sso:root", Role.ADMIN)}), SystemClock())
    assert program.issuers_of(given, TokenFile({}), SystemClock())
