"""The data directory: made once, kept, and removed by name."""

import dataclasses
import datetime
import hashlib
import json

import pytest
import yaml

from kohakuriver import certificates, errors
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.options import parse as parse_agents
from kohakuriver.agent.settings import Settings
from kohakuriver.apiserver.options import Options as ServerOptions
from kohakuriver.cli import failures
from kohakuriver.cli.local import cluster_files, cluster_options, flags, stack
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.client import config
from kohakuriver.options import declared
from kohakuriver.server_options import AUTHENTICATION_CONFIG, DEFAULT_QUOTA

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
URL = "https://127.0.0.1:6443"


@pytest.fixture
def files(tmp_path):
    one = ClusterFiles(tmp_path / "cluster")
    one.claim()
    cluster_options.save(one.options, Options(node="n1"))
    return one


def make(files, *, url=URL, hosts=("127.0.0.1",)):
    cluster_files.ensure_certificates(files, hosts, NOW)
    cluster_files.ensure_credentials(files, url=url, local_url=url, node="n1")


def everything(files):
    return {path.name: path.read_bytes() for path in files.root.rglob("*") if path.is_file()}


def test_what_is_made_once_is_kept(files):
    make(files)
    before = everything(files)
    make(files)
    assert everything(files) == before


def test_the_agent_is_told_of_an_accepted_engine_where_it_looks(files, tmp_path):
    files.accept_engine()
    journal = Journal(files.root / "agent")
    assert journal.engine_is_accepted()
    journal.use_acceptance_up()
    assert not journal.engine_is_accepted()
    new = ClusterFiles(tmp_path / "new")
    new.claim()
    new.accept_engine()
    new.claim()  # nothing is in it that would make it somebody else's


def test_secrets_are_for_their_owner_alone(files):
    make(files)
    for name in ("config", "agent.config", "controller.config", "tokens", "pki/ca.key", "pki/etcd.key"):
        assert (files.root / name).stat().st_mode & 0o777 == 0o600
    assert files.root.stat().st_mode & 0o777 == 0o700


def test_the_tokens_file_holds_the_hash_of_each_token(files):
    make(files)
    entries = {one["role"]: one for one in map(json.loads, files.tokens.read_text().splitlines())}
    for role, name in (("admin", "config"), ("controller", "controller.config"), ("node", "agent.config")):
        token = config.load(files.root / name).token
        assert entries[role]["sha256"] == hashlib.sha256(token.encode()).hexdigest()
        assert token not in files.tokens.read_text()
    assert entries["node"]["node"] == "n1"


def test_tokens_that_people_added_stay(files):
    make(files)
    mine = json.dumps({"sha256": "0" * 64, "user": "alice", "role": "user", "namespaces": ["a"]})
    files.tokens.write_text(files.tokens.read_text() + mine + "\n")
    (files.root / "controller.config").unlink()
    make(files)
    assert mine in files.tokens.read_text()
    assert len(files.tokens.read_text().splitlines()) == 5


def test_a_new_address_changes_the_config_file_and_nothing_else_in_it(files):
    make(files)
    whole = yaml.safe_load(files.config.read_text())
    whole["contexts"].append({"name": "other", "context": {"cluster": "other"}})
    whole["current-context"] = "other"
    files.config.write_text(yaml.safe_dump(whole))
    token = config.load(files.config, context="kohakuriver").token
    make(files, url="https://river:7443")
    after = config.load(files.config, context="kohakuriver")
    assert (after.server, after.token) == ("https://river:7443", token)
    assert config.read(files.config)["current-context"] == "other"


def test_a_new_host_gets_a_new_certificate_of_the_same_authority(files):
    make(files)
    authority = (files.pki / "ca.crt").read_bytes()
    make(files, hosts=("127.0.0.1", "river"))
    pair = certificates.load(files.pki, "apiserver")
    assert certificates.hosts_of(pair) == {"127.0.0.1", "river"}
    assert (files.pki / "ca.crt").read_bytes() == authority


def test_certificates_are_renewed_long_before_they_are_over(files):
    make(files)
    before = everything(files)
    cluster_files.ensure_certificates(files, ["127.0.0.1"], NOW + datetime.timedelta(days=2000))
    assert everything(files) == before
    late = NOW + datetime.timedelta(days=2500)
    ended = cluster_files.ensure_certificates(files, ["127.0.0.1"], late)
    assert ended == NOW + datetime.timedelta(days=3650), "the end of what others hold a copy of"
    for name in ("ca", "apiserver", "etcd-ca", "etcd"):
        pair = certificates.load(files.pki, name)
        assert certificates.days_left(pair.certificate, late) == 3650
    assert all(everything(files)[name] == before[name] for name in ("ca.key", "etcd-ca.key"))
    cluster_files.ensure_credentials(files, url=URL, local_url=URL, node="n1")
    for name in ("config", "agent.config", "controller.config"):
        assert config.load(files.root / name).ca == (files.pki / "ca.crt").read_bytes()


def test_a_certificate_that_is_over_in_less_than_a_year_is_named(files):
    make(files)
    assert cluster_files.running_out(files, NOW + datetime.timedelta(days=3200)) == ""
    found = cluster_files.running_out(files, NOW + datetime.timedelta(days=3300))
    assert found.endswith("pki/ca.crt is good until 2035-12-30")


def test_a_folder_with_other_peoples_files_is_not_taken(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(errors.ConfigError, match=r"is not the folder of a cluster: it holds thesis\.tex"):
        ClusterFiles(tmp_path).claim()


def test_removal_takes_what_is_ours_and_leaves_the_rest(files):
    make(files)
    (files.root / "notes.txt").write_text("")
    assert files.remove() == ["notes.txt"]
    assert [entry.name for entry in files.root.iterdir()] == ["notes.txt"]


def test_removal_takes_the_folder_too_when_nothing_else_is_in_it(files):
    make(files)
    (files.logs / "etcd.log").write_text("")
    assert files.remove() == []
    assert not files.root.exists()


def test_one_holds_the_lock_and_the_next_is_told(files):
    with files.locked() as mine, files.locked() as theirs:
        assert (mine, theirs) == (True, False)
    with files.locked() as again:
        assert again


def test_the_data_of_another_cluster_is_not_taken_for_ours(files):
    files.remember_cluster_id("one")
    files.remember_cluster_id("one")
    with pytest.raises(errors.ConfigError, match="was cluster one"):
        files.remember_cluster_id("two")


def test_which_etcd_wrote_the_data_is_known_as_long_as_there_are_data(files):
    assert files.etcd_version() == ""
    (files.root / "etcd").mkdir()
    lines = [f'{{"msg":"starting an etcd server","etcd-version":"{one}"}}\n' for one in ("3.5.1", "3.4.23")]
    files.log("etcd").write_text("".join(lines))
    assert files.etcd_version() == "3.5.1", "the older one was refused its data, and has logged that too"
    files.remember_etcd("3.6.0")
    assert files.etcd_version() == "3.6.0"
    (files.root / "etcd").rmdir()
    assert files.etcd_version() == ""


def test_options_that_were_kept_come_back_and_what_is_given_wins(files):
    cluster_options.save(files.options, Options(node="n1", port=7443, agent={"cores": "4"}))
    again = cluster_options.load(files.options).changed({"port": None, "cores": "8"})
    assert (again.port, again.agent["cores"]) == (7443, "8")
    assert again.agent_arguments() == ["--cores", "8"]


ALLOWING = {
    "reserve_memory": "2Gi",
    "cpu_overcommit": "1.5",
    "default_disk": "20Gi",
    "image_gc_high": "90%",
    "allow_mount": ["/data", "/scratch:ro"],
    "allow_privileged": True,
    "allow_capability": ["NET_RAW", "BPF"],
    "registry_credentials_for": "all",
    "gpu_inventory": "/gpus.json",
    "lxcfs": "off",
}


def test_what_vpses_may_have_of_the_machine_goes_on_to_the_agent(files):
    cluster_options.save(files.options, Options(node="n1", agent=ALLOWING))
    kept = cluster_options.load(files.options).changed({"allow_mount": None})
    room = "--reserve-memory 2Gi --cpu-overcommit 1.5 --default-disk 20Gi --image-gc-high 90%"
    told = f"{room} --allow-mount /data --allow-mount /scratch:ro --allow-privileged"
    told += " --allow-capability NET_RAW --allow-capability BPF --registry-credentials-for all"
    assert kept.agent_arguments() == [*told.split(), "--gpu-inventory", "/gpus.json", "--lxcfs", "off"]
    nothing = {"allow_mount": [], "allow_privileged": False, "allow_capability": [], "gpu_inventory": ""}
    nothing |= {"cpu_overcommit": "", "default_disk": "", "image_gc_high": "", "lxcfs": ""}
    taken_back = kept.changed({**nothing, "registry_credentials_for": "environments"})
    kept_words = ["--reserve-memory", "2Gi", "--registry-credentials-for", "environments"]
    assert taken_back.agent_arguments() == kept_words


def test_how_often_cores_are_given_is_a_ratio():
    assert [flags.kept({"cpu_overcommit": given}) for given in (None, "1", "1.50")] == [
        {},
        {"cpu_overcommit": "1"},
        {"cpu_overcommit": "1.5"},
    ]
    with pytest.raises(failures.UsageError, match='--cpu-overcommit: invalid ratio "0": use a number'):
        flags.kept({"cpu_overcommit": "0"})


def test_whose_images_get_the_machines_credentials_is_one_of_two_words():
    assert flags.kept({"registry_credentials_for": "all"}) == {"registry_credentials_for": "all"}
    refused = 'invalid --registry-credentials-for "none": use environments or all'
    with pytest.raises(failures.UsageError, match=refused):
        flags.kept({"registry_credentials_for": "none"})


def test_a_capability_to_allow_is_one_of_linux_and_off_takes_all_back():
    assert flags.kept({"allow_capability": ["NET_RAW", "BPF"]}) == {"allow_capability": ["NET_RAW", "BPF"]}
    assert flags.kept({"allow_capability": ["off"]}) == {"allow_capability": []}
    assert flags.kept({"allow_capability": None}) == {}
    with pytest.raises(failures.UsageError, match="did you mean NET_RAW"):
        flags.kept({"allow_capability": ["NET_RAV"]})


def test_paths_that_are_passed_on_hold_from_any_folder_and_gpus_can_be_taken_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"gpu_inventory": "gpus.json", "environments": "shared"}
    assert flags.kept(given) == {name: str(tmp_path / path) for name, path in given.items()}
    assert flags.kept({"gpu_inventory": "off"}) == {"gpu_inventory": ""}


def test_a_word_that_is_no_choice_is_refused_with_those_there_are():
    assert flags.kept({"lxcfs": "off"}) == {"lxcfs": "off"}
    with pytest.raises(failures.UsageError, match='invalid --lxcfs "never": use auto or off') as raised:
        flags.kept({"lxcfs": "never"})
    assert raised.value.hint == flags.HINT


def test_to_be_privileged_can_be_allowed_and_forbidden():
    assert flags.kept({"allow_privileged": False}) == {"allow_privileged": False}
    assert flags.kept({"allow_privileged": None}) == {}


def test_the_agent_takes_whatever_up_passes_on(files):
    agent = {
        "cores": "4",
        "memory": "8Gi",
        "reserve_cores": "500m",
        "image_gc_low": "70%",
        "environments": "/shared",
        "ssh_address": "off",
        "ssh_port_range": "30000-30099",
        "docker_host": "unix:///run/docker.sock",
    }
    options = Options(node="n1", agent={**ALLOWING, **agent})
    assert options.agent.keys() == set(cluster_options.AGENTS), "all that there are"
    found = parse_agents(["--node", "n1", *options.agent_arguments()])
    assert isinstance(found, Settings)
    usual = Settings(node="n1")
    assert [
        name for name, one in declared(Settings) if one.up and getattr(found, name) == getattr(usual, name)
    ] == []


def test_what_a_version_before_has_kept_is_still_known_and_nothing_else(files):
    files.options.write_text(
        json.dumps({"node": "n1", "port": 7443, "cores": "4", "memory": None, "new": "x"})
    )
    assert cluster_options.load(files.options) == Options(node="n1", port=7443, agent={"cores": "4"})
    cluster_options.save(files.options, Options(node="n1", agent={"cores": "4"}))
    assert json.loads(files.options.read_text())["cores"] == "4", "a version before finds it where it was"


def test_the_default_quota_goes_on_to_the_api_server_and_is_kept(files):
    cluster_options.save(files.options, Options(node="n1", default_quota="none"))
    kept = cluster_options.load(files.options).changed({"default_quota": None})
    command = stack.build(files, kept).programs[1].command
    assert command[-2:] == ["--default-quota", "none"]
    assert "--default-quota" not in stack.build(files, Options(node="n1")).programs[1].command


def test_a_prefix_to_mount_is_absolute_and_off_takes_all_back():
    assert flags.kept({"allow_mount": ["/data", "/b:ro"]}) == {"allow_mount": ["/data", "/b:ro"]}
    assert flags.kept({"allow_mount": ["off"]}) == {"allow_mount": []}
    assert flags.kept({"allow_mount": []}) == {}
    with pytest.raises(failures.UsageError, match='invalid path "data": use an absolute one'):
        flags.kept({"allow_mount": ["data"]})


def test_addresses_are_those_that_clients_can_use():
    everywhere = Options(node="n", listen="0.0.0.0", advertise="river.example.org")  # noqa: S104
    assert everywhere.local_url == "https://127.0.0.1:6443"
    assert everywhere.url == "https://river.example.org:6443"
    assert everywhere.listen_address == "0.0.0.0:6443"
    assert Options(node="n", listen="::1").url == "https://[::1]:6443"


def test_what_the_api_server_gets_of_up_is_declared_once():
    servers = {one.flag: one for _, one in declared(ServerOptions)}
    for one in (DEFAULT_QUOTA, AUTHENTICATION_CONFIG):
        assert servers[one.flag] == dataclasses.replace(
            one, group=servers[one.flag].group, read=servers[one.flag].read
        )
    assert {flag for flag, one in servers.items() if one.up} == {
        "--default-quota",
        "--authentication-config",
    }


def test_the_authentication_config_goes_on_to_the_api_server_in_full_and_can_be_taken_back(
    files, tmp_path, monkeypatch
):
    (tmp_path / "auth.yaml").touch()
    monkeypatch.chdir(tmp_path)
    given = flags.of_server(AUTHENTICATION_CONFIG, "auth.yaml")
    cluster_options.save(files.options, Options(node="n1", authentication_config=given))
    kept = cluster_options.load(files.options).changed({"authentication_config": None})
    command = stack.build(files, kept).programs[1].command
    assert command[-2:] == ["--authentication-config", str(tmp_path / "auth.yaml")]
    back = kept.changed({"authentication_config": flags.of_server(AUTHENTICATION_CONFIG, "none")})
    assert back == Options(node="n1")
    assert "--authentication-config" not in stack.build(files, back).programs[1].command
    assert flags.of_server(AUTHENTICATION_CONFIG, None) is None
    with pytest.raises(failures.UsageError, match="No such file"):
        flags.of_server(AUTHENTICATION_CONFIG, "none.yaml")
