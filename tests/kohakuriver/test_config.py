import json
import stat
import subprocess
import sys

import pytest
import yaml

from kohakuriver import errors
from kohakuriver.client import config

CONNECTION = config.Connection(server="https://127.0.0.1:6443", token="secret", ca=b"PEM")


def test_a_written_config_reads_back_and_is_for_its_owner_alone(tmp_path):
    file = tmp_path / "cluster" / "config"
    config.write(file, CONNECTION, cluster="home", user="admin")
    loaded = config.load(file)
    assert (loaded.server, loaded.token, loaded.ca) == ("https://127.0.0.1:6443", "secret", b"PEM")
    assert (loaded.namespace, loaded.context) == ("default", "home")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_missing_config_says_how_to_get_one(tmp_path):
    with pytest.raises(errors.ConfigError, match="no config file") as caught:
        config.load(tmp_path / "none")
    assert "kohakuriver up" in caught.value.hint


def test_an_unknown_context_names_those_there_are(tmp_path):
    config.write(tmp_path / "config", CONNECTION, cluster="home", user="admin")
    with pytest.raises(errors.ConfigError, match='has no context "work"') as caught:
        config.load(tmp_path / "config", context="work")
    assert "home" in caught.value.hint


@pytest.mark.parametrize("text", ["\t: [", "just words", "", "[]", "clusters: !!bool maybe"])
def test_what_is_no_config_is_refused_by_name(tmp_path, text):
    (tmp_path / "config").write_text(text)
    with pytest.raises(errors.ConfigError, match="config"):
        config.load(tmp_path / "config")


ENTRIES = {
    "clusters": [{"name": "c", "cluster": {"server": "https://a:6443"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "c",
}
SERVER = "https://a:6443"
WRONG = {
    "clusters are a word": {"clusters": "c"},
    "clusters are a number": {"clusters": 5},
    "clusters are a mapping": {"clusters": {"c": {}}},
    "a cluster is a word": {"clusters": ["c"]},
    "a cluster holds a word": {"clusters": [{"name": "c", "cluster": "x"}]},
    "a context holds a number": {"contexts": [{"name": "c", "context": 5}]},
    "a user holds a word": {"users": [{"name": "u", "user": "x"}]},
    "the namespace is a number": {
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": 5}}]
    },
    "the token is a mapping": {"users": [{"name": "u", "user": {"token": {"a": 1}}}]},
    "extensions are a word": {"clusters": [{"name": "c", "cluster": {"server": SERVER, "extensions": "x"}}]},
    "an extension is a word": {
        "clusters": [{"name": "c", "cluster": {"server": SERVER, "extensions": ["x"]}}]
    },
    "the authority is a number": {
        "clusters": [{"name": "c", "cluster": {"server": SERVER, "certificate-authority-data": 5}}]
    },
    "the authority is no certificate": {
        "clusters": [{"name": "c", "cluster": {"server": SERVER, "certificate-authority-data": "//79"}}]
    },
    "no host": {"clusters": [{"name": "c", "cluster": {"server": "http://"}}]},
    "no scheme": {"clusters": [{"name": "c", "cluster": {"server": "a:6443"}}]},
    "another scheme": {"clusters": [{"name": "c", "cluster": {"server": "ftp://a"}}]},
    "a port too high": {"clusters": [{"name": "c", "cluster": {"server": "https://a:99999"}}]},
    "a port of letters": {"clusters": [{"name": "c", "cluster": {"server": "https://a:abc"}}]},
    "half an address": {"clusters": [{"name": "c", "cluster": {"server": "https://[::1:1"}}]},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_a_config_is_told_with_its_file(tmp_path, wrong):
    (tmp_path / "config").write_text(json.dumps({**ENTRIES, **wrong}))
    with pytest.raises(errors.ConfigError, match="config"):
        config.load(tmp_path / "config").tls()


@pytest.mark.parametrize(
    "content",
    [b'{"a": "\xff"}', bytes(range(256)), json.dumps(ENTRIES).encode("utf-16"), b'{"a":' * 100_000],
    ids=["latin", "binary", "utf-16", "deep"],
)
def test_a_file_that_is_no_text_or_has_no_end_is_refused_by_name(tmp_path, content):
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(errors.ConfigError, match="config"):
        config.load(tmp_path / "config")


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_client_certificate_that_cannot_be_read_is_told_by_name(tmp_path, content):
    if content is not None:
        (tmp_path / "mine.pem").write_bytes(content)
    user = {"client-certificate": "mine.pem", "client-key": "mine.pem"}
    (tmp_path / "config").write_text(json.dumps({**ENTRIES, "users": [{"name": "u", "user": user}]}))
    with pytest.raises(errors.ConfigError, match=r"mine\.pem"):
        config.load(tmp_path / "config").tls()


def test_a_token_file_that_is_no_text_is_told_by_name(tmp_path):
    (tmp_path / "token").write_bytes(b"\xff")
    users = [{"name": "u", "user": {"tokenFile": "token"}}]
    (tmp_path / "config").write_text(json.dumps({**ENTRIES, "users": users}))
    with pytest.raises(errors.ConfigError, match="token"):
        config.load(tmp_path / "config")


def test_the_scheme_of_a_server_counts_in_capitals_too(tmp_path):
    """Without TLS the token would go out for everybody to read."""
    clusters = [{"name": "c", "cluster": {"server": "HTTPS://a:6443"}}]
    (tmp_path / "config").write_text(json.dumps({**ENTRIES, "clusters": clusters}))
    assert config.load(tmp_path / "config").tls() is not None


def test_the_environment_names_the_file_unless_an_option_does(tmp_path, monkeypatch):
    monkeypatch.setenv(config.VARIABLE, str(tmp_path / "here"))
    assert config.find() == tmp_path / "here"
    assert config.find(tmp_path / "there") == tmp_path / "there"


def test_further_servers_of_a_cluster_are_an_extension_that_kubectl_passes_over(tmp_path):
    made = config.Connection(server="https://a:6443", others=("https://b:6443",), token="secret")
    config.write(tmp_path / "config", made, cluster="home", user="admin")
    assert config.load(tmp_path / "config").others == ("https://b:6443",)


def test_an_extension_that_lists_no_servers_is_refused(tmp_path):
    made = config.Connection(server="https://a:6443", others=("https://b:6443",), token="secret")
    config.write(tmp_path / "config", made, cluster="home", user="admin")
    text = (tmp_path / "config").read_text().replace('"https://b:6443"', '{"b": "c"}')
    (tmp_path / "config").write_text(text)
    with pytest.raises(errors.ConfigError, match="not a list of URLs"):
        config.load(tmp_path / "config")


def test_what_is_written_is_read_alike_as_json_and_as_yaml_and_by_hand(tmp_path):
    file = tmp_path / "config"
    made = config.Connection(server="https://a:6443", others=("https://b:6443",), token="s: #é", ca=b"PEM")
    config.write(file, made, cluster="home", user="admin")
    loaded = config.load(file)
    assert yaml.safe_load(file.read_text()) == config.read(file)
    file.write_text(yaml.safe_dump(config.read(file)))
    assert config.load(file) == loaded
    file.write_text("{current-context: home, contexts: [], # by hand\n}")
    assert config.read(file) == {"current-context": "home", "contexts": []}


def test_what_json_cannot_say_is_kept_as_yaml(tmp_path):
    whole = {"contexts": [], "preferences": {"picture": b"\x00", "most": float("inf")}}
    (tmp_path / "config").write_text(config.render(whole))
    assert config.read(tmp_path / "config") == whole


def test_reading_what_was_written_imports_no_yaml(tmp_path):
    config.write(tmp_path / "config", CONNECTION, cluster="home", user="admin")
    asked = (
        "import sys; from kohakuriver.client import config; "
        "print(config.load(sys.argv[1]).context, 'yaml' in sys.modules)"
    )
    words = [sys.executable, "-c", asked, str(tmp_path / "config")]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "home False\n"
