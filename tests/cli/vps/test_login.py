"""The guide's five key modes, in a home folder of one's own."""

import stat
import subprocess
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.cli import failures
from kohakuriver.cli.view import key_pair
from kohakuriver.cli.vps.login import Login

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@here"
RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAEQDIycrLzM3Oz9DR0tPU1dbX me@there"


@pytest.fixture
def ssh_folder(home):
    folder = home / ".ssh"
    folder.mkdir()
    return folder


def test_the_ed25519_key_is_the_default(home, ssh_folder):
    (ssh_folder / "id_ed25519.pub").write_text(ED25519 + "\n")
    (ssh_folder / "id_rsa.pub").write_text(RSA + "\n")
    assert Login().spec(home=home) == {"authorizedKeys": [ED25519]}


def test_the_rsa_key_is_the_next(home, ssh_folder):
    (ssh_folder / "id_rsa.pub").write_text(RSA + "\n")
    assert Login().spec(home=home) == {"authorizedKeys": [RSA]}


def test_without_a_key_every_other_way_is_named(home):
    with pytest.raises(errors.ConfigError) as caught:
        Login().spec(home=home)
    assert "neither id_ed25519.pub nor id_rsa.pub" in caught.value.message
    for option in ("--gen-ssh-key", "--public-key-file", "--public-key-string", "--no-ssh-key"):
        assert option in caught.value.hint


def test_a_file_is_read_from_where_it_is(home, tmp_path):
    file = tmp_path / "key.pub"
    file.write_text(f"# mine\n\n{ED25519}\n{RSA}\n")
    assert Login(public_key_file=file).spec(home=home) == {"authorizedKeys": [ED25519, RSA]}


def test_a_tilde_is_the_home_folder(home, ssh_folder):
    (ssh_folder / "work.pub").write_text(ED25519)
    assert Login(public_key_file=Path("~/.ssh/work.pub")).spec(home=home) == {"authorizedKeys": [ED25519]}
    assert Login(gen_ssh_key=True, key_out_file=Path("~/k")).out_file("dev", home=home) == home / "k"


def test_a_text_is_taken_as_it_is(home):
    assert Login(public_key_string=ED25519).spec(home=home) == {"authorizedKeys": [ED25519]}
    restricted = f'from="10.0.0.0/8" {ED25519}'
    assert Login(public_key_string=restricted).spec(home=home) == {"authorizedKeys": [restricted]}


def test_no_key_lets_root_in_without_a_password(home):
    assert Login(no_ssh_key=True).spec(home=home) == {"passwordless": True}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n", "is a private key"),
        ("", "holds no key"),
        ("ssh-ed25519", "invalid public key"),
        ("ssh-ed25519 AAAA", "invalid public key"),
        ("hello world", "invalid public key"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "invalid public key"),
    ],
)
def test_what_is_no_public_key_never_leaves_this_machine(home, text, why):
    with pytest.raises(errors.ConfigError, match=why) as caught:
        Login(public_key_string=text).spec(home=home)
    assert caught.value.hint


def test_a_wrong_line_of_a_file_is_named(tmp_path):
    file = tmp_path / "keys.pub"
    file.write_text(f"# mine\n{ED25519}\n{ED25519[:40]}\n")
    with pytest.raises(errors.ConfigError, match=r"keys\.pub, line 3: .* is cut short|line 3: .*not whole"):
        Login(public_key_file=file).spec(home=tmp_path)


def test_only_one_way_may_be_asked_for(tmp_path):
    with pytest.raises(failures.UsageError, match="--public-key-string and --no-ssh-key do not go together"):
        Login(public_key_string=ED25519, no_ssh_key=True).check()
    with pytest.raises(failures.UsageError, match="--key-out-file says where a generated key goes"):
        Login(key_out_file=tmp_path).check()


def test_a_generated_key_lies_where_the_guide_says(home):
    assert Login(gen_ssh_key=True).out_file("dev", home=home) == home / ".ssh" / "kohakuriver_vps_dev"


def test_a_generated_pair_is_one_that_openssh_reads(home):
    pair = key_pair.generate(key_pair.default_file("dev", home=home), comment="kohakuriver-vps-dev")
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(pair.private)], capture_output=True, text=True, check=True
    ).stdout
    assert shown.split()[:2] == pair.public_key.split()[:2]
    assert pair.public.read_text() == pair.public_key + "\n"
    assert pair.public_key.split()[0] == "ssh-ed25519"
    assert pair.public_key.endswith(" kohakuriver-vps-dev")
    assert stat.S_IMODE(pair.private.stat().st_mode) == 0o600
    assert stat.S_IMODE(pair.private.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("taken", ["kohakuriver_vps_dev", "kohakuriver_vps_dev.pub"])
def test_a_key_is_never_written_over_a_file(home, ssh_folder, taken):
    (ssh_folder / taken).write_text("precious")
    with pytest.raises(errors.ConfigError, match="keys are never overwritten"):
        key_pair.generate(key_pair.default_file("dev", home=home), comment="x")
    assert [file.name for file in ssh_folder.iterdir()] == [taken]
    assert (ssh_folder / taken).read_text() == "precious"


def test_a_dangling_link_is_in_the_way_too(home, ssh_folder):
    (ssh_folder / "kohakuriver_vps_dev").symlink_to("/nowhere")
    with pytest.raises(errors.ConfigError, match="never overwritten"):
        key_pair.generate(key_pair.default_file("dev", home=home), comment="x")


def test_a_pair_for_what_was_not_created_leaves_nothing(home, ssh_folder):
    key_pair.generate(key_pair.default_file("dev", home=home), comment="x").discard()
    assert list(ssh_folder.iterdir()) == []


def test_the_key_of_an_earlier_vps_of_that_name_is_used_again_and_no_other(home, ssh_folder):
    file = key_pair.default_file("dev", home=home)
    made = key_pair.generate(file, comment="kohakuriver-vps-dev")
    assert key_pair.kept(file, comment="kohakuriver-vps-dev") == made
    assert key_pair.kept(file, comment="kohakuriver-vps-other") is None
    other = key_pair.generate(ssh_folder / "other", comment="kohakuriver-vps-dev")
    made.public.write_text(other.public_key + "\n")
    assert key_pair.kept(file, comment="kohakuriver-vps-dev") is None, "halves that do not belong together"
    made.public.unlink()
    assert key_pair.kept(file, comment="kohakuriver-vps-dev") is None
