"""The steps of `make up` on a machine that a test makes: with an apt and a docker of a few lines."""

import subprocess
from pathlib import Path

import pytest

from tests.manifests.machine import STEPS, Machine

FOR_ALL = ("python3", "etcd", "ssh-keygen", "ip", "iptables", "debootstrap", "dockerd")
SYSTEMD_RUNS = Path("/run/systemd/system").is_dir()
FOR_TESTS = ("etcdctl", "zsh", "fish", "tmux", "lxcfs", "faketime", "rsync", "ps", "chromium")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_docker_command_is_a_package_of_its_own_on_debian_13(machine: Machine) -> None:
    machine.has(*FOR_ALL)
    machine.has_apt({"docker.io": "dockerd", "docker-cli": "docker"})
    done = machine.runs("system-packages")
    assert (done.returncode, machine.installed) == (0, ["docker-cli"]), done.stderr


def test_the_docker_command_is_in_docker_io_on_debian_12(machine: Machine) -> None:
    machine.has(*FOR_ALL)
    machine.has_apt({"docker.io": "docker"})
    done = machine.runs("system-packages")
    assert (done.returncode, machine.installed) == (0, ["docker.io"]), done.stderr


def test_what_is_missing_still_is_refused_in_words(machine: Machine) -> None:
    machine.has(*FOR_ALL)
    machine.has_apt({"docker.io": "dockerd"})
    done = machine.runs("system-packages")
    assert done.returncode == 1
    assert "this machine still lacks what KohakuRiver needs" in done.stderr
    assert "missing: the docker command (not in: docker.io)" in done.stderr


def test_the_tests_need_ps(machine: Machine) -> None:
    machine.has(*FOR_ALL, *FOR_TESTS, "docker")
    machine.has("gcc", doing="cat >/dev/null")
    machine.has_apt({"procps": "ps"})
    assert "nothing is missing" in machine.runs("system-packages", "tests").stdout
    machine.lacks("ps")
    done = machine.runs("system-packages", "tests")
    assert (done.returncode, machine.installed) == (0, ["procps"]), done.stderr


def test_the_tests_need_a_browser(machine: Machine) -> None:
    machine.has(*FOR_ALL, *FOR_TESTS, "docker")
    machine.has("gcc", doing="cat >/dev/null")
    machine.has_apt({"chromium": "chromium"})
    machine.lacks("chromium")
    done = machine.runs("system-packages", "tests")
    wanted = [] if "ID=ubuntu\n" in Path("/etc/os-release").read_text() else ["chromium"]
    assert (done.returncode, machine.installed if wanted else []) == (0, wanted), done.stderr


def test_etcds_own_service_is_disabled_where_this_run_installed_it(machine: Machine) -> None:
    machine.has(*FOR_ALL, "docker")
    machine.lacks("etcd")
    machine.has("systemctl", doing='echo "systemctl $*" >>$said')
    machine.has_apt({"etcd-server": "etcd"})
    machine.has("apt-cache")  # it knows before: else the etcd of .venv would do
    done = machine.runs("system-packages")
    assert (done.returncode, machine.installed) == (0, ["etcd-server"]), done.stderr
    now = "--now " if SYSTEMD_RUNS else ""
    assert f"systemctl disable {now}etcd\n" in machine.said.read_text()


def policy_says(*arguments: str) -> int:
    script = f". {STEPS.parent}/install/install.sh; service_policy"
    policy = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    return subprocess.run(["sh", "-s", "--", *arguments], input=policy, text=True, check=False).returncode


@pytest.mark.parametrize("unit", ["etcd", "etcd.service"])
def test_etcds_own_service_is_not_started_under_either_name(unit: str) -> None:
    assert policy_says(unit, "start") == 101


def test_other_services_start_where_something_can_stop_them_again() -> None:
    assert policy_says("docker.service", "start") == (0 if SYSTEMD_RUNS else 101)


def with_a_package(machine: Machine, place: str) -> None:
    """An engine without the image, and a busybox-static with the program at that place."""
    machine.has("docker", doing='case $1 in version) ;; import) cat >$said.tar; touch $said.made ;; image)\n'
                '[ -e $said.made ] || exit 1; echo 1000 ;; esac')  # fmt: skip
    machine.has("cp", "rm", doing='PATH=/usr/bin:/bin exec "${0##*/}" "$@"')
    machine.has("apt-get", doing="touch busybox-static.deb")
    program = r"printf '#!/bin/sh\necho bin/sh\n'"
    machine.has("dpkg-deb", doing=f'mkdir -p "$3/{place}"; {program} >"$3/{place}/busybox"')


@pytest.mark.parametrize("place", ["bin", "usr/bin"])
def test_the_test_image_is_built_wherever_busybox_lies(machine: Machine, place: str) -> None:
    with_a_package(machine, place)
    done = machine.runs("busybox-image")
    assert done.returncode == 0, done.stderr
    assert "kohakuriver/busybox is built" in done.stdout


def test_a_package_without_busybox_is_refused_in_words(machine: Machine) -> None:
    with_a_package(machine, "opt")
    done = machine.runs("busybox-image")
    assert done.returncode == 1
    assert "the package busybox-static has no busybox in usr/bin or bin" in done.stderr
