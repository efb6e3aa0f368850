"""`config …` on files as people have them."""

import pytest
import yaml

from kohakuriver.cli.main import run
from kohakuriver.client import config
from kohakuriver.client.config import Connection


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The file that counts: one cluster, written by `up`, and a part that we do not know."""
    path = tmp_path / "config"
    config.write(
        path,
        Connection("https://one:6443", token="secret-one", ca=b"PEM"),
        cluster="kohakuriver",
        user="admin",
    )
    body = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**body, "preferences": {"colors": True}}))
    monkeypatch.setenv(config.VARIABLE, str(path))
    return path


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other" / "config"
    config.write(
        path, Connection("https://two:6443", token="secret-two"), cluster="kohakuriver", user="alice"
    )
    return path


def typed(capsys, line: str) -> tuple[int, str, str]:
    code = run(line.split())
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_several_clusters_lie_in_one_file(file, other, capsys):
    assert typed(capsys, f"config add {other} --as prod") == (
        0,
        'context "prod" added\n',
        "it counts after: kohakuriver config use-context prod\n",
    )
    assert typed(capsys, "config get-contexts -o name")[1] == "kohakuriver\nprod\n"
    assert config.load(context="prod") == Connection(
        "https://two:6443", token="secret-two", namespace="default", context="prod"
    )
    assert config.load().token == "secret-one"
    assert typed(capsys, "config use-context prod")[1] == 'switched to context "prod"\n'
    assert config.load().token == "secret-two"
    assert typed(capsys, "config current-context")[1] == "prod\n"
    rows = typed(capsys, "config get-contexts")[1].splitlines()
    assert [row.split() for row in rows[1:]] == [
        ["kohakuriver", "kohakuriver", "admin", "default"],
        ["*", "prod", "prod", "prod", "default"],
    ]
    assert yaml.safe_load(file.read_text())["preferences"] == {"colors": True}
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_context_of_that_name_is_not_overwritten(file, other, capsys):
    code, _, err = typed(capsys, f"config add {other}")
    assert code == 1 and 'has a context "kohakuriver"' in err and "--as NAME" in err


def test_the_first_context_of_a_new_file_counts(tmp_path, other, monkeypatch, capsys):
    monkeypatch.setenv(config.VARIABLE, str(tmp_path / "new"))
    assert typed(capsys, f"config add {other} --as lab")[0] == 0
    assert config.load().context == "lab"


def test_secrets_are_shown_only_to_who_asks(file, capsys):
    _, out, _ = typed(capsys, "config view")
    assert "secret-one" not in out and "token: REDACTED" in out and "DATA+OMITTED" in out
    assert "secret-one" in typed(capsys, "config view --raw")[1]


def test_minify_shows_what_counts(file, other, capsys):
    typed(capsys, f"config add {other} --as prod --use")
    out = typed(capsys, "config view --minify --raw")[1]
    assert "https://two:6443" in out and "https://one:6443" not in out


def test_values_are_set_by_their_path(file, capsys):
    assert typed(capsys, "config set contexts.kohakuriver.namespace team") == (
        0,
        'property "contexts.kohakuriver.namespace" set\n',
        "",
    )
    assert config.load().namespace == "team"


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("config set current-context nope", 2, 'has no context "nope"'),
        ("config set contexts.nope.namespace a", 1, 'has no context "nope"'),
        ("config set colour red", 2, 'there is no property "colour"'),
        ("config set", 2, "a property and its value are needed"),
        ("config use-context", 2, "which context is meant?"),
        ("config use-context nope", 2, "hint: it has: kohakuriver"),
        ("config view --config /nowhere/x", 1, "there is no config file at /nowhere/x"),
        ("--config /nowhere/x config view", 1, "there is no config file at /nowhere/x"),
    ],
)
def test_what_cannot_be_is_told(file, capsys, line, code, message):
    found = typed(capsys, line)
    assert found[0] == code and message in found[2]
