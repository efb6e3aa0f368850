"""A machine for install.sh: apt, python3, docker and systemctl are a few lines each, below a folder for /."""

import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "manifests/install"
COREUTILS = (
    "bash", "basename", "cat", "chmod", "cp", "cut", "dirname", "env", "flock", "grep", "head", "id", "ln",
    "ls", "mkdir", "mktemp", "mv", "readlink", "rm", "rmdir", "sed", "seq", "sh", "sha256sum", "sleep",
    "sort", "tail", "touch", "tr",
)  # fmt: skip
ALL = ("etcd", "ssh-keygen", "ip", "iptables", "debootstrap", "dockerd", "dpkg")
WHEEL = "kohakuriver-1.0-py3-none-any.whl"

# A Python whose venv has a pip that notes what it is asked, and unpacks no wheel but lays ours.
PYTHON = """
case "$*" in
    *version_info*) exit 0 ;;
    *ensurepip*) exit 0 ;;
    --version) echo Python 3.11.2 ;;
    "-m venv "*)
        echo "venv $3" >>$said
        mkdir -p $3/bin; touch $3/pyvenv.cfg; cp $bin/python3 $3/bin/python ;;
    *" install --no-deps "*)
        echo "$*" >>$said
        [ ! -e $root/no-wheel ] || exit 1
        there=$root/opt/kohakuriver/lib/python3.11/site-packages/kohakuriver/manifests
        mkdir -p $there; cp -r SCRIPTS $there/install
        cp $bin/program $root/opt/kohakuriver/bin/kohakuriver ;;
    *" install --require-hashes "*)
        echo "$*" >>$said
        [ ! -e $root/no-index ] || { echo "could not reach the index"; exit 1; } ;;
esac
""".replace("SCRIPTS", str(SCRIPTS))
PROGRAM = """
echo "kohakuriver $*" >>$said
case "$*" in "version --client") echo "Client: 1.0" ;; *purge*) rm -r $root/root/.kohakuriver ;; esac
"""


class Machine:
    """A folder with all that install.sh may see of a machine."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "machine"
        self.said = folder / "said"
        self.said.touch()
        self.dist = folder / "dist"
        self.dist.mkdir()
        self._bin = folder / "bin"
        self._bin.mkdir()
        for name in COREUTILS:
            found = shutil.which(name)
            assert found, f"this machine has no {name}"
            (self._bin / name).symlink_to(found)
        shutil.copy(SCRIPTS / "install.sh", self.dist)
        (self.dist / WHEEL).write_text("a wheel")
        (self.dist / "requirements.txt").write_text("a==1 --hash=sha256:00\n")
        (self.root / "root").mkdir(parents=True)
        self.has("id", doing='[ "$1" = -u ] && echo 0 || exec /usr/bin/id "$@"')
        self.has("uname", doing="echo x86_64")
        self.has("python3", doing=PYTHON)
        self.has("program", doing=PROGRAM)
        self.has("apt-cache", doing="exit 100")
        self.has("apt-get")
        self.has("docker", doing='echo "docker $*" >>$said')
        self.has(*ALL)

    def has(self, *names: str, doing: str = "exit 0") -> None:
        """Programs that do this; `$said` is a file to write to, `$root` stands in for /."""
        for name in names:
            file = self._bin / name
            file.unlink(missing_ok=True)
            file.write_text(f"#!/bin/sh\nsaid={self.said} bin={self._bin} root={self.root}\n{doing}\n")
            file.chmod(0o755)

    def lacks(self, *names: str) -> None:
        for name in names:
            (self._bin / name).unlink()

    def has_systemd(self) -> None:
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.has("systemctl", doing='echo "systemctl $*" >>$said')

    def has_apt(self, packages: dict[str, str]) -> None:
        """An apt that has these packages, each with the program named."""
        known = " ".join(packages)
        self.has("apt-cache", doing=f'case " {known} " in *" $2 "*) ;; *) exit 100 ;; esac')
        made = "\n".join(
            f'[ "$name" != {package} ] || {{ echo "exit 1" >$bin/{program}; chmod 755 $bin/{program}; }}'
            for package, program in packages.items()
        )
        seen = 'case "$*" in *install*) cp $root/usr/sbin/policy-rc.d $root/policy-seen ;; esac'
        self.has("apt-get", doing=f'echo "apt-get $*" >>$said\n{seen}\nfor name in "$@"; do\n{made}\ndone')

    def installs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.runs(self.dist / "install.sh", *arguments)

    def runs(
        self, script: Path | str, *arguments: str | Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        given = {"PATH": str(self._bin), "DESTDIR": str(self.root), "DOCKER_HOST": "unix:///nowhere"}
        return subprocess.run(
            [script, *arguments],
            env=given | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def did(self, start: str) -> list[str]:
        return [line for line in self.said.read_text().splitlines() if line.startswith(start)]

    def forget(self) -> None:
        self.said.write_text("")

    @property
    def installed(self) -> list[str]:
        """The words of the last `apt-get install` behind the options."""
        return self.did("apt-get")[-1].partition(" install ")[2].split()

    @property
    def files(self) -> set[str]:
        """All that is on the machine, but for folders that every system has."""
        return {str(one.relative_to(self.root)) for one in self.root.rglob("*") if not one.is_dir()}
