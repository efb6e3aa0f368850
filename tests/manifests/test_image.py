"""`manifests/image/build` on a machine that a test makes, whose apt, debootstrap and engine are a few lines.

That the image which real ones make can be lived in is tried by what the tests of Docker and e2e run in it.
"""

import datetime
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.manifests.machine import Machine

IMAGE = Path(__file__).parents[2] / "manifests/image"
BUILD = str(IMAGE / "build")
ENGINE = """
case "$*" in
    version*) echo amd64 ;;
    import*) cat >/dev/null; touch $said.made; echo "docker $*" >>$said ;;
    "image inspect"*)
        [ -e $said.made ] || exit 1
        case "$*" in
            *Labels*) [ ! -e $said.codename ] || cat $said.codename ;;
            *Created*) [ ! -e $said.created ] || cat $said.created ;;
            *Size*) echo 200000000 ;;
        esac ;;
esac
"""
DEBOOTSTRAP = """
echo "debootstrap $*" >>$said
for root; do case $root in */root) break ;; esac; done
mkdir -p $root/etc/apt $root/tmp $root/usr/sbin $root/proc
"""
CHROOT = """
case "$*" in *"apt-get -q update"*) sed 's/^/source /' $1/etc/apt/sources.list >>$said ;; esac
echo "chroot $*" >>$said
"""
BOOKWORM = """
Debian|Debian|main|http://mirror.example/debian/
Debian|Debian-Security|main|http://mirror.example/security/
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """root's, with what building takes; its apt knows no source of Debian's."""
    made = Machine(tmp_path)
    made.has("docker", doing=ENGINE)
    made.has("debootstrap", doing=DEBOOTSTRAP)
    made.has("chroot", doing=CHROOT)
    made.has("unshare", doing='while [ "$1" != bash ]; do shift; done; exec "$@"')
    made.has("id", doing="echo 0")
    made.has("uname", doing="echo x86_64")
    made.has("mount", "umount", "flock")
    made.has("awk", "cp", "date", "paste", "rm", "seq", doing='PATH=/usr/bin:/bin exec "${0##*/}" "$@"')
    made.has("apt-config")
    apt(made, "")
    return made


def apt(machine: Machine, sources: str) -> None:
    """An apt with these sources: ORIGIN|LABEL|COMPONENT|URI."""
    lines = "\n".join(line.replace("|", " ") for line in sources.split("\n") if line)
    machine.has("apt-get", doing=f"[ $1 != indextargets ] || cat <<'END'\n{lines}\nEND")


def has_image(machine: Machine, *, days: int = 0, codename: str = "trixie") -> None:
    created = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days, hours=1)
    beside = machine.said.parent
    (beside / "said.made").touch()
    (beside / "said.created").write_text(created.isoformat())
    (beside / "said.codename").write_text(codename)


def said(machine: Machine, word: str) -> list[str]:
    lines = machine.said.read_text().splitlines()
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


def built(machine: Machine, *options: str) -> subprocess.CompletedProcess[str]:
    done = machine.runs(BUILD, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_an_image_is_built_and_called_what_it_is(machine: Machine) -> None:
    assert "kohakuriver/debian-ssh is built, Debian trixie, 200 MB" in built(machine).stdout
    (made,) = said(machine, "docker")
    assert "io.kohakuriver.debian=trixie" in made and made.endswith("- kohakuriver/debian-ssh")
    assert list(machine.said.parent.glob("*.log")) == [], "the log of what went well is not left behind"


@pytest.mark.parametrize("codename", ["bookworm", "trixie"])
def test_every_image_has_sources_of_updates_and_of_security_updates(machine: Machine, codename: str) -> None:
    built(machine, "--codename", codename)
    assert said(machine, "source") == [
        f"deb http://deb.debian.org/debian {codename} main",
        f"deb http://deb.debian.org/debian {codename}-updates main",
        f"deb http://deb.debian.org/debian-security {codename}-security main",
    ]
    (update,) = [line for line in said(machine, "chroot") if "apt-get -q update" in line]
    assert "Error-Mode=any" in update and "apt-get -q -y upgrade" in update


@pytest.mark.parametrize("codename", ["bookworm", "trixie"])
def test_mirrors_of_this_machine_are_asked_for_whichever_release(machine: Machine, codename: str) -> None:
    apt(machine, BOOKWORM)
    built(machine, "--codename", codename)
    assert said(machine, "source") == [
        f"deb http://mirror.example/debian/ {codename} main",
        f"deb http://mirror.example/debian/ {codename}-updates main",
        f"deb http://mirror.example/security/ {codename}-security main",
    ]
    (call,) = said(machine, "debootstrap")
    assert call.split()[-1] == "http://mirror.example/debian/" and "--force-check-gpg" in call


@pytest.mark.parametrize(
    "source",
    [
        "Ubuntu|Ubuntu|main|http://mirror.example/ubuntu/",
        "Debian|Debian|main|http://me:secret@mirror.example/debian/",
        "Debian|Debian|main|http://snapshot.debian.org/archive/debian/20250520T000000Z/",
        "Debian|Debian|main|http://archive.debian.org/debian/",
        "Debian|Debian|main|file:/srv/debian/",
        "Debian|Debian|contrib|http://mirror.example/debian/",
    ],
)
def test_what_is_no_mirror_of_debian_that_everybody_may_know_is_not_taken(
    machine: Machine, source: str
) -> None:
    apt(machine, source)
    built(machine)
    assert said(machine, "source")[0] == "deb http://deb.debian.org/debian trixie main"


def test_it_has_the_packages_of_the_list(machine: Machine) -> None:
    built(machine)
    (call,) = said(machine, "debootstrap")
    (included,) = re.findall(r"--include=(\S+)", call)
    assert included.split(",") == packages()


def packages() -> list[str]:
    return (IMAGE / "packages").read_text().split()


def test_the_dockerfile_makes_the_same_image() -> None:
    """Its packages and settings are the same two files; what is said twice is said alike."""
    dockerfile, build = (IMAGE / "Dockerfile").read_text(), (IMAGE / "build").read_text()
    assert "COPY packages configure /usr/share/kohakuriver/" in dockerfile
    assert "xargs -a /usr/share/kohakuriver/packages" in dockerfile
    assert "sh /usr/share/kohakuriver/configure" in dockerfile
    assert not [name for name in packages() if re.search(rf"\b{name}\b", dockerfile)]
    (newest,) = re.findall(r"^NEWEST=(\S+)", build, re.MULTILINE)
    assert f"ARG CODENAME={newest}\nFROM debian:${{CODENAME}}-slim" in dockerfile
    for setting in ("LANG=C.UTF-8", "WORKDIR /root", "EXPOSE 22/tcp", 'CMD ["/bin/bash"]',
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "org.opencontainers.image.title=", "io.kohakuriver.debian="):  # fmt: skip
        assert setting in dockerfile and setting in build, setting


@pytest.mark.parametrize(("days", "told"), [(0, False), (59, False), (61, True)])
def test_an_image_that_is_old_is_said_to_be(machine: Machine, days: int, told: bool) -> None:
    has_image(machine, days=days)
    done = built(machine)
    assert f"is on the engine, {days} days old" in done.stdout
    assert ("kohakuriver image build --renew" in done.stdout) == told
    assert said(machine, "debootstrap") == []


def test_an_image_without_a_date_is_no_trouble(machine: Machine) -> None:
    has_image(machine)
    (machine.said.parent / "said.created").write_text("never")
    done = built(machine)
    assert "0 days old" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("options", [("--renew",), ("--codename", "bookworm")])
def test_an_image_is_built_anew_when_that_or_another_release_is_asked_for(
    machine: Machine, options: tuple[str, ...]
) -> None:
    has_image(machine)
    assert "is built" in built(machine, *options).stdout


def test_an_image_of_the_release_that_is_asked_for_is_left_as_it_is(machine: Machine) -> None:
    has_image(machine, codename="bookworm")
    assert "is on the engine" in built(machine, "--codename", "bookworm").stdout
    assert "is on the engine" in built(machine).stdout


def refused(machine: Machine, *options: str) -> str:
    done = machine.runs(BUILD, *options)
    assert (done.returncode, said(machine, "docker")) == (1, []), done.stdout
    return done.stderr


def test_who_is_not_root_is_told_how_to_be(machine: Machine) -> None:
    machine.has("id", doing="echo 1000")
    words = refused(machine, "--renew")
    assert "only root can build it" in words and "sudo kohakuriver image build" in words


def test_a_machine_without_an_engine_is_told(machine: Machine) -> None:
    machine.has("docker", doing="exit 1")
    words = refused(machine)
    assert "no Docker engine answers on unix:///nowhere" in words and "--docker-host SOCKET" in words


def test_an_engine_of_another_architecture_is_told(machine: Machine) -> None:
    machine.has("uname", doing="echo aarch64")
    assert "of another architecture: amd64, this machine is arm64" in refused(machine)


def test_a_machine_of_an_architecture_that_nobody_has_tried_is_told(machine: Machine) -> None:
    machine.has("uname", doing="echo riscv64")
    assert "is built on amd64 and arm64, and this machine is riscv64" in refused(machine)


@pytest.mark.parametrize("codename", ["", "Trixie", "13", "trixie main", "nope"])
def test_what_is_no_codename_is_told(machine: Machine, codename: str) -> None:
    assert f'invalid release of Debian "{codename}"' in refused(machine, "--codename", codename)


def test_what_it_does_not_know_is_refused(machine: Machine) -> None:
    assert '"--help-me" is not an option' in refused(machine, "--help-me")


@pytest.mark.parametrize("program", ["debootstrap", "chroot"])
def test_a_failure_names_the_log_and_shows_its_end(machine: Machine, program: str) -> None:
    machine.has(program, doing="echo it broke >&2; exit 1")
    if program == "chroot":
        machine.has("debootstrap", doing=DEBOOTSTRAP)
    words = refused(machine)
    (log,) = machine.said.parent.glob("kohakuriver-image.*.log")
    assert str(log) in words and "| it broke" in words and "it broke" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide a program of this machine")
def test_a_machine_without_debootstrap_is_told(machine: Machine) -> None:
    machine.lacks("debootstrap")
    hide = "for folder in /usr/sbin /usr/local/sbin; do mount -t tmpfs tmpfs $folder; done"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{hide}; PATH=$1 exec "$2"', "sh", machine.path, BUILD],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "there is no debootstrap" in done.stderr and "apt-get install debootstrap" in done.stderr
