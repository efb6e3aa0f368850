"""`token …` against the real API server."""

import asyncio
import dataclasses
import datetime
import hashlib
import io
import shlex

import pytest

from kohakuriver import certificates
from kohakuriver.agent import options
from kohakuriver.agent.settings import Join, Settings
from kohakuriver.cli.main import run
from kohakuriver.cli.token import joining
from kohakuriver.client import authority, config
from kohakuriver.client.config import Connection
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.cli.lossy import lossy
from tests.cli.shell import Shell

NAMESPACE = {"metadata": {"name": "team-a"}}


@dataclasses.dataclass
class TurnedClock(SystemClock):
    """Stands beside this machine's."""

    beside: datetime.timedelta

    def now(self) -> datetime.datetime:
        return super().now() + self.beside


async def bearer(shell, secret: str, path: str):
    return await shell.api.get(path, headers={"Authorization": f"Bearer {secret}"})


async def test_a_config_file_for_a_second_person_is_ready_to_use(shell):
    await shell.api.create(kinds.NAMESPACE, NAMESPACE)
    file = shell.folder / "alice.config"
    code, out, err = await shell(f"token create --user alice -n team-a --kubeconfig {file}")
    assert (code, err) == (
        0,
        "it is good for 90 days; use --ttl for another time, --ttl none for no end\n",
    )
    assert out.endswith(f"created, config file {file} written\n")
    assert file.stat().st_mode & 0o777 == 0o600
    theirs = config.load(file)
    assert (theirs.server, theirs.namespace) == (shell.api.url, "team-a")
    assert (await bearer(shell, theirs.token, kinds.VPS.path(namespace="team-a"))).code == 200
    assert (await bearer(shell, theirs.token, kinds.VPS.path(namespace="default"))).code == 403
    code, _, err = await shell(f"token create --user alice --kubeconfig {file}")
    assert code == 2 and f"{file} exists" in err
    assert config.load(file).token == theirs.token


async def test_the_secret_is_printed_once_and_stored_nowhere(shell):
    code, out, err = await shell("token create --user ci --role admin --ttl 8h")
    secret = out.strip()
    assert code == 0 and "only time" in err
    assert (await bearer(shell, secret, kinds.TOKEN.path())).code == 200
    for key in shell.api.server.cache.credentials._by_key:
        record = await shell.api.store.get(key)
        assert secret.encode() not in record.value
        assert hashlib.sha256(secret.encode()).hexdigest().encode() in record.value


async def test_the_list_says_whose_they_are_and_a_revoked_one_is_gone(shell):
    assert (await shell("token list"))[2].startswith("no tokens")
    secret = (await shell("token create --user eve --role viewer --ttl 2h"))[1].strip()
    rows = [line.split() for line in (await shell("token list"))[1].splitlines()]
    assert rows[0] == ["NAME", "ROLE", "USER", "NODE", "NAMESPACES", "EXPIRES", "AGE"]
    name = rows[1][0]
    assert rows[1][1:5] == ["viewer", "eve", "<none>", "<all>"] and name.startswith("viewer-")
    assert await shell(f"token revoke {name}") == (0, f"token/{name} revoked\n", "")
    assert (await bearer(shell, secret, kinds.NODE.path())).code == 401
    code, _, err = await shell(f"token revoke {name}")
    assert code == 1 and f'there is no token "{name}"' in err


async def test_what_is_over_is_cleared_away_and_nothing_else(shell):
    await shell("token create --user a --role viewer --ttl 0.01")
    await shell("token create --user b --role viewer")
    code, out, _ = await shell("token revoke --expired")
    assert code == 0 and out.count("revoked") == 1
    assert len((await shell("token list --no-headers"))[1].splitlines()) == 1


@pytest.mark.parametrize("years", [-10, 10])
async def test_what_is_over_is_so_by_the_server_s_clock_and_not_by_this_machine_s(tmp_path, capsys, years):
    clock = TurnedClock(datetime.timedelta(days=365 * years))
    async with running_api(clock=clock) as api:
        shell = Shell(api, tmp_path, capsys)
        await shell("token create --user over --role viewer --ttl 1h")
        clock.beside += datetime.timedelta(hours=2)
        secret = (await shell("token create --user good --role viewer --ttl 1h"))[1].strip()
        code, out, _ = await shell("token revoke --expired")
        assert code == 0 and out.count("revoked") == 1
        assert [row.split()[2] for row in (await shell("token list --no-headers"))[1].splitlines()] == [
            "good"
        ]
        assert (await bearer(shell, secret, kinds.NODE.path())).code == 200
        assert await shell("token revoke --expired") == (0, "", "")


async def test_all_of_a_user_are_taken_back_at_once_and_nobody_elses(shell):
    for _ in range(2):
        await shell("token create --user a --role viewer")
    await shell("token create --user b --role viewer")
    code, out, _ = await shell("token revoke --user a")
    assert code == 0 and out.count("revoked") == 2
    assert [line.split()[2] for line in (await shell("token list --no-headers"))[1].splitlines()] == ["b"]
    code, _, err = await shell("token revoke --user a")
    assert code == 1 and 'there is no token of user "a"' in err


async def test_one_who_is_no_admin_makes_none(shell):
    for user in ("alice", "viewer"):
        code, out, err = await shell("token create --user me --role admin", user=user)
        assert (code, out) == (1, "") and "cannot create" in err


async def test_a_namespace_that_is_not_there_is_told(shell):
    code, _, err = await shell("token create --user alice -n nowhere")
    assert code == 0 and 'there is no namespace "nowhere" yet' in err


async def test_no_machine_joins_without_tls(shell):
    code, out, err = await shell("token create --join")
    assert (code, out) == (2, "") and "https://" in err
    assert (await shell("token list --no-headers"))[1] == ""


def joined(out: str, monkeypatch) -> Settings:
    """What an agent makes of the command for where it is installed, once a shell has taken the token."""
    _, _, line = out.splitlines()
    program, agent, *words, given = shlex.split(line.removeprefix("# "))
    assert (program, agent) == ("kohakuriver", "agent")
    token = given.removeprefix("<<<")
    assert given.startswith("<<<") and token not in " ".join(words)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
    found = options.parse(words)
    assert isinstance(found, Settings) and found.install_service
    return found


async def test_the_command_that_is_printed_is_one_that_the_agent_takes(shell, monkeypatch):
    line = "token create --join --node n7 --ttl 10m --server https://river.example.org:6443"
    code, out, err = await shell(line)
    assert code == 0
    assert "within 10m" in err and "up --listen" not in err
    found = joined(out, monkeypatch)
    assert found.join.server == "https://river.example.org:6443"
    assert found.node == "n7"
    assert found.join.token not in err
    assert (await bearer(shell, found.join.token, kinds.NODE.path())).code == 403, "it is known, and may not"
    assert shlex.split(out, comments=True)[-1] == f"<<<{found.join.token}"
    assert len([one for one in out.splitlines() if not one.startswith("# ")]) == 1


@pytest.mark.parametrize("token", ["s3cret", "-s3cret"])
def test_the_command_carries_the_token_and_the_hash_of_the_authority(token, monkeypatch):
    ca = certificates.new_authority("test", now=SystemClock().now()).certificate
    line = joining.installed_command(Connection("https://10.0.0.1:6443", ca=ca), token, node=None)
    found = joined(f"…\n…\n# {line}", monkeypatch)
    assert found.join == Join("https://10.0.0.1:6443", token, authority.hash_of(ca))
    assert dataclasses.replace(found, node="x").config is None


async def test_node_join_prints_the_same(shell):
    code, out, _ = await shell("node join n7 --server https://river.example.org:6443")
    assert code == 0 and len(out.splitlines()) == 3 and out.startswith("sh -c ")


async def test_that_others_do_not_reach_this_machines_loopback_is_told(shell):
    _, _, err = await shell("token create --join --server https://127.0.0.1:6443")
    assert "kohakuriver down, then kohakuriver up --listen 0.0.0.0 --advertise HOST" in err


async def test_the_way_out_names_the_folder_of_a_cluster_that_lies_elsewhere(shell, tmp_path):
    connection = config.load(shell.config())
    file = tmp_path / "river 2" / "config"
    file.parent.mkdir()
    config.write(file, connection, cluster="c", user="admin")
    (file.parent / "options.json").write_text("{}")
    words = ["node", "join", "--server", "https://127.0.0.1:6443", "--config", str(file)]
    assert await asyncio.to_thread(run, words) == 0
    err = shell.capture.readouterr().err
    where = f"--data-dir '{file.parent}'"
    assert f"kohakuriver down {where}, then kohakuriver up {where} --listen 0.0.0.0" in err


async def test_a_lost_answer_makes_one_token_and_not_two(shell):
    async with lossy(shell.api.url, method="POST", losses=1) as proxy:
        shell.url = proxy.url
        code, out, _ = await shell("token create --user ci --role admin")
    shell.url = ""
    assert code == 0
    assert (await bearer(shell, out.strip(), kinds.TOKEN.path())).code == 200
    assert len((await shell("token list --no-headers"))[1].splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("token create --join --role admin", "--join goes with"),
        ("token create --user a --ttl soon", "--ttl"),
        ("token revoke", "which token is meant"),
    ],
)
async def test_what_cannot_be_meant_is_said(shell, line, words):
    code, _, err = await shell(line)
    assert code == 2 and words in err


async def test_a_users_token_ends_unless_it_is_said_to_have_no_end(shell):
    await shell("token create --user alice")
    await shell("token create --user bob --ttl none")
    await shell("token create --user eve --role viewer")
    rows = [line.split() for line in (await shell("token list --no-headers"))[1].splitlines()]
    ends = {row[2]: " ".join(row[5:-1]) for row in rows}
    assert ends.pop("alice").startswith("in ") and ends == {"bob": "never", "eve": "never"}
    code, _, err = await shell("token create --join --ttl none --server https://river.example.org:6443")
    assert code == 1 and "a join token names its ttl" in err


async def test_a_policy_says_how_long_a_token_may_be_good_for(shell):
    spec = {"longestTokenLife": "720h"}
    await shell.api.create(kinds.POLICY, {"metadata": {"name": "short"}, "spec": spec})
    await shell("get policies")
    code, out, err = await shell("token create --user alice")
    assert (code, out) == (1, "")
    assert 'Policy "short" allows Tokens for namespace default that are good for 720h at most' in err
    assert "(--ttl of kohakuriver token create) to 720h or less" in err
    code, out, _ = await shell("token create --user alice --ttl 720h")
    assert code == 0 and (await bearer(shell, out.strip(), kinds.VPS.path(namespace="default"))).code == 200


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "--user is missing: kohakuriver token create --user alice"),
        ("--role user", "--user is missing: kohakuriver token create --user alice"),
        ("--role admin", "--user is missing: kohakuriver token create --role admin --user alice"),
        ("--role viewer", "--user is missing: kohakuriver token create --role viewer --user alice"),
        ("--role controller", "--user is missing: kohakuriver token create --role controller --user alice"),
        ("--role node", "--node is missing: kohakuriver token create --role node --node NAME"),
        (
            "--role boss --user a",
            'invalid --role "boss": use admin, user, viewer, controller, authenticator or node',
        ),
        ("--role admin --user a --node n1", "--node is for --role node and --join, not for --role admin"),
        ("--role viewer --user a --right mounts", "--right is for --role user, not for --role viewer"),
        ("--role admin --user a -n team-a", "-n is for --role user and viewer, not for --role admin"),
    ],
)
async def test_what_a_role_needs_is_told_before_anything_is_sent(shell, words, said):
    assert await shell(f"token create {words}") == (2, "", f"error: {said}\n")
