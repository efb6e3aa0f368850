"""OpenSSH is the judge: what people do with ssh works on a VPS by its name, with no port of the node."""

import hashlib
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests.e2e.conftest import BIN, BUSYBOX, Cluster, eventually, free_port
from tests.e2e.ssh_kit import Ssh


@pytest.fixture(scope="module")
def ssh(cluster: Cluster) -> Ssh:
    """With a VPS `dev`."""
    made = Ssh(cluster)
    cluster.ok("vps", "create", "--name", "dev", "-c", "0.5", "-m", "256M", "--gen-ssh-key")
    made.serve_echo("dev")
    return made


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def asked(port: int, data: bytes) -> bytes:
    """What the echo answers there, whoever forwards it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as made:
        return conversation(made, data)


def conversation(made: socket.socket, data: bytes) -> bytes:
    made.sendall(data)
    made.shutdown(socket.SHUT_WR)
    got = b""
    while part := made.recv(65536):
        got += part
    return got


def through_socks(port: int, data: bytes) -> bytes:
    """The same over SOCKS 5 (RFC 1928), to port 8000 of the VPS's own loopback."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as made:
        made.sendall(b"\x05\x01\x00")
        assert made.recv(2) == b"\x05\x00"
        made.sendall(b"\x05\x01\x00\x01" + socket.inet_aton("127.0.0.1") + (8000).to_bytes(2, "big"))
        assert made.recv(10)[1] == 0
        return conversation(made, data)


def listens(port: int) -> bool:
    with socket.socket() as made:
        return made.connect_ex(("127.0.0.1", port)) == 0


def test_a_command_runs_there_and_its_code_comes_back(ssh):
    done = ssh.run("ssh", "dev.vps", "hostname; cat; echo wrong >&2; exit 7", stdin="piped\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "dev\npiped\n", "wrong\n")
    assert ssh.ok("ssh", "dev.default.vps", "hostname") == "dev\n"
    assert ssh.ok("ssh", "dev.default.kohakuriver.vps", "hostname") == "dev\n"


def test_a_hundred_megabytes_come_back_as_they_went(ssh, tmp_path):
    with (tmp_path / "big").open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(1 << 20))
    ssh.ok("scp", "-q", tmp_path / "big", "dev.vps:/root/big")
    assert ssh.ok("ssh", "dev.vps", "sha256sum big").split()[0] == digest(tmp_path / "big")
    ssh.ok("scp", "-q", "dev.vps:/root/big", tmp_path / "back")
    assert digest(tmp_path / "back") == digest(tmp_path / "big")
    sftp = ssh.ok("sftp", "-b", "-", "dev.vps", stdin="rm /root/big\nls -1 /root\n")
    assert "echo.py" in sftp and "/root/big\n" not in sftp.partition("ls -1")[2]


@pytest.mark.skipif(shutil.which("rsync") is None, reason="no rsync here")
def test_rsync_copies_what_has_changed(ssh, tmp_path):
    far = "/root/rsync/"
    program = shutil.which("rsync") or ""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    needs = re.findall(r"=> (/\S+)", told)
    (loader,) = re.findall(r"^\s*(/\S*/ld-linux\S*)", told, re.MULTILINE)  # its libc may not be the image's
    ssh.ok("ssh", "dev.vps", f"mkdir -p {far}")
    ssh.ok("scp", "-q", program, loader, *needs, f"dev.vps:{far}")  # the image has none; this machine's does
    (tmp_path / "tree/deep").mkdir(parents=True)
    for number in range(50):
        (tmp_path / "tree/deep" / str(number)).write_text(f"{number}\n" * 100)
    shell = f"ssh -F {ssh.config} -o BatchMode=yes"
    there = f"{far}{Path(loader).name} --library-path {far} {far}rsync"
    words = [
        "rsync",
        "-a",
        "--stats",
        "-e",
        shell,
        f"--rsync-path={there}",
        f"{tmp_path}/tree",
        "dev.vps:/root/",
    ]
    for sent in (50, 0):
        done = subprocess.run(
            words, capture_output=True, text=True, env=ssh.cluster.environment(), check=True
        )
        assert f"regular files transferred: {sent}" in done.stdout
    assert ssh.ok("ssh", "dev.vps", "cat tree/deep/49") == "49\n" * 100


def test_ports_are_forwarded_by_ssh_as_well(ssh):
    port, socks = free_port(), free_port()
    with ssh.going("ssh", "-N", "-L", f"{port}:127.0.0.1:8000", "-D", f"{socks}", "dev.vps"):
        eventually(lambda: listens(port) and listens(socks))
        big = os.urandom(3 << 20)
        assert asked(port, big) == b"%d " % len(big) + big[-20:]
        assert through_socks(socks, big) == b"%d " % len(big) + big[-20:]


def test_what_an_editor_runs_to_work_remotely_works(ssh):
    """VS Code Remote-SSH: a shell without a terminal, fed by a script, and a SOCKS port beside it."""
    port = free_port()
    with ssh.going("ssh", "-T", "-D", str(port), "dev.vps", "bash") as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("echo started on $(hostname)\n")
        assert process.stdout.readline() == "started on dev\n"
        assert through_socks(port, b"from the editor") == b"15 from the editor"
        process.stdin.write("exit 3\n")
        process.stdin.close()
        assert process.wait(30) == 3


def test_an_ssh_agent_is_lent_when_that_is_asked(ssh, tmp_path):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key", "-C", "mine"], check=True
    )
    agent = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL) as process:
        eventually(agent.exists)
        env = {"SSH_AUTH_SOCK": str(agent)}
        subprocess.run(["ssh-add", "-q", tmp_path / "key"], env={**os.environ, **env}, check=True)
        assert ssh.ok("ssh", "-A", "dev.vps", "ssh-add -l", **env).rstrip().endswith(" mine (ED25519)")
        assert ssh.run("ssh", "dev.vps", "ssh-add -l", **env).returncode != 0
        process.kill()


@pytest.mark.parametrize("client", [(), ("--builtin",)], ids=["ssh", "built in"])
def test_vps_connect_is_a_terminal_of_the_vps(ssh, client):
    words = ["vps", "connect", "dev", *client]
    shell = pexpect.spawn(
        str(BIN / "kohakuriver"),
        words,
        env=ssh.cluster.environment(TERM="xterm", LINES="24", COLUMNS="80"),  # of a terminal of long ago
        encoding="utf-8",
        timeout=30,
        dimensions=(30, 100),
    )
    shell.expect("root@dev:~# ")
    shell.sendline("stty size")
    shell.expect("30 100")
    shell.setwinsize(40, 132)
    eventually(lambda: _says(shell, "stty size", "40 132"))
    shell.sendline("exit 6")
    shell.expect(pexpect.EOF)
    shell.close()
    assert shell.exitstatus == 6


def _says(shell: pexpect.spawn, line: str, wanted: str) -> bool:
    shell.sendline(line)
    shell.expect(r"\d+ \d+\r")
    return str(shell.after).strip() == wanted


@pytest.mark.parametrize("client", [(), ("--builtin",)], ids=["ssh", "built in"])
def test_vps_connect_runs_a_command(ssh, client):
    done = ssh.cluster.cli("vps", "connect", "dev", *client, "--", "cat; echo b >&2; exit 5", stdin="a\n")
    assert (done.code, done.out, done.err) == (5, "a\n", "b\n")


@pytest.mark.parametrize("client", [(), ("--builtin",)], ids=["ssh", "built in"])
def test_a_vps_without_a_key_lets_in_whoever_may(ssh, client):
    name = "open-builtin" if client else "open"
    made = ssh.cluster.cli("vps", "create", "--name", name, "-c", "0.1", "-m", "128M", "--no-ssh-key")
    assert "warning: no password: anyone with an account on the node is root in it" in made.err
    done = ssh.cluster.cli("vps", "connect", name, *client, "--", "id -un")
    assert (done.code, done.out) == (0, "root\n"), done.err
    ssh.cluster.ok("vps", "delete", name)


@pytest.mark.fault(56)
def test_a_vps_that_cannot_be_logged_in_to_is_told_apart_in_words(ssh):
    cluster = ssh.cluster
    cluster.ok("vps", "create", "--name", "x", "-c", "0.1", "-m", "128M", "--gen-ssh-key")
    assert ssh.ok("ssh", "x.vps", "hostname") == "x\n"
    cluster.ok("vps", "stop", "x")
    for done in (ssh.run("ssh", "x.vps", "hostname"), ssh.run("scp", "x.vps:/etc/hostname", "/dev/null")):
        assert done.returncode == 255 or done.returncode == 1
        assert "kohakuriver: x is stopped: kohakuriver vps start x\n" in done.stderr
    stopped = cluster.cli("vps", "connect", "x")
    assert stopped.err == "error: x is stopped\nhint: kohakuriver vps start x\n"
    cluster.ok("vps", "start", "x")
    cluster.ok("vps", "pause", "x")
    assert "x is paused: kohakuriver vps resume x" in ssh.run("ssh", "x.vps", "hostname").stderr
    cluster.ok("vps", "resume", "x")
    assert ssh.ok("ssh", "x.vps", "hostname") == "x\n"
    cluster.ok("vps", "delete", "x")
    assert 'there is no VPS "x"' in ssh.run("ssh", "x.vps", "hostname").stderr


@pytest.mark.fault(56)
def test_a_vps_made_anew_under_its_old_name_is_no_attack(ssh):
    cluster = ssh.cluster
    key = cluster.folder / ".ssh" / "kohakuriver_vps_again"
    pinned = []
    for options in (("--gen-ssh-key",), ("--public-key-file", f"{key}.pub")):
        cluster.ok("vps", "create", "--name", "again", "-c", "0.1", "-m", "128M", *options)
        done = ssh.run("ssh", "again.vps", "hostname")
        assert (done.returncode, done.stdout, done.stderr) == (0, "again\n", "")
        assert cluster.ok("vps", "connect", "again", "--", "hostname") == "again\n"
        pinned.append(cluster.get("again")["status"]["observed"]["ssh"]["hostKey"])
        cluster.ok("vps", "delete", "again")
    assert pinned[0] != pinned[1]


def test_a_host_key_that_the_vps_has_not_published_is_refused(ssh):
    """Somebody in the VPS gives its sshd another key: nothing is sent to it."""
    cluster = ssh.cluster
    cluster.ok("vps", "create", "--name", "forged", "-c", "0.1", "-m", "128M", "--gen-ssh-key")
    another = (
        "ssh-keygen -q -t ed25519 -N '' -f n; cat n > /etc/kohakuriver/ssh_host_ed25519_key; pkill -o sshd"
    )
    ssh.run("ssh", "forged.vps", another)
    eventually(lambda: "HOST IDENTIFICATION" in ssh.run("ssh", "forged.vps", "hostname").stderr)
    refused = cluster.cli("vps", "connect", "forged", "--builtin", "--", "hostname")
    assert refused.code == 1 and "another host key than the VPS has published" in refused.err
    cluster.ok("vps", "delete", "forged")


def test_an_image_without_sshd_says_so(ssh):
    cluster = ssh.cluster
    cluster.ok(
        "vps", "create", "--name", "bare", "-c", "0.1", "-m", "64M", "--image", BUSYBOX, "--gen-ssh-key"
    )
    eventually(lambda: "no SSH in bare" in ssh.run("ssh", "bare.vps", "true").stderr)
    shown = cluster.cli("vps", "connect", "bare")
    assert shown.code == 1 and "kohakuriver connect bare" in shown.err
    cluster.ok("vps", "delete", "bare")
