"""How a VPS stands, and what to type next."""

from pathlib import Path

import pytest

from kohakuriver.cli.view import standing
from kohakuriver.cli.view.standing import Reader
from tests.cli.vps.objects import a_node, a_vps

ALPHA = Reader("alpha")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a node's word for it; nothing is bound


@pytest.mark.parametrize(
    ("vps", "words"),
    [
        (a_vps(), "running, ssh ready"),
        (a_vps(ssh="disabled"), "running, ssh off"),
        (a_vps(ssh="unavailable", why="the image has no sshd"), "running; the image has no sshd"),
        (a_vps(phase="assigning", reason="Assigned"), "assigned to n1"),
        (a_vps(phase="paused"), "paused"),
    ],
)
def test_progress_is_a_few_words(vps, words):
    assert standing.progress(vps) == words


@pytest.mark.parametrize(
    ("vps", "node", "command"),
    [
        (a_vps(), a_node(), "ssh -p 30000 root@127.0.0.1"),
        (a_vps(), a_node(address="10.1.2.3"), "ssh -p 30000 root@10.1.2.3"),
        (a_vps(), a_node(address=EVERYWHERE), "ssh -p 30000 root@alpha"),
        (a_vps(), None, "ssh -p 30000 root@n1"),
        (a_vps(ssh="unavailable"), a_node(), ""),
        (a_vps(ssh="disabled"), a_node(), ""),
    ],
)
def test_the_ssh_command_names_where_the_port_is_published(vps, node, command):
    assert standing.ssh_command(vps, node, reader=ALPHA) == command


def test_a_passwordless_vps_is_published_on_loopback_only():
    vps = a_vps()
    vps["spec"]["ssh"] = {"passwordless": True}
    assert (
        standing.ssh_command(vps, a_node(address=EVERYWHERE), reader=ALPHA) == "ssh -p 30000 root@127.0.0.1"
    )


def test_a_port_on_the_loopback_of_another_machine_is_reached_through_the_api_server():
    assert standing.ssh_command(a_vps(), a_node(), reader=Reader("beta")) == "kohakuriver vps connect dev"
    command = standing.ssh_command(a_vps(), a_node(), reader=Reader("beta"), key=Path("/home/me/.ssh/k"))
    assert command == "kohakuriver vps connect dev --key /home/me/.ssh/k"


def test_what_runs_can_be_entered_without_ssh_too():
    assert standing.next_commands(a_vps(ssh="disabled"), a_node()) == ["kohakuriver connect dev"]


def test_a_generated_key_is_named():
    command = standing.ssh_command(a_vps(), a_node(), reader=ALPHA, key=Path("/home/me/.ssh/k"))
    assert command == "ssh -i /home/me/.ssh/k -p 30000 root@127.0.0.1"


@pytest.mark.parametrize(
    ("vps", "commands"),
    [
        (a_vps(phase="stopped", run_state="Stopped"), ["kohakuriver vps start dev"]),
        (a_vps(phase="stopped", reason="NodeDrained"), ["kohakuriver node uncordon n1"]),
        (a_vps(phase="paused"), ["kohakuriver vps resume dev"]),
        (a_vps(phase="pending", node=""), ["kohakuriver node list"]),
        (a_vps(phase="lost"), ["kohakuriver node status n1"]),
        (a_vps(phase="assigning"), ["kohakuriver get vps dev -w"]),
    ],
)
def test_each_phase_has_a_next_command(vps, commands):
    assert standing.next_commands(vps, None) == commands


def test_a_command_names_the_namespace_and_the_context_that_it_needs():
    vps = a_vps(ssh="disabled")
    vps["metadata"]["namespace"] = "lab"
    away = Reader(options=("--context", "attic"))
    assert standing.next_commands(vps, None, reader=away) == [
        "kohakuriver connect dev -n lab --context attic"
    ]
    assert standing.next_commands(vps, None, reader=Reader(namespace="lab")) == ["kohakuriver connect dev"]


def test_a_pending_change_is_offered_a_restart():
    vps = a_vps()
    vps["status"]["conditions"] = [{"type": "RestartRequired", "status": "True"}]
    assert standing.next_commands(vps, a_node())[-1] == "kohakuriver vps restart dev"


@pytest.mark.parametrize("reason", ["ImageChanged", "FilesKept"])
def test_what_only_the_owners_word_brings_about_is_offered_no_restart_that_changes_nothing(reason):
    vps = a_vps()
    vps["status"]["conditions"] = [{"type": "RestartRequired", "status": "True", "reason": reason}]
    assert not any("vps restart" in command for command in standing.next_commands(vps, a_node()))


def test_what_is_held_is_said_in_the_words_it_was_declared_in():
    vps = a_vps(cores="0.2", memory="64M")
    vps["status"]["assignment"]["grant"] |= {"cores": "200m", "memory": "62500Ki"}
    assert standing.resources(vps) == "0.2 cores, 64M"
    vps["status"]["assignment"]["grant"] |= {"cores": "1", "memory": "1Gi"}
    assert standing.resources(vps) == "1 core, 1Gi"


@pytest.mark.parametrize("said", ["$(touch pwned)", "n1;id", "-oProxyCommand=id", "n1\nid", "a b"])
def test_what_a_node_says_of_itself_is_no_command_in_anybodys_shell(said):
    node = a_node(address=said)
    assert standing.ssh_command(a_vps(), node, reader=ALPHA) == "ssh -p 30000 root@alpha"
    node["status"]["nodeInfo"] = {"hostname": said}
    assert standing.ssh_command(a_vps(), node, reader=ALPHA) == "ssh -p 30000 root@n1"


def test_one_that_is_being_deleted_is_watched_and_not_cured():
    vps = a_vps(phase="stopped", reason="NodeDrained")
    vps["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert standing.next_commands(vps, None) == ["kohakuriver get vps dev -w"]
