"""Every command block of the documentation, typed as printed, on a cluster as `make up` makes it.

README, quick start and guide follow each other, and nothing is tidied up in between. What is in a ```bash
block is run, in order, in a folder like a clone's, and so is what the README's transcripts have behind a
`$`. Blocks of other kinds (sh, yaml, console) are for other machines, or show what is printed; what they hold
is tried by other tests. Packages of Debian and of Python come from their mirrors, as those of `make up` do.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.e2e import first_vps
from tests.e2e.conftest import BIN, PROJECT, Cluster, free_port, printed_ports, ssh_ports

GUIDE = sorted(str(page.relative_to(PROJECT)) for page in (PROJECT / "docs" / "guide").glob("*.md"))
PAGES = ["README.md", "docs/quick-start.md", *GUIDE, "docs/command-line.md"]
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
    """A cluster as `make up` leaves it, for somebody without a key of theirs; two simulated GPUs."""
    folder = tmp_path_factory.mktemp("documentation")
    gpus = [{"index": n, "uuid": f"GPU-docs-{n}", "model": "A100", "memory": "40Gi"} for n in (0, 1)]
    (folder / "gpus.json").write_text(json.dumps(gpus))
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
        first_vps.make(one)
        yield one
    finally:
        one.down("--purge")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what the pages name."""
    shutil.copytree(PROJECT / "manifests" / "examples", tmp_path / "manifests" / "examples")
    shutil.copy(PROJECT / "README.md", tmp_path)
    return tmp_path


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.folder = folder
        self.cluster = cluster
        self.environment = cluster.environment(
            PATH=f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", TERM="xterm-256color", SSH_AUTH_SOCK=""
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
        if made := re.match(r"kohakuriver vps create --name (notebook|db) ", line):
            self._trusts(made[1])

    def _trusts(self, vps: str) -> None:
        """As page 4 says: where something on the way signs TLS anew, this machine knows its certificate."""
        bundle = Path("/etc/ssl/certs/ca-certificates.crt")
        if bundle.is_file():
            self.cluster.ok("cp", bundle, f"{vps}:{bundle}")

    def _runs(self, line: str) -> None:
        done = subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
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


def test_the_pages_work_one_after_the_other(living: Cluster, clone: Path) -> None:
    reader = Reader(living, clone)
    for page in PAGES:
        for line in lines_of(page):
            try:
                reader.types(line)
            except (AssertionError, pexpect.ExceptionPexpect) as error:
                raise AssertionError(f"{page}: {line}") from error
    assert living.ok("get", "vps", "-o", "name").split() == ["vps/dev"], "what a page makes it takes away"


def test_what_make_up_proposes_is_the_next_step_of_the_quick_start(living: Cluster, clone: Path) -> None:
    said = first_vps.make(living)
    [proposed] = re.findall(r"^ +(kohakuriver .*?) +#", said, re.MULTILINE)
    assert proposed == lines_of("docs/quick-start.md")[0]
    assert "configured" not in said, "the second `make up` changes nothing"
    Reader(living, clone).types(proposed)


def test_the_next_make_up_leaves_dev_as_its_owner_has_it(living: Cluster) -> None:
    living.ok("patch", "vps", "dev", "-p", '{"spec": {"resources": {"memory": "640Mi"}}}')
    living.ok("vps", "stop", "dev")
    assert "vps/dev is stopped, as you left it" in first_vps.make(living)
    dev = living.get("dev")["spec"]
    assert (dev["runState"], dev["resources"]["memory"]) == ("Stopped", "640Mi")
    living.ok("patch", "vps", "dev", "-p", '{"spec": {"resources": {"memory": "512Mi"}}}')
    living.ok("vps", "start", "dev")


def test_every_way_in_works_on_dev_for_somebody_without_a_key(living: Cluster, clone: Path) -> None:
    reader = Reader(living, clone)
    assert not (living.folder / ".ssh" / "id_ed25519").exists()
    for line in (
        "kohakuriver connect dev",
        "kohakuriver connect dev --ide",
        "kohakuriver exec dev -- true",
        "kohakuriver forward dev :22",
        "kohakuriver cp README.md dev:/root/",
        "kohakuriver vps connect dev -- true",
        "kohakuriver ssh-config --install",
        f"ssh -F {living.folder}/.ssh/config -o BatchMode=yes dev.vps true",
    ):
        reader.types(line)
    [straight] = re.findall(r"^ +(ssh .*-p .*)$", living.ok("vps", "status", "dev"), re.MULTILINE)
    quiet = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    reader.types(straight.replace("ssh ", f"ssh {quiet} ", 1) + " true")


def test_the_example_neither_takes_devs_key_nor_changes_it(living: Cluster, clone: Path) -> None:
    keys = living.get("dev")["spec"]["ssh"]["authorizedKeys"]
    assert keys == [(living.folder / ".ssh" / "kohakuriver_vps_dev.pub").read_text().strip()]
    assert living.ok("apply", "-f", clone / "manifests/examples/dev.yaml") == "vps/dev unchanged\n"
    assert living.ok(
        "apply", "--server-side", "--force-conflicts", "-f", clone / "manifests/examples/dev.yaml"
    )
    assert living.get("dev")["spec"]["ssh"]["authorizedKeys"] == keys


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (PROJECT / "manifests/examples").glob("*.yaml"))
)
def test_an_example_manifest_runs(name: str, living: Cluster, clone: Path) -> None:
    file = clone / "manifests" / "examples" / name
    living.ok("apply", "-f", file)
    names = re.findall(r"^  name: (\S+)", file.read_text(), re.MULTILINE)
    for word in names:
        wanted = "stopped" if living.get(word)["spec"]["runState"] == "Stopped" else "running"
        living.ok("wait", f"vps/{word}", f"--for=jsonpath={{.status.phase}}={wanted}", "--timeout", "90s")
    if name != "dev.yaml":
        living.ok("vps", "delete", *names)
