"""Examples of `--help` that need programs of their own: a cluster on this machine, streams into a VPS.

tests/cli/test_examples.py tries all others; what it leaves out must be tried here.
"""

import contextlib
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pexpect
import pytest

from kohakuriver.cli.framework import application, catalogue
from tests.cli.test_examples import ELSEWHERE
from tests.e2e.conftest import BIN, Cluster, free_port, printed_ports, ssh_ports

HERE = ("local",)  # commands about clusters on this machine, not about what is in one
NOT_HERE = ("vps.adopt", "image", "image.build")
"""What only makes sense after something went wrong (tests/e2e/faults tries it), and what replaces the image
that other tests use just now (tests/cli/test_image.py tries it)."""
UNTIL_READY = {"up": "the cluster is ready", "forward": r"127\.0\.0\.1|\[::1\]", "logs": "said"}
"""What a command that goes on says first; then it gets Ctrl-C."""


def examples(*, of_clusters: bool) -> list[str]:
    entries = [one for one in catalogue.ENTRIES if one.module.startswith(ELSEWHERE)]
    entries += [
        one for group in catalogue.ENTRIES for one in group.commands if one.module.startswith(ELSEWHERE)
    ]
    found: list[str] = []
    for entry in entries:
        if entry.module.startswith(HERE) is of_clusters:
            if entry.module in NOT_HERE:
                continue
            text = application.examples(entry)
            found += [re.sub(r"\s+#.*$", "", line) for line in text.strip().splitlines() if line]
    return list(dict.fromkeys(found))  # the verbs of a group may share theirs


class Typist:
    """Somebody at a terminal."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def type(self, line: str) -> tuple[int, str]:
        """The exit code, and what the screen shows."""
        with printed_ports() if " forward " in line else contextlib.nullcontext():
            return self._type(line)

    def _type(self, line: str) -> tuple[int, str]:
        shell = pexpect.spawn(
            "/bin/bash",
            ["-c", line],
            cwd=str(self.folder),
            env=self._environment,
            encoding="utf-8",
            timeout=90,
            dimensions=(40, 120),
        )
        words = shlex.split(line)
        ready = next((text for verb, text in UNTIL_READY.items() if verb in words), "")
        if ready and "--detach" not in words and (words[1] != "logs" or "-f" in words):
            shell.expect(ready)
            shell.sendintr()
        elif words[1] == "connect" and "--ide" in words:
            shell.expect("etc|root|dev")
            shell.sendcontrol("q")
        elif (words[0] == "ssh" or "connect" in words[1:3]) and "nvidia-smi" not in words:
            shell.expect("[#$] ")
            shell.sendline("exit")
        shell.expect(pexpect.EOF)
        shell.close()
        code = shell.exitstatus if shell.exitstatus is not None else 128 + (shell.signalstatus or 0)
        return (0 if ready and code == 130 else code), str(shell.before)


@pytest.fixture(scope="module")
def typist(cluster: Cluster, engine: docker.APIClient) -> Iterator[Typist]:
    """In a folder with what the examples name, on a cluster with the VPS dev."""
    cluster.ok("vps", "create", "--name", "dev", "-c", "0.5", "-m", "256M", "--no-ssh-key")
    container = cluster.get("dev")["status"]["observed"]["container"]["id"]
    prepare = (
        "mkdir -p /var/log /root/results && echo said > /var/log/app.log && echo x > /root/results/1; "
        "printf '#!/bin/sh\\necho top' | tee /usr/bin/htop > /usr/bin/nvidia-smi; "
        "chmod +x /usr/bin/htop /usr/bin/nvidia-smi; echo said > /proc/1/fd/1"
    )
    made = engine.exec_create(container, ["/bin/sh", "-c", prepare])
    engine.exec_start(made["Id"])
    cluster.ok("vps", "snapshot", "dev", "--name", "dev-20261201-094500")
    folder, programs = cluster.folder / "work", cluster.folder / "bin"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a").write_text("a")
    (folder / "data.tar").write_bytes(b"data")
    keys = cluster.folder / ".ssh"
    keys.mkdir(mode=0o700)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / "custom_key")], check=True
    )
    programs.mkdir()
    quiet = f"-F none -o UserKnownHostsFile={cluster.folder}/known -o StrictHostKeyChecking=no"
    _script(programs / "ssh", f'exec /usr/bin/ssh {quiet} "$@"')
    path = f"{programs}:{BIN}:/usr/bin:/bin:/usr/sbin:/sbin"
    yield Typist(folder, cluster.environment(PATH=path, TERM="xterm-256color", BROWSER="true"))
    cluster.cli("vps", "delete", "dev")


def _script(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/bash\n{text}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("line", examples(of_clusters=False))
def test_an_example_about_a_vps_works(typist: Typist, line: str) -> None:
    code, shown = typist.type(line)
    assert code == 0, f"$ {line}\n{shown}\nended with {code}"
    assert "Traceback" not in shown


def test_examples_about_clusters_work(tmp_path: Path) -> None:
    environment = {"PATH": f"{BIN}:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(tmp_path), "TERM": "dumb"}
    typist, port, river = Typist(tmp_path, environment), free_port(), tmp_path / "river2"
    other = free_port()
    lines = [line.replace("/srv/river2", str(river)).replace("6444", str(other)) for line in _in_turn()]
    try:
        for line in lines:
            mine = f" --port {port} --ssh-port-range {ssh_ports(1)}"
            add = mine if line.startswith("kohakuriver up") and str(river) not in line else ""
            code, shown = typist.type(line + add)
            assert code == 0, f"$ {line}\n{shown}\nended with {code}"
    finally:
        for folder in (river, tmp_path / ".kohakuriver"):
            subprocess.run(
                [str(BIN / "kohakuriver"), "down", "--purge", "--data-dir", str(folder)],
                env=environment,
                check=False,
                capture_output=True,
            )


def _in_turn() -> list[str]:
    """Those of `up`, `backup`, `restore` and `down`, so that each finds what it speaks of."""
    lines = examples(of_clusters=True)
    wanted: list[tuple[str, Callable[[str], bool]]] = [
        ("up in front", lambda line: " up" in line and "--detach" not in line),
        ("up behind", lambda line: " up" in line and "--detach" in line),
        ("backup", lambda line: " backup " in line),
        ("a look at backups", lambda line: " restore " in line and "--check" in line),
        ("down", lambda line: " down" in line and "--purge" not in line),
        ("down for good", lambda line: " down" in line and "--purge" in line),
        ("restore", lambda line: " restore " in line and "--check" not in line and "--replace" not in line),
        ("restore anew", lambda line: " restore " in line and "--replace" in line),
    ]
    found = [line for _, fits in wanted for line in lines if fits(line)]
    assert sorted(found) == sorted(lines), "an example that nothing here tries"
    return found
