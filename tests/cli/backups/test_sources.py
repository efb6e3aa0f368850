"""Which files a backup has, and how etcd is reached."""

import pytest

from kohakuriver import errors, private_file
from kohakuriver.cli.local import cluster_options
from kohakuriver.cli.local.backups import sources
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options

ENVIRONMENT = "NAME=n1\nADDRESS=10.0.0.1\nETCD_ENDPOINTS=https://10.0.0.1:2379,https://10.0.0.2:2379\n"


@pytest.fixture
def folder(tmp_path):
    private_file.write(tmp_path / "cluster.env", ENVIRONMENT)
    for name in ("tokens", "server.key", "encryption-keys", "deeper/file"):
        private_file.write(tmp_path / name, name)
    return tmp_path


def options(folder, words):
    private_file.write(folder / "cluster.env", f"{ENVIRONMENT}APISERVER_OPTIONS={words}\n")


def test_the_settings_of_a_machine_are_all_files_of_its_folder(folder):
    found = sources.of_settings(folder, with_keys=True)
    assert set(found.files) == {"cluster.env", "tokens", "server.key", "encryption-keys", "deeper/file"}
    assert found.etcd[:4] == (
        "--etcd", "https://10.0.0.1:2379,https://10.0.0.2:2379", "--etcd-ca", f"{folder}/etcd-ca.crt",
    )  # fmt: skip
    assert any("authorities" in one for one in found.not_inside)
    assert found.keys == "none"


def test_keys_of_encryption_are_inside_or_left_out_as_asked(folder):
    options(folder, f"--encryption-keys {folder}/encryption-keys")
    assert sources.of_settings(folder, with_keys=True).keys == "included"
    without = sources.of_settings(folder, with_keys=False)
    assert (without.keys, "encryption-keys" in without.files) == ("left out", False)


def test_files_that_lie_elsewhere_are_told(folder, tmp_path_factory):
    keys = tmp_path_factory.mktemp("elsewhere") / "keys"
    keys.write_text("key1 …")
    options(folder, f"--encryption-keys={keys} --etcd-user river --etcd-prefix=/river --max-open 10")
    found = sources.of_settings(folder, with_keys=True)
    assert found.keys == "elsewhere"
    assert f"{keys}, which lies outside {folder}" in found.not_inside
    assert found.etcd[-3:] == ("--etcd-user", "river", "--etcd-prefix=/river")


def test_a_folder_that_is_none_of_settings_is_refused(tmp_path):
    with pytest.raises(errors.ConfigError, match=r"holds no cluster\.env"):
        sources.of_settings(tmp_path, with_keys=True)
    (tmp_path / "cluster.env").write_text("NAME=n1\n")
    with pytest.raises(errors.ConfigError, match="does not say ETCD_ENDPOINTS"):
        sources.of_settings(tmp_path, with_keys=True)


def test_what_is_no_setting_is_not_swallowed(folder):
    (folder / "dump").write_bytes(bytes(9 * 1024**2))
    with pytest.raises(errors.ConfigError, match="too large to be a setting"):
        sources.of_settings(folder, with_keys=True)


def test_a_cluster_that_does_not_run_is_told_how_to_start(tmp_path):
    files = ClusterFiles(tmp_path / "cluster")
    with pytest.raises(errors.ConfigError, match="holds no cluster"):
        sources.of_up(files)
    files.claim()
    cluster_options.save(files.options, Options(node="n1"))
    with pytest.raises(errors.ConfigError, match="nothing runs from") as told:
        sources.of_up(files)
    assert "kohakuriver up" in told.value.hint
