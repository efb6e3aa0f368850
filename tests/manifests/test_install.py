"""install.sh and uninstall.sh: what they do on a machine that a test makes, and what they refuse."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.manifests.install_kit import SCRIPTS, WHEEL, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_machine_with_nothing_becomes_a_cluster(machine: Machine) -> None:
    machine.has_systemd()
    done = machine.installs()
    assert done.returncode == 0, done.stderr
    [packages, wheel] = machine.did("-I -m pip")
    assert "--require-hashes -r" in packages
    assert wheel.endswith(
        f"--no-deps --no-index --force-reinstall {machine.root}/opt/kohakuriver/dist.new/{WHEEL}"
    )
    assert machine.did("kohakuriver up") == ["kohakuriver up --install-service"]
    assert (
        machine.root / "usr/local/bin/kohakuriver"
    ).readlink() == machine.root / "opt/kohakuriver/bin/kohakuriver"
    assert "--uninstall" in done.stdout.splitlines()[-1]


def test_without_systemd_the_cluster_runs_in_the_background(machine: Machine) -> None:
    done = machine.installs()
    assert done.returncode == 0, done.stderr
    assert machine.did("kohakuriver up") == ["kohakuriver up --detach"]


def test_what_is_missing_comes_from_apt_and_etcds_own_service_does_not_start(machine: Machine) -> None:
    machine.has_systemd()
    machine.lacks("etcd", "docker", "dockerd", "iptables")
    machine.has_apt(
        {"etcd-server": "etcd", "docker.io": "dockerd", "docker-cli": "docker", "iptables": "iptables"}
    )
    done = machine.installs("--no-up")
    assert done.returncode == 0, done.stderr
    assert machine.installed == ["docker-cli", "docker.io", "etcd-server", "iptables"]
    assert machine.did("systemctl") == ["systemctl disable --now etcd"]
    for unit in ("etcd", "etcd.service"):
        asked = subprocess.run(["sh", machine.root / "policy-seen", unit, "start"], check=False)
        assert asked.returncode == 101
    assert not (machine.root / "usr/sbin/policy-rc.d").exists()


def test_without_systemctl_debians_own_helper_disables_etcd(machine: Machine) -> None:
    machine.lacks("etcd")
    machine.has("deb-systemd-helper", doing='echo "helper $*" >>$said')
    machine.has_apt({"etcd-server": "etcd"})
    done = machine.installs("--no-up")
    assert done.returncode == 0, done.stderr
    assert machine.did("helper") == ["helper disable etcd.service"]


def test_an_etcd_and_an_engine_that_are_there_are_used_as_they_are(machine: Machine) -> None:
    machine.has_systemd()
    machine.lacks("dockerd")  # the engine answers, wherever it comes from
    done = machine.installs("--no-up")
    assert done.returncode == 0, done.stderr
    assert "nothing is missing" in done.stdout
    assert machine.did("apt-get") == machine.did("systemctl") == []


def test_a_node_needs_no_etcd(machine: Machine) -> None:
    machine.has_systemd()
    machine.lacks("etcd")
    done = machine.installs("--agent", "--", "--join", "https://there:6443", "--node", "n 2")
    assert done.returncode == 0, done.stderr
    assert machine.did("apt-get") == []
    assert machine.did("kohakuriver agent") == [
        "kohakuriver agent --join https://there:6443 --node n 2 --install-service"
    ]


def test_a_node_without_systemd_joins_too_and_no_token_is_shown(machine: Machine) -> None:
    done = machine.installs("--agent", "--", "--token", "s3cret")
    assert done.returncode == 0, done.stderr
    assert machine.did("kohakuriver agent") == ["kohakuriver agent --token s3cret --install-service"]
    assert "s3cret" not in done.stdout + done.stderr


def test_what_is_missing_still_is_refused_in_words(machine: Machine) -> None:
    machine.lacks("docker", "dockerd")
    machine.has_apt({"docker.io": "dockerd"})
    done = machine.installs()
    assert done.returncode == 1
    assert "missing: the docker command (not in: docker.io)" in done.stderr
    assert machine.did("venv") == []


def test_the_second_time_nothing_is_done_again(machine: Machine) -> None:
    assert machine.installs().returncode == 0
    machine.forget()
    done = machine.installs()
    assert done.returncode == 0, done.stderr
    assert machine.did("-I -m pip") == machine.did("venv") == []
    assert "is up to date" in done.stdout


def test_another_wheel_is_an_upgrade_in_place(machine: Machine) -> None:
    assert machine.installs().returncode == 0
    machine.forget()
    (machine.dist / WHEEL).write_text("a newer wheel")
    done = machine.installs()
    assert done.returncode == 0, done.stderr
    assert len(machine.did("-I -m pip")) == 2
    assert machine.did("venv") == []
    assert "runs on with what it was started with" in done.stdout


@pytest.mark.parametrize("trouble", ["no-index", "no-wheel"])
def test_an_interrupted_run_is_completed_by_running_it_again(machine: Machine, trouble: str) -> None:
    (machine.root / trouble).touch()
    done = machine.installs()
    assert done.returncode == 1 and "pip could not install" in done.stderr
    assert machine.did("kohakuriver up") == []
    (machine.root / trouble).unlink()
    done = machine.installs()
    assert done.returncode == 0, done.stderr
    assert machine.did("kohakuriver up") == ["kohakuriver up --detach"]


def test_a_wheel_with_another_hash_is_not_installed(machine: Machine) -> None:
    done = machine.installs("--sha256", "0" * 64)
    assert done.returncode == 1
    assert f"{WHEEL} is not the file that was meant" in done.stderr
    assert machine.did("-I -m pip") == machine.did("venv") == []


def test_a_wheel_with_the_hash_is_installed(machine: Machine) -> None:
    meant = hashlib.sha256(b"a wheel").hexdigest().upper()
    assert machine.installs("--sha256", meant, "--no-up").returncode == 0
    assert machine.did("kohakuriver up") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nope"], "unknown option: --nope"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--sha256", "abc"], "--sha256 takes 64 hexadecimal digits"),
        (["--sha256"], "--sha256 needs the hash"),
        (["--", "--join"], "what stands behind -- is for --agent"),
        (["--uninstall", "--agent"], "--uninstall goes with --purge alone"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(machine: Machine, arguments, said) -> None:
    done = machine.installs(*arguments)
    assert done.returncode == 2 and said in done.stderr
    assert "install.sh --uninstall [--purge]" in done.stderr
    assert not (machine.root / "opt").exists()


@pytest.mark.parametrize(
    ("name", "doing", "said"),
    [
        ("id", "echo 1000", "only root may install KohakuRiver"),
        ("uname", "echo riscv64", "built for x86_64 and aarch64, and this machine is riscv64"),
        ("python3", "[ $1 = --version ] && echo Python 3.9.2", "and this machine has Python 3.9.2"),
    ],
)  # fmt: skip
def test_a_machine_that_will_not_do_is_refused_before_anything_is_done(
    machine: Machine, name, doing, said
) -> None:
    machine.has(name, doing=doing)
    done = machine.installs()
    assert done.returncode == 1 and said in done.stderr
    assert not (machine.root / "opt").exists()


def test_a_system_without_apt_is_told_how_it_goes_by_hand(machine: Machine) -> None:
    machine.lacks("apt-get")
    done = machine.installs()
    assert done.returncode == 1
    assert "there is none on this machine" in done.stderr and "pip" in done.stderr


def test_two_wheels_are_a_question(machine: Machine) -> None:
    (machine.dist / "kohakuriver-2.0-py3-none-any.whl").touch()
    done = machine.installs()
    assert done.returncode == 1 and "there are 2 of kohakuriver-*.whl" in done.stderr


def test_a_folder_and_a_program_of_somebody_else_stay(machine: Machine) -> None:
    (machine.root / "opt/kohakuriver").mkdir(parents=True)
    (machine.root / "opt/kohakuriver/mine").touch()
    done = machine.installs()
    assert done.returncode == 1 and "holds something else than KohakuRiver" in done.stderr
    assert (machine.root / "opt/kohakuriver/mine").exists()


def test_a_program_of_that_name_is_not_replaced(machine: Machine) -> None:
    (machine.root / "usr/local/bin").mkdir(parents=True)
    (machine.root / "usr/local/bin/kohakuriver").write_text("another")
    done = machine.installs()
    assert done.returncode == 1 and "is another program" in done.stderr
    assert (machine.root / "usr/local/bin/kohakuriver").read_text() == "another"


def test_without_an_engine_and_systemd_the_next_step_is_told(machine: Machine) -> None:
    machine.has("docker", doing="exit 1")
    done = machine.installs()
    assert done.returncode == 1
    assert "no Docker engine answers on unix:///nowhere, and no systemd runs here" in done.stderr


def test_the_default_image_is_built_where_it_is_not(machine: Machine) -> None:
    machine.has("docker", doing='[ "$1" != image ]')
    assert machine.installs("--no-image").returncode == 0
    assert machine.did("kohakuriver image") == []
    assert machine.installs().returncode == 0
    assert machine.did("kohakuriver image") == ["kohakuriver image build"]


def a_cluster(machine: Machine) -> None:
    machine.has_systemd()
    assert machine.installs().returncode == 0
    (machine.root / "root/.kohakuriver").mkdir()
    (machine.root / "root/.kohakuriver/options.json").touch()
    state = machine.root / "root/.local/state/kohakuriver"
    state.mkdir(parents=True)
    (state / "clusters").touch()
    units = machine.root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "kohakuriver.service").write_text(
        "# Written by `kohakuriver up --install-service`\n"
        f"ExecStart={machine.root}/opt/kohakuriver/bin/python -m x\n"
    )
    (units / "kohakuriver-etcd.service").write_text("ExecStart=/usr/bin/etcd\n")
    machine.forget()


def test_after_uninstall_and_purge_nothing_is_left(machine: Machine) -> None:
    a_cluster(machine)
    done = machine.installs("--uninstall", "--purge")
    assert done.returncode == 0, done.stderr
    assert machine.did("kohakuriver") == ["kohakuriver down --purge"]
    assert "systemctl disable --now kohakuriver.service" in machine.did("systemctl")
    # Not ours: the unit of a cluster of several machines.
    assert machine.files == {"etc/systemd/system/kohakuriver-etcd.service"}
    assert not (machine.root / "opt/kohakuriver").exists()
    assert "Docker, the packages of apt and the images stay" in done.stdout


@pytest.mark.parametrize(
    "name", ["agent.service", "apiserver.service", "controller.service", "backup.service", "backup.timer"]
)
def test_a_unit_of_ours_that_somebody_copied_goes_too(machine: Machine, name: str) -> None:
    a_cluster(machine)
    copied = machine.root / f"etc/systemd/system/kohakuriver-{name}"
    text = (SCRIPTS.parent / "systemd" / copied.name).read_text()
    copied.write_text(text.replace("/opt/kohakuriver", f"{machine.root}/opt/kohakuriver"))
    done = machine.installs("--uninstall")
    assert done.returncode == 0 and not copied.exists(), done.stderr


def test_a_unit_that_somebody_else_wrote_stays_and_is_named(machine: Machine) -> None:
    a_cluster(machine)
    theirs = machine.root / "etc/systemd/system/kohakuriver-backup.service"
    theirs.write_text(
        f"[Service]\nExecStart={machine.root}/opt/kohakuriver/bin/kohakuriver get vps -o yaml\n"
    )
    done = machine.installs("--uninstall")
    assert done.returncode == 0, done.stderr
    assert theirs.exists() and f"{theirs} starts a program of" in done.stdout
    assert "systemctl disable --now kohakuriver-backup.service" not in machine.did("systemctl")


def test_uninstall_alone_keeps_the_cluster(machine: Machine) -> None:
    a_cluster(machine)
    installed = machine.root / "opt/kohakuriver/dist/install.sh"
    done = machine.runs(installed, "--uninstall")
    assert done.returncode == 0, done.stderr
    assert machine.did("kohakuriver") == ["kohakuriver down"]
    assert "root/.kohakuriver/options.json" in machine.files
    assert not (machine.root / "opt/kohakuriver").exists()
    assert f"{machine.root}/root/.kohakuriver and its VPSes" in done.stdout


def test_a_cluster_that_cannot_be_removed_keeps_what_removes_it(machine: Machine) -> None:
    a_cluster(machine)
    machine.has("program", doing="exit 1")
    shutil.copy(machine._bin / "program", machine.root / "opt/kohakuriver/bin/kohakuriver")
    done = machine.installs("--uninstall", "--purge")
    assert done.returncode == 1 and "nothing else was" in done.stderr
    assert (machine.root / "opt/kohakuriver/bin/kohakuriver").exists()


def test_uninstall_where_nothing_is_or_little(machine: Machine) -> None:
    for _ in range(2):
        assert machine.installs("--uninstall").returncode == 0
        (machine.root / "no-index").touch()
        assert machine.installs().returncode == 1
    done = machine.installs("--uninstall", "--purge")
    assert done.returncode == 0, done.stderr
    assert not (machine.root / "opt/kohakuriver").exists()


def test_what_removes_it_can_be_executed_whatever_brought_it(machine: Machine) -> None:
    (machine.dist / "install.sh").chmod(0o600)
    assert machine.runs("bash", machine.dist / "install.sh", "--no-up").returncode == 0
    assert machine.runs(machine.root / "opt/kohakuriver/dist/install.sh", "--uninstall").returncode == 0


def test_a_log_that_the_environment_names_is_not_ours(machine: Machine) -> None:
    theirs = machine.root / "log"
    theirs.write_text("theirs\n")
    for arguments in (["--no-up"], ["--uninstall"]):
        done = machine.runs(machine.dist / "install.sh", *arguments, LOG=str(theirs))
        assert done.returncode == 0, done.stderr
    assert theirs.read_text() == "theirs\n"


def test_nobody_else_can_hold_the_lock(machine: Machine) -> None:
    (machine.root / "run/lock").mkdir(parents=True)
    (machine.root / "run/lock/kohakuriver-install").symlink_to(machine.dist / WHEEL)
    assert machine.installs("--no-up").returncode == 0
    assert (machine.dist / WHEEL).read_text() == "a wheel"
    assert (machine.root / "run/kohakuriver-install").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("arguments", [["--no-up"], ["--uninstall"]])
def test_services_are_not_held_back_by_what_an_earlier_run_has_left(machine: Machine, arguments) -> None:
    assert machine.installs("--no-up").returncode == 0
    policy = machine.root / "usr/sbin/policy-rc.d"
    policy.parent.mkdir(parents=True)
    for text, stays in (("# Written by KohakuRiver's installation\n", False), ("# another\n", True)):
        policy.write_text(text)
        assert machine.installs(*arguments).returncode == 0
        assert policy.exists() == stays
