"""What sshd reads as a line of authorized_keys is taken; what it passes over is refused, with the reason."""

import pytest

from kohakuriver.resources.public_key import trouble

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIDmGv1RrVYaFWBVCLpgSWCiGgEpcuzJIsXrl9NR1oE0k"
KEY = f"ssh-ed25519 {BLOB}"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5"
    "YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
)


@pytest.mark.parametrize(
    "line",
    [
        KEY,
        f"{KEY} me@here",
        f"{KEY} two words of comment",
        f"  {KEY} me \n",
        f"ssh-ed25519\t{BLOB}",
        f"restrict {KEY}",
        f'restrict,command="echo \\"a b\\"",from="10.0.0.0/8,*.example" {KEY} me',
        f'environment="A=b c" {KEY}',
        f"cert-authority {KEY}",
        ECDSA,
    ],
)
def test_what_sshd_reads_is_a_key(line):
    assert trouble(line) == ""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "a type is missing, such as ssh-ed25519"),
        ("", "there is no key in it"),
        ("# a comment", "there is no key in it"),
        ("ssh-ed25519", "the key itself is missing behind ssh-ed25519"),
        ("ssh-ed25519 AAAA me", "what follows ssh-ed25519 is cut short"),
        (f"ssh-ed25519 {BLOB[:-8]} me", "what follows ssh-ed25519 is cut short"),
        (f"ssh-ed25519 {BLOB[:-1]}", "what follows ssh-ed25519 is not whole, or not base64"),
        ("ssh-ed25519 AAAA… me", "what follows ssh-ed25519 is not whole, or not base64"),
        (f"ssh-rsa {BLOB}", "it says ssh-rsa, and what follows is of type ssh-ed25519"),
        (f"my laptop {KEY}", "a type is missing, such as ssh-ed25519"),
        (f'command="uptime {KEY}', "a type is missing, such as ssh-ed25519"),
        (f"{KEY} a\n{KEY} b", "it has 2 lines: each key stands on one line, and is one of the list"),
        ("SHA256:abc", "a type is missing, such as ssh-ed25519"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==",
            "it is a private key, which stays on its machine: give its public half, the file with .pub",
        ),
        (
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA",
            "it is in the format of RFC 4716: ssh-keygen -i -f FILE turns it into one line",
        ),
    ],
)
def test_what_sshd_passes_over_is_told_why(line, why):
    assert trouble(line) == why
