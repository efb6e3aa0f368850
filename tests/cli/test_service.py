"""The systemd unit, by its text: there is no systemd where tests run."""

import configparser
import sys

import pytest

from kohakuriver import errors
from kohakuriver.cli.local import service
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.service import Service


def read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_the_unit_brings_the_cluster_back_after_a_boot(tmp_path):
    unit = read(service.text(ClusterFiles(tmp_path)))
    assert unit["Service"]["ExecStart"] == f"{sys.executable} -P -m kohakuriver.cli up --data-dir {tmp_path}"
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["KillMode"] == "process"
    assert unit["Unit"]["After"].split() == ["network-online.target", "docker.service"]
    assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_a_path_that_a_unit_cannot_name_is_refused(tmp_path):
    with pytest.raises(errors.ConfigError, match="cannot name plainly"):
        service.text(ClusterFiles(tmp_path / "my data"))


def a_service(tmp_path, name, systemctl=None):
    return Service(ClusterFiles(tmp_path / name), folder=tmp_path / "system", systemctl=systemctl)


def test_without_systemd_the_unit_is_written_and_the_rest_is_told(tmp_path):
    wrote, rest = a_service(tmp_path, "mine").install()
    assert wrote == f"wrote {tmp_path}/system/kohakuriver.service"
    assert "systemctl enable --now kohakuriver.service" in rest


def test_with_systemd_it_is_enabled_and_started(tmp_path):
    done = []
    a_service(tmp_path, "mine", lambda *words: done.append(words)).install()
    assert done == [("daemon-reload",), ("enable", "--now", "kohakuriver.service")]


def test_a_cluster_that_runs_already_is_not_started_twice(tmp_path):
    done = []
    told = a_service(tmp_path, "mine", lambda *words: done.append(words)).install(running=True)
    assert done[-1] == ("enable", "kohakuriver.service")
    assert "kohakuriver down && systemctl start" in told[-1]


def as_an_earlier_version_wrote_it(service):
    service.unit.write_text(service.unit.read_text().replace("-m kohakuriver.cli ", "-m cli "))


def test_the_unit_of_an_earlier_version_is_told_and_written_anew(tmp_path):
    mine, other = a_service(tmp_path, "mine"), a_service(tmp_path, "other")
    assert mine.outdated() == ""
    mine.install()
    now = mine.unit.read_text()
    assert mine.outdated() == ""
    as_an_earlier_version_wrote_it(mine)
    assert "write it anew: kohakuriver up --install-service" in mine.outdated()
    assert other.outdated() == ""
    mine.install()
    assert mine.unit.read_text() == now


def test_installing_again_is_harmless_and_removal_takes_only_our_own(tmp_path):
    mine, other = a_service(tmp_path, "mine"), a_service(tmp_path, "other")
    mine.install()
    mine.install()
    with pytest.raises(errors.ConfigError, match="is of another cluster"):
        other.install()
    assert other.remove() is False
    assert mine.remove() is True
    assert not mine.unit.exists()
