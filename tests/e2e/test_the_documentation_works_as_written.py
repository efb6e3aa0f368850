"""Every command block of the documentation, typed as printed, page by page, against a real cluster.

What is in a ```bash block is run, in order, in a folder like a clone's, and so is what the README's
transcripts have behind a `$`. Blocks of other kinds (sh, yaml, console) are for other machines, or show what
is printed; what they hold is tried by other tests.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.e2e.conftest import BIN, PROJECT, Cluster, free_port, printed_ports, ssh_ports

GUIDE = sorted(str(page.relative_to(PROJECT)) for page in (PROJECT / "docs" / "guide").glob("*.md"))
PAGES = ["README.md", "docs/quick-start.md", "docs/command-line.md", *GUIDE]
CODES = {"kohakuriver diff": (0, 1)}
OWN = (
    "make ",
    "source ",
    "export ",
    "kohakuriver completion",
    "kohakuriver config",
    "kohakuriver --context prod",
    "ssh ",
    "docker rm",
)
"""Not for this cluster: `make up` and `make test` themselves, other shells, other clusters, ssh, which looks
for its settings past $HOME, and a container that has another name here. Other tests try them."""


def lines_of(page: str) -> list[str]:
    """The commands that a page prints to be typed."""
    text = (PROJECT / page).read_text()
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    if page == "README.md":
        blocks += re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    lines = [re.sub(r"\s+#.*$", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(OWN)]


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory, engine: object) -> Iterator[Cluster]:
    """A cluster with two simulated GPUs, `dev` in it, and somebody's key."""
    folder = tmp_path_factory.mktemp("documentation")
    gpus = [{"index": n, "uuid": f"GPU-docs-{n}", "model": "A100", "memory": "40Gi"} for n in (0, 1)]
    (folder / "gpus.json").write_text(json.dumps(gpus))
    (folder / ".ssh").mkdir(mode=0o700)
    key = folder / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    options = (
        "--ssh-port-range",
        ssh_ports(0),
        "--gpu-inventory",
        str(folder / "gpus.json"),
        "--cores",
        "16",
    )
    one = Cluster(folder, free_port(), options)
    one.up()
    try:
        yield one
    finally:
        one.down("--purge")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clone(living: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A folder with what the pages name, and `dev` as `make up` leaves it, with the person's key."""
    shutil.copytree(PROJECT / "manifests" / "examples", tmp_path / "manifests" / "examples")
    shutil.copy(PROJECT / "README.md", tmp_path)
    public = (living.folder / ".ssh" / "id_ed25519.pub").read_text().strip()
    manifest = tmp_path / "manifests" / "examples" / "dev.yaml"
    manifest.write_text(manifest.read_text().replace("authorizedKeys: []", f'authorizedKeys: ["{public}"]'))
    living.ok("apply", "-f", manifest)
    living.wait_running("dev")
    yield tmp_path
    living.ok("delete", "vps", "--all", timeout=180)
    for key in (living.folder / ".ssh").glob("kohakuriver_vps_*"):
        key.unlink()


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.folder = folder
        programs = folder / ".programs"
        programs.mkdir()
        ssh = programs / "ssh"  # which looks for keys in the home of the password file, not in HOME
        ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -i {cluster.folder}/.ssh/id_ed25519 "$@"\n')
        ssh.chmod(0o755)
        self.environment = cluster.environment(
            PATH=f"{programs}:{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", TERM="xterm-256color", SSH_AUTH_SOCK=""
        )

    def types(self, line: str) -> None:
        if ide := re.match(r"kohakuriver connect (\S+) --ide$", line):
            self._leaves(line, "\x11", shows=ide[1])
        elif re.match(r"kohakuriver connect ", line):
            self._leaves(line, "exit\r", shows="[#$] $")
        elif line.startswith("kohakuriver forward"):
            with printed_ports():
                self._leaves(line, "\x03", shows=" is at ", code=130)
        else:
            self._runs(line)

    def _runs(self, line: str) -> None:
        done = subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        allowed = next((codes for start, codes in CODES.items() if line.startswith(start)), (0,))
        assert done.returncode in allowed, (
            f"$ {line}\n{done.stdout}{done.stderr}\nended with {done.returncode}"
        )
        assert "Traceback" not in done.stderr, done.stderr

    def _leaves(self, line: str, keys: str, *, shows: str, code: int = 0) -> None:
        typed = pexpect.spawn(
            "/bin/bash",
            ["-c", f"exec {line}"],
            cwd=str(self.folder),
            env=self.environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(40, 120),
        )
        typed.expect(shows)
        typed.send(keys)
        typed.expect(pexpect.EOF)
        typed.close()
        assert typed.exitstatus == code, f"$ {line}\n{typed.before}\nended with {typed.exitstatus}"


@pytest.mark.parametrize("page", [page for page in PAGES if lines_of(page)])
def test_the_commands_of_a_page_work_as_printed(page: str, living: Cluster, clone: Path) -> None:
    reader = Reader(living, clone)
    for line in lines_of(page):
        reader.types(line)


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (PROJECT / "manifests/examples").glob("*.yaml"))
)
def test_an_example_manifest_runs(name: str, living: Cluster, clone: Path) -> None:
    file = clone / "manifests" / "examples" / name
    living.ok("apply", "-f", file)
    for word in re.findall(r"^  name: (\S+)", file.read_text(), re.MULTILINE):
        wanted = "stopped" if living.get(word)["spec"]["runState"] == "Stopped" else "running"
        living.ok("wait", f"vps/{word}", f"--for=jsonpath={{.status.phase}}={wanted}", "--timeout", "90s")
