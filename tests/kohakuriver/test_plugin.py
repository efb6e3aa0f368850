"""A config file that names a program which gives the token, as kubectl's does."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.client import config
from kohakuriver.client.plugin import VERSIONS

COUNTING = """\
import json, os, pathlib, sys
seen = pathlib.Path(sys.argv[1])
seen.write_text((seen.read_text() if seen.exists() else "") + os.environ["KUBERNETES_EXEC_INFO"] + chr(10))
print(json.dumps({"status": {"token": os.environ.get("GIVES", "secret"), **json.loads(sys.argv[2])}}))
"""


def a_file(folder: Path, **exec_: Any) -> Path:
    """A config file with such a user, and the program."""
    (folder / "gives.py").write_text(COUNTING)
    said = {"apiVersion": VERSIONS[0], "command": sys.executable, **exec_}
    whole = {
        "clusters": [{"name": "c", "cluster": {"server": "https://c:6443"}}],
        "users": [{"name": "u", "user": {"exec": said}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    (folder / "config").write_text(json.dumps(whole))
    return folder / "config"


def running(folder: Path, status: str = "{}") -> list[str]:
    return [str(folder / "gives.py"), str(folder / "seen"), status]


def test_a_program_is_run_when_a_token_is_needed_and_once_while_that_is_good(tmp_path: Path) -> None:
    found = config.load(
        a_file(
            tmp_path,
            args=running(tmp_path),
            env=[{"name": "GIVES", "value": "mine"}],
            provideClusterInfo=True,
        )
    )
    assert not (tmp_path / "seen").exists()
    assert [found.bearer(), found.bearer()] == ["mine", "mine"]
    (line,) = (tmp_path / "seen").read_text().splitlines()
    spec = json.loads(line)["spec"]
    assert spec == {"interactive": False, "cluster": {"server": "https://c:6443"}}


def test_a_token_that_is_over_is_asked_for_again(tmp_path: Path) -> None:
    over = json.dumps({"expirationTimestamp": "2020-01-01T00:00:00Z"})
    found = config.load(a_file(tmp_path, args=running(tmp_path, over)))
    assert [found.bearer(), found.bearer()] == ["secret", "secret"]
    assert len((tmp_path / "seen").read_text().splitlines()) == 2


def test_a_token_in_the_file_comes_before_a_program(tmp_path: Path) -> None:
    file = a_file(tmp_path, args=running(tmp_path))
    whole = json.loads(file.read_text())
    whole["users"][0]["user"]["token"] = "written"
    file.write_text(json.dumps(whole))
    assert config.load(file).bearer() == "written"


def test_a_login_that_is_kept_and_good_is_read_without_running_anything(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    words = ["login", "--credential", str(kept)]
    kept.write_text(json.dumps({"token": "kept", "ends": 4e9}))
    assert config.load(a_file(tmp_path, command="/nowhere/kohakuriver", args=words)).bearer() == "kept"
    for nearly in ({"token": "kept", "ends": 5}, {"token": "", "ends": 4e9}, {"token": "kept"}, []):
        kept.write_text(json.dumps(nearly))
        with pytest.raises(errors.ConfigError, match="cannot run /nowhere/kohakuriver"):
            config.load(a_file(tmp_path, command="/nowhere/kohakuriver", args=words)).bearer()
    kept.write_text("{")
    with pytest.raises(errors.ConfigError, match=r"cannot read .*kept\.json"):
        config.load(a_file(tmp_path, command="/nowhere/kohakuriver", args=words)).bearer()


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("import sys; sys.exit('it is closed')", "gave no token: it is closed"),
        ("import sys; sys.exit('error: you are out\\nhint: come in')", "^you are out$"),
        ("print('{}')", "is no ExecCredential"),
        ("print('[]')", "is no ExecCredential"),
        ('print(\'{"status": {"clientCertificateData": "x"}}\')', "gave no token, and client certificates"),
        ('print(\'{"status": {"token": "x", "expirationTimestamp": "soon"}}\')', "is no ExecCredential"),
    ],
)
def test_a_program_that_gives_no_token_is_told_in_a_sentence(tmp_path: Path, printed: str, told: str) -> None:
    with pytest.raises(errors.ConfigError, match=told):
        config.load(a_file(tmp_path, args=["-c", printed])).bearer()


@pytest.mark.parametrize(
    "wrong", [{"apiVersion": "v1"}, {"command": ""}, {"command": 7}, {"args": "x"}, {"env": [{"name": "x"}]}]
)
def test_an_entry_that_makes_no_sense_is_told_when_the_file_is_read(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(errors.ConfigError, match="exec"):
        config.load(a_file(tmp_path, **wrong))


def test_a_program_beside_the_config_file_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "give").write_text('#!/bin/sh\necho \'{"status": {"token": "beside"}}\'\n')
    (tmp_path / "give").chmod(0o755)
    assert config.load(a_file(tmp_path, command="./give")).bearer() == "beside"
