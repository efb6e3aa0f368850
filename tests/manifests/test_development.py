"""The steps of `make up` on a machine that a test makes: with an apt and a docker of a few lines."""

import datetime
import shutil
import subprocess
from pathlib import Path

import pytest

STEPS = Path(__file__).parents[2] / "manifests/development"
COREUTILS = (
    "bash", "basename", "cat", "chmod", "cut", "dirname", "env", "grep", "ln", "mkdir", "mktemp", "sed", "sh",
    "sort", "tail", "tar", "touch", "tr", "xargs",
)  # fmt: skip
FOR_ALL = ("python3", "etcd", "ssh-keygen", "ip", "iptables", "debootstrap", "dockerd")
SYSTEMD_RUNS = Path("/run/systemd/system").is_dir()
FOR_TESTS = ("etcdctl", "zsh", "fish", "tmux", "faketime", "rsync", "ps")


class Machine:
    """One folder that is all of PATH, but for the folders of administrators, which the steps add."""

    def __init__(self, folder: Path) -> None:
        self._bin = folder / "bin"
        self._bin.mkdir()
        self.said = folder / "said"
        self.said.touch()
        for name in COREUTILS:
            found = shutil.which(name)
            assert found, f"this machine has no {name}"
            (self._bin / name).symlink_to(found)

    def has(self, *names: str, doing: str = "exit 0") -> None:
        """Programs that do this; `$said` is a file to write to, `$bin` where programs lie."""
        for name in names:
            file = self._bin / name
            file.unlink(missing_ok=True)
            file.write_text(f"#!/bin/sh\nsaid={self.said} bin={self._bin}\n{doing}\n")
            file.chmod(0o755)

    def lacks(self, name: str) -> None:
        (self._bin / name).unlink()

    def has_apt(self, packages: dict[str, str]) -> None:
        """root's machine, with an apt that has these packages, each with the program named, once it has read
        its lists."""
        self.has("id", doing="echo 0")
        self.has("cp", "rm")
        known = " ".join(packages)
        self.has(
            "apt-cache", doing=f'case " {known} " in *" $2 "*) grep -q update $said ;; *) exit 100 ;; esac'
        )
        made = "\n".join(
            f'[ "$name" != {package} ] || {{ echo "exit 1" >$bin/{program}; chmod 755 $bin/{program}; }}'
            for package, program in packages.items()
        )
        self.has("apt-get", doing=f'echo "$*" >>$said\nfor name in "$@"; do\n{made}\ndone')

    def runs(self, step: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [STEPS / step, *arguments],
            env={"PATH": str(self._bin), "DOCKER_HOST": "unix:///nowhere", "TMPDIR": str(self.said.parent)},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def installed(self) -> list[str]:
        """The words of the last `apt-get install` behind the options."""
        line = next(line for line in reversed(self.said.read_text().splitlines()) if " install " in line)
        return line.partition(" install ")[2].split()


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


@pytest.mark.parametrize("unit", ["etcd", "etcd.service"])
def test_etcds_own_service_is_not_started_under_either_name(unit: str) -> None:
    assert subprocess.run([STEPS / "policy-rc.d", unit, "start"], check=False).returncode == 101


def test_other_services_start_where_something_can_stop_them_again() -> None:
    started = 0 if SYSTEMD_RUNS else 101
    done = subprocess.run([STEPS / "policy-rc.d", "docker.service", "start"], check=False)
    assert done.returncode == started


@pytest.mark.parametrize(("days", "told"), [(0, False), (59, False), (61, True)])
def test_a_base_image_that_is_old_is_said_to_be(machine: Machine, days: int, told: bool) -> None:
    created = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days, hours=1)).isoformat()
    machine.has("docker", doing=f'case "$*" in *Created*) echo {created} ;; esac')
    machine.has("date", doing='exec /bin/date "$@"')
    done = machine.runs("base-image")
    assert done.returncode == 0, done.stderr
    assert f"is on the engine, {days} days old" in done.stdout
    assert ("base-image --renew" in done.stdout) == told


def test_an_image_without_a_date_is_no_trouble(machine: Machine) -> None:
    machine.has("docker", doing='case "$*" in *Created*) echo never ;; esac')
    machine.has("date", doing='exec /bin/date "$@"')
    done = machine.runs("base-image")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 days old" in done.stdout


def test_a_base_image_is_built_anew_when_that_is_asked_for(machine: Machine) -> None:
    machine.has("docker", "date", doing="exit 0")
    machine.has("id", doing="echo 1000")
    done = machine.runs("base-image", "--renew")
    assert done.returncode == 1 and "only root can build it" in done.stderr


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
