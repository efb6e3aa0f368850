"""What is written into a container for sshd, and the keys kept for it."""

import stat
from pathlib import Path

import pytest

from kohakuriver.agent.login import ssh
from kohakuriver.agent.runtime import keepalive
from kohakuriver.agent.runtime.base import File

KEY = ssh.HostKey(private=b"secret", public="ssh-ed25519 AAAA")
SHADOW = File("/etc/shadow", b"root:*:1:0:9:7:::\ndaemon:*:1:0:9:7:::\n", mode=0o640, gid=42)


def arguments(access: ssh.Access) -> str:
    return {file.path: file for file in ssh.files(access, KEY)}[keepalive.SSHD_ARGUMENTS].content.decode()


def test_a_vps_with_keys_lets_in_those_keys_and_no_password() -> None:
    access = ssh.Access(authorized_keys=("ssh-ed25519 A me ", "ssh-rsa B you"))
    written = {file.path: file for file in ssh.files(access, KEY)}
    assert written[ssh.AUTHORIZED_KEYS].content == b"ssh-ed25519 A me\nssh-rsa B you\n"
    assert written[ssh.HOST_KEY].content == b"secret"
    assert written[ssh.HOST_KEY].mode == written[ssh.AUTHORIZED_KEYS].mode == 0o600
    assert "PasswordAuthentication=no\n" in arguments(access)


def test_the_users_own_authorized_keys_count_beside_ours() -> None:
    assert f".ssh/authorized_keys .ssh/authorized_keys2 {ssh.AUTHORIZED_KEYS}\n" in arguments(ssh.Access())


def test_a_vps_without_keys_lets_nobody_in() -> None:
    assert ssh.authorized_keys(()).content == b""
    assert "PermitEmptyPasswords=no\n" in arguments(ssh.Access())


def test_only_a_passwordless_vps_permits_empty_passwords() -> None:
    assert "PermitEmptyPasswords=yes\n" in arguments(ssh.Access(ssh.Mode.PASSWORDLESS))


def test_a_vps_with_ssh_disabled_loses_the_arguments_of_an_earlier_mode() -> None:
    assert ssh.files(ssh.Access(ssh.Mode.DISABLED), KEY) == (File(keepalive.SSHD_ARGUMENTS, b""),)


def test_passwordless_empties_roots_password_and_nothing_else() -> None:
    changed = ssh.shadow(SHADOW, ssh.Mode.PASSWORDLESS)
    assert changed == File("/etc/shadow", b"root::1:0:9:7:::\ndaemon:*:1:0:9:7:::\n", mode=0o640, gid=42)
    assert ssh.shadow(changed, ssh.Mode.PASSWORDLESS) is None


@pytest.mark.parametrize("mode", [ssh.Mode.KEYS, ssh.Mode.DISABLED])
def test_root_is_never_left_with_an_empty_password_in_another_mode(mode: ssh.Mode) -> None:
    emptied = ssh.shadow(SHADOW, ssh.Mode.PASSWORDLESS)
    assert emptied is not None
    assert ssh.shadow(emptied, mode) == SHADOW


def test_a_password_somebody_set_is_kept() -> None:
    own = File("/etc/shadow", b"root:$y$hash:1::::::\n")
    assert ssh.shadow(own, ssh.Mode.KEYS) is None


def test_a_shadow_without_root_is_left_alone() -> None:
    assert ssh.shadow(File("/etc/shadow", b"\nbroken\n"), ssh.Mode.PASSWORDLESS) is None


def test_a_host_key_is_made_once_and_kept_for_the_agents_eyes_only(tmp_path: Path) -> None:
    key = ssh.HostKeys(tmp_path / "keys").get("uid-1")
    assert ssh.HostKeys(tmp_path / "keys").get("uid-1") == key
    assert ssh.HostKeys(tmp_path / "keys").get("uid-2") != key
    (path, _) = sorted((tmp_path / "keys").iterdir())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.public.startswith("ssh-ed25519 ")


def test_a_forgotten_host_key_is_gone_and_forgetting_again_is_fine(tmp_path: Path) -> None:
    keys = ssh.HostKeys(tmp_path)
    keys.get("uid-1")
    keys.forget("uid-1")
    keys.forget("uid-1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uid", ["", "../escape", "a/b", "a.b"])
def test_a_uid_that_could_leave_the_folder_is_refused(tmp_path: Path, uid: str) -> None:
    with pytest.raises(ValueError, match="uid"):
        ssh.HostKeys(tmp_path).get(uid)
