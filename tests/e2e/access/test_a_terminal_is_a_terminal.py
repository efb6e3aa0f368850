"""`connect` and `exec` under a real PTY: editors, sizes, pastes, signals, codes; with bash and without."""

import hashlib
import re
import time

import pytest

from tests.e2e.access.person import person
from tests.e2e.conftest import Cluster, a_manifest, eventually

DEBIAN = a_manifest("dev", memory="256Mi", cores="1").replace("kohakuriver/busybox", "kohakuriver/debian-ssh")


UNDER_WAY = 16 << 20  # bytes that the buffers of all the connections on the way may hold


@pytest.fixture(scope="module")
def vpses(cluster: Cluster) -> Cluster:
    """A cluster with dev (Debian) and small (busybox)."""
    cluster.apply(f"{DEBIAN}  env: {{FROM_SPEC: 'yes'}}\n---\n{a_manifest('small')}")
    cluster.wait_running("dev")
    cluster.wait_running("small")
    return cluster


def test_the_shell_is_a_login_shell_of_root_with_a_terminal_of_our_size(vpses):
    with person(vpses, "connect", "dev", rows=31, cols=101) as she:
        she.prompt()
        assert she.ask("stty size; id -un; pwd; echo $0 $TERM $LANG $FROM_SPEC; shopt login_shell") == (
            "31 101\nroot\n/root\nbash xterm-256color C.UTF-8 yes\nlogin_shell    \ton\n"
        )
        assert not she.is_tty_restored()
        she.type("exit 7\r")
        assert she.leaves() == 7


def test_an_image_without_bash_has_a_shell_too_and_control_d_ends_it(vpses):
    with person(vpses, "connect", "small") as she:
        she.prompt()
        assert she.ask("echo $SHELL åé; tty | cut -c-9") == "/bin/sh åé\n/dev/pts/\n"
        she.type("\x04")
        assert she.leaves() == 0


def test_vim_edits_a_file_and_saves_it_and_the_screen_comes_back(vpses):
    with person(vpses, "connect", "dev") as she:
        she.prompt()
        she.type("vim -u NONE /root/poem\r")
        she.sees("poem")
        she.looks(seconds=0.5)
        assert "~" in she.text
        she.type("iFröhlich 雨\rsecond\x1b:wq\r")
        she.prompt()
        assert she.ask("cat /root/poem") == "Fröhlich 雨\nsecond\n"
        she.type("exit\r")
        assert she.leaves() == 0


def test_htop_draws_and_follows_the_size(vpses):
    with person(vpses, "exec", "dev", "-it", "--", "htop") as she:
        she.sees("Swp|Mem")
        she.looks(seconds=1)
        assert "PID" in she.text and "F10" in she.screen.display[-1]
        she.resize(40, 120)
        she.looks(seconds=2)
        assert "F10" in she.screen.display[-1], "the last line is not the new last line"
        she.type("q")
        assert she.leaves() == 0


@pytest.mark.fault(53)
def test_a_storm_of_sizes_ends_at_the_last_one(vpses):
    with person(vpses, "connect", "dev") as she:
        she.prompt()
        for rows in range(20, 60):
            she.resize(rows, 80 + rows)
        she.resize(33, 77)
        she.looks(seconds=1)
        assert she.ask("stty size") == "33 77\n"


@pytest.mark.fault(53)
def test_a_megabyte_pasted_arrives_whole_in_brackets_too(vpses):
    line = "0123456789 überall 雨 " * 3 + "\n"
    text = (line * (1_000_000 // len(line.encode()) + 1)).encode()
    with person(vpses, "connect", "dev") as she:
        she.prompt()
        she.type("stty -echo; cat > /root/paste; md5sum < /root/paste\r")
        she.looks(seconds=0.5)
        for start in range(0, len(text), 4096):
            she.type(text[start : start + 4096])
        she.type("\x04")
        she.sees(hashlib.md5(text).hexdigest())  # noqa: S324 - no secret
        she.type("stty echo; printf '\\033[?2004h'; cat -v\r")
        she.looks(seconds=0.5)
        she.type("\x1b[200~a\r~.\rb\x1b[201~\r")
        she.sees(r"\^\[\[200~a\r\n~\.\r\nb\^\[\[201~")
        she.type("\x03")


@pytest.mark.fault(53)
def test_characters_and_binary_are_not_spoiled_at_a_cut(vpses):
    script = (
        "python3 -c pass 2>/dev/null; for i in $(seq 500); do printf 'ünïcödé-雨-%s ' $i; done; echo;"
        " head -c 300000 /dev/zero | tr '\\\\0' '\\\\377' | od -An -c | tail -1"
    )
    with person(vpses, "connect", "dev", cols=200) as she:
        she.prompt()
        found = she.ask(script)
        assert [f"ünïcödé-雨-{number}" in found for number in range(1, 501)].count(False) == 0
        assert "�" not in found


@pytest.mark.fault(52)
def test_control_c_stops_a_flood_at_once_and_memory_stays_flat(vpses, engine):
    with person(vpses, "connect", "dev") as she:
        she.prompt()
        she.are_eyes_shut, she.child.searchwindowsize = True, 500
        she.type("yes\r")
        she.looks(seconds=3)
        before = she.came
        she.type("\x03")
        she.sees(r"\^C")
        assert she.came - before < UNDER_WAY, f"{she.came - before} bytes came after Ctrl-C"
        she.prompt()
        she.type("cat /dev/urandom\r")
        she.looks(seconds=1)
        she.type("\x03")
        she.looks(seconds=0.5)
        she.type("reset\r")
        she.prompt()
        assert she.ask("echo well") == "well\n"


@pytest.mark.fault(49)
def test_a_client_that_is_killed_leaves_no_shell_behind_after_the_window(vpses, engine):
    vpses.kube("patch", "vps", "dev", "--type=merge", "-p", '{"spec":{"sessions":{"detachedFor":"2s"}}}')
    container = vpses.get("dev")["status"]["observed"]["container"]["id"]
    with person(vpses, "connect", "dev") as she:
        she.prompt()
        she.type("sleep 12345 & sleep 54321\r")
        eventually(lambda: "54321" in str(engine.top(container)))
        she.dies()
        ends = time.monotonic() + 60
        while re.search("bash -l|sleep 12345|sleep 54321", left := str(engine.top(container))):
            assert time.monotonic() < ends, f"left over: {left}"
            time.sleep(0.2)
    assert vpses.cli("sessions", "dev").out == ""
    vpses.kube("patch", "vps", "dev", "--type=merge", "-p", '{"spec":{"sessions":{"detachedFor":"24h"}}}')


def test_pipes_are_binary_clean_and_codes_are_passed_through(vpses, tmp_path):
    data = bytes(range(256)) * 8000
    copied = vpses.run_bytes("exec", "small", "-i", "--", "cat", stdin=data)
    assert copied == (0, data, b"")
    assert vpses.run_bytes("exec", "small", "--", "sh", "-c", "echo out; echo err >&2; exit 9") == (
        9,
        b"out\n",
        b"err\n",
    )
    code, _, said = vpses.run_bytes("exec", "small", "--", "nothing-of-the-sort")
    assert (code, said) == (127, b"there is no command nothing-of-the-sort in the VPS\n")


def test_logs_show_what_the_main_process_wrote_of_a_stopped_vps_too(vpses):
    vpses.apply(
        a_manifest(
            "talker", more="  command: [sh, -c, 'echo one >&2; sleep 0.3; echo two; exec sleep 1000']\n"
        )
    )
    vpses.wait_running("talker")
    shown = eventually(lambda: (said := vpses.cli("logs", "talker")).out and said)
    assert (shown.out, shown.err) == ("two\n", "one\n")
    assert vpses.cli("logs", "talker", "--since", "0s").out == ""
    with person(vpses, "logs", "-f", "talker", "--tail", "1") as she:
        she.sees("two")
        vpses.ok("vps", "stop", "talker")
        she.sees("talker: the VPS stopped")
        assert she.leaves() == 0
    assert vpses.ok("logs", "talker", "--tail", "9") == "two\n"


@pytest.mark.parametrize("verb", ["stop", "pause"])
def test_what_cannot_be_entered_says_why_and_what_to_do(vpses, verb):
    vpses.apply(a_manifest("asleep"))
    vpses.wait_running("asleep")
    vpses.ok("vps", verb, "asleep")
    for words in (("exec", "asleep", "--", "true"),):
        refused = vpses.cli(*words)
        assert refused.code == 1
        assert f"asleep is {verb.rstrip('e')}" in refused.err.replace("stopped", "stop").replace(
            "paused", "paus"
        )
        assert f"kohakuriver vps {'start' if verb == 'stop' else 'resume'} asleep" in refused.err
    unknown = vpses.cli("exec", "nobody", "--", "true")
    assert (unknown.code, 'there is no VPS "nobody"' in unknown.err) == (1, True)
    vpses.ok("vps", "delete", "asleep")
