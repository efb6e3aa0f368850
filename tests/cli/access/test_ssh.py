"""The pure parts of logging in by SSH, and the files that are kept for it."""

import asyncio
import shlex
import sys
import threading
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.cli.access import entrance, generated, identity, known_hosts, ssh_client, ssh_settings
from kohakuriver.cli.access.ssh_names import Place, readings
from kohakuriver.cli.view import key_pair
from kohakuriver.resources import kinds
from tests.apiserver.streaming.test_streams import MERGE, place
from tests.cli.access.an_agent import an_agent, to_port
from tests.cli.vps.objects import a_vps

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOIOkeGkrYWZd1GPsx1Q6kwIAh+i0jPVKmwWXDoWOCWc"


def logged_in(phase: str = "running", *, host_key: str = KEY, **more):
    vps = a_vps(phase=phase, **more)
    if "observed" in vps["status"]:
        vps["status"]["observed"]["ssh"]["hostKey"] = host_key
    return vps


@pytest.mark.fault(56)
@pytest.mark.parametrize(
    ("vps", "says", "next_"),
    [
        (logged_in("stopped", why="its files are kept on n1"), "dev is stopped", "kohakuriver vps start dev"),
        (logged_in("paused"), "dev is paused", "kohakuriver vps resume dev"),
        (logged_in("lost", why="node n1 is silent"), "dev is lost (node n1 is silent)", "node status n1"),
        (a_vps(phase="pending", node="", why="0 of 3 nodes fit"), "dev waits for a node", "vps status dev"),
        (
            logged_in("assigning", why="pulling 43 %"),
            "dev is still starting (pulling 43 %)",
            "get vps dev -w",
        ),
        (logged_in(deleting=True), "dev is being deleted", ""),
        (a_vps(ssh="unavailable"), "no SSH in dev", "kohakuriver connect dev"),
        (a_vps(ssh="waiting"), "has not published its host key", "vps status dev"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_who_cannot_be_logged_in_to_is_told_apart_in_words(vps, says, next_):
    with pytest.raises(entrance.NoEntrance) as caught:
        entrance.host_key(vps)
    assert says in caught.value.message
    assert next_ in caught.value.hint


@pytest.mark.parametrize("said", [f"{KEY}\n* {KEY}", f"{KEY} \x1b[2J", "ssh-ed25519", f"@revoked * {KEY}"])
def test_a_node_cannot_write_lines_of_its_own_into_known_hosts(said):
    with pytest.raises(entrance.NoEntrance, match="node n1 has published as the host key of dev"):
        entrance.host_key(logged_in(host_key=said))


def test_a_drained_vps_says_what_starts_it_again():
    vps = logged_in("stopped", reason="NodeDrained", why="its node n1 is drained")
    with pytest.raises(entrance.NoEntrance) as caught:
        entrance.host_key(vps)
    assert caught.value.message == "dev is stopped (its node n1 is drained)"
    assert caught.value.hint == "kohakuriver node uncordon n1"


def test_a_running_vps_is_known_by_what_it_published():
    assert entrance.host_key(logged_in()) == KEY


def test_ssh_that_is_switched_off_is_no_riddle():
    vps = a_vps()
    vps["spec"]["ssh"] = {"disabled": True}
    with pytest.raises(entrance.NoEntrance, match="dev has SSH off"):
        entrance.host_key(vps)


def test_a_name_is_read_with_namespaces_and_contexts():
    assert readings("dev", []) == [Place("dev")]
    assert readings("dev.vps", []) == [Place("dev")]
    assert readings("DEV.team.vps", []) == [Place("dev.team"), Place("dev", "team")]
    assert Place("dev", "team", "Lab.one") in readings("dev.team.lab.one.vps", ["other", "Lab.one"])
    assert all(place.context is None for place in readings("dev.lab.vps", ["lab"]))


def test_a_pinned_key_is_replaced_by_the_next_and_an_unchanged_one_is_left_alone(tmp_path):
    file = tmp_path / "ssh" / "known_hosts"
    known_hosts.pin(file, "dev.vps", "ssh-ed25519 A")
    known_hosts.pin(file, "other.vps", "ssh-ed25519 B")
    known_hosts.pin(file, "dev.vps", "ssh-ed25519 C")
    assert file.read_text() == "other.vps ssh-ed25519 B\ndev.vps ssh-ed25519 C\n"
    written = file.stat().st_ino
    known_hosts.pin(file, "other.vps", "ssh-ed25519 B")
    assert file.stat().st_ino == written
    assert file.stat().st_mode & 0o777 == 0o600


def test_several_ssh_at_once_lose_no_line(tmp_path):
    file = tmp_path / "known_hosts"
    threads = [threading.Thread(target=known_hosts.pin, args=(file, f"v{n}.vps", KEY)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(file.read_text().splitlines()) == 20


def command(*arguments: str, key: Path | None = None) -> list[str]:
    return ssh_client.command(
        "dev",
        proxy=["/opt/100% mine/kohakuriver", "ssh-proxy", "dev"],
        alias="kohakuriver-u1",
        known_hosts=Path("/home/a b/known_hosts"),
        key=key,
        arguments=arguments,
    )


def test_ssh_is_called_with_our_connection_our_host_key_and_nobody_elses():
    words = command("-A", "uptime")
    assert words[0] == "ssh" and words[-3:] == ["dev", "-A", "uptime"]
    assert "ProxyCommand='/opt/100%% mine/kohakuriver' ssh-proxy dev" in words
    assert {"HostKeyAlias=kohakuriver-u1", "StrictHostKeyChecking=yes", "User=root"} <= set(words)
    assert 'UserKnownHostsFile="/home/a b/known_hosts"' in words
    assert "IdentitiesOnly=yes" not in words


def test_a_named_key_is_the_only_one_and_another_user_is_left_to_be_one():
    words = command("-l", "alice", key=Path("/k"))
    assert shlex.join(words).count("-i /k -o IdentitiesOnly=yes") == 1
    assert "User=root" not in words


def test_the_generated_key_is_chosen_where_it_may_log_in(tmp_path):
    assert identity.chosen(a_vps(), None, home=tmp_path) is None
    pair = key_pair.generate(key_pair.default_file("dev", home=tmp_path), comment="x")
    vps = a_vps(ssh="ready")
    assert identity.chosen(vps, None, home=tmp_path) is None, "a key of a namesake was chosen"
    vps["spec"]["ssh"] = {"authorizedKeys": [pair.public_key]}
    assert identity.chosen(vps, None, home=tmp_path) == pair.private
    other = key_pair.generate(tmp_path / "other", comment="x")
    assert identity.chosen(vps, other.private, home=tmp_path) == other.private
    assert identity.chosen(vps, other.public, home=tmp_path) == other.private
    with pytest.raises(errors.ConfigError, match="there is no key"):
        identity.chosen(vps, tmp_path / "nothing", home=tmp_path)


PROXY = ["/usr/bin/kohakuriver", "ssh-proxy"]


def test_settings_are_put_in_once_in_front_and_taken_out_without_a_trace(tmp_path):
    config = tmp_path / ".ssh" / "config"
    config.parent.mkdir(mode=0o700)
    before = "Host work\n    User me\n"
    config.write_text(before)
    config.chmod(0o644)
    assert ssh_settings.install(proxy=PROXY, home=tmp_path)
    assert not ssh_settings.install(proxy=PROXY, home=tmp_path)
    lines = config.read_text().splitlines()
    assert lines[1] == "Include kohakuriver/config" and config.read_text().endswith(before)
    assert config.stat().st_mode & 0o777 == 0o644
    assert ssh_settings.uninstall(home=tmp_path)
    assert config.read_text() == before
    assert not ssh_settings.uninstall(home=tmp_path)


def test_a_config_that_is_a_link_stays_one(tmp_path):
    config, real = tmp_path / ".ssh" / "config", tmp_path / "dotfiles"
    config.parent.mkdir()
    real.write_text("Host work\n")
    config.symlink_to(real)
    ssh_settings.install(proxy=PROXY, home=tmp_path)
    assert config.is_symlink() and ssh_settings.INCLUDE in real.read_text()


def test_a_generated_key_is_known_to_ssh_once_it_knows_vpses(tmp_path):
    ssh_settings.refresh_keys(tmp_path)
    assert not (tmp_path / ".ssh" / "kohakuriver").exists()
    ssh_settings.install(proxy=PROXY, home=tmp_path)
    key_pair.generate(key_pair.default_file("dev", home=tmp_path), comment="x")
    (tmp_path / ".ssh" / "id_rsa").write_text("mine")
    ssh_settings.refresh_keys(tmp_path)
    keys = (tmp_path / ".ssh" / "kohakuriver" / "keys").read_text()
    assert "Host dev.vps dev.*.vps" in keys
    assert keys.index("kohakuriver_vps_dev") < keys.index("id_rsa")


def test_a_key_that_was_put_elsewhere_is_found_again(tmp_path):
    pair = key_pair.generate(tmp_path / "my keys" / "k", comment="x")
    generated.note(pair, "dev", home=tmp_path)
    vps = a_vps(ssh="ready")
    assert identity.chosen(vps, None, home=tmp_path) is None, "a key of a namesake was chosen"
    vps["spec"]["ssh"] = {"authorizedKeys": [pair.public_key]}
    assert identity.chosen(vps, None, home=tmp_path) == pair.private
    keys = ssh_settings.keys_text(tmp_path)
    assert f'Host dev.vps dev.*.vps\n    IdentityFile "{pair.private}"' in keys
    pair.discard()
    assert identity.chosen(vps, None, home=tmp_path) is None
    assert "dev.vps" not in ssh_settings.keys_text(tmp_path)


async def test_connect_tells_what_is_in_the_way(shell, home):
    await shell.put(kinds.VPS, a_vps(phase="stopped", run_state="Stopped"))
    assert await shell("vps connect dev") == (
        1,
        "",
        "error: dev is stopped\nhint: kohakuriver vps start dev\n",
    )
    assert (await shell("vps connect"))[0] == 2
    assert (await shell("ssh-config --install --uninstall"))[0] == 2


async def test_ssh_config_is_shown_before_it_is_installed(shell, home):
    code, out, _ = await shell("ssh-config")
    assert code == 0 and """Host *.vps "!*'*"\n""" in out and "ssh-proxy '%n'\n" in out
    assert not (home / ".ssh").exists()
    assert (await shell("ssh-config --install"))[0] == 0
    assert (home / ".ssh" / "config").read_text().endswith("Include kohakuriver/config\n")


async def test_an_option_of_ssh_is_no_command_for_the_built_in_client(shell, home):
    await shell.put(kinds.VPS, logged_in())
    code, _, err = await shell("vps connect dev --builtin -- -L 80:x:80")
    assert code == 2 and "not ssh's option -L" in err


async def test_a_proxy_whose_ssh_has_gone_ends_without_a_word(shell, home):
    """`cli.access.pipes` closes what it was given, and the program must still be able to flush its own."""
    vps = await place(shell.api)
    observed = {"epoch": 1, "state": "running", "ssh": {"state": "ready", "hostKey": KEY}}
    report = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": {"observed": observed}}
    path = kinds.VPS.path(namespace="default", name="dev", subresource="status")
    reply = await shell.api.call("PATCH", path, report, user="n1", headers=MERGE)
    assert reply.code == 200, reply.body
    service = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with service, an_agent(shell.api, to_port(service.sockets[0].getsockname()[1])):
        words = [sys.executable, "-m", "kohakuriver.cli", *shell.words("ssh-proxy dev.vps")]
        proxy = await asyncio.create_subprocess_exec(
            *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=Path(__file__).parents[3]
        )
        assert proxy.stdin is not None and proxy.stdout is not None
        assert await proxy.stdout.readline() == b"SSH-2.0-test\r\n"
        proxy.stdin.write(b"\x00\xff said")
        proxy.stdin.close()
        got, said = await proxy.communicate()
    assert (proxy.returncode, got, said) == (0, b"\x00\xff said", b"")
    assert (home / ".ssh/kohakuriver/known_hosts").read_text() == f"dev.vps {KEY}\n"


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks first, as sshd does, then says back what it was told."""
    writer.write(b"SSH-2.0-test\r\n")
    writer.write(await reader.read())
    writer.close()
