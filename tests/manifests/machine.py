"""A machine that a test makes: one folder of programs of a few lines, and scripts that run on it."""

import shutil
import subprocess
from pathlib import Path

STEPS = Path(__file__).parents[2] / "manifests/development"
COREUTILS = (
    "bash", "basename", "cat", "chmod", "cut", "dirname", "env", "grep", "ln", "mkdir", "mktemp", "sed", "sh",
    "sort", "tail", "tar", "touch", "tr", "xargs",
)  # fmt: skip


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

    @property
    def path(self) -> str:
        return str(self._bin)

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
