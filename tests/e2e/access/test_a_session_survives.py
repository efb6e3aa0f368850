"""Links cut, programs killed, VPSes stopped under a session: the same shell again, or one line why."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from tests.e2e.access.link import Link
from tests.e2e.access.person import Eyes, Person, person
from tests.e2e.conftest import BIN, Cluster, a_manifest, eventually

COUNT = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line-$i-; sleep 0.1; done; echo all''-told"


@pytest.fixture
def vps(cluster: Cluster) -> Iterator[str]:
    """A VPS of this test's own."""
    name = f"s{time.monotonic_ns() % 10**9}"
    cluster.apply(a_manifest(name))
    cluster.wait_running(name)
    yield name
    cluster.cli("vps", "delete", name)


@pytest.fixture
def link(cluster: Cluster, tmp_path) -> Iterator[Link]:
    one = Link(cluster.config, tmp_path)
    yield one
    one.close()


def program(cluster: Cluster, name: str) -> int:
    """The pid of one of the cluster's programs, as `up` keeps it."""
    return json.loads((cluster.data_dir / "run.json").read_text())["programs"][name]["pid"]


def holder(cluster: Cluster) -> int:
    """The pid of the session holder of the cluster's node."""
    found = subprocess.run(
        ["pgrep", "-f", f"agent.holder {cluster.data_dir.resolve()}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return int(found.stdout.split()[0])


def told_once(she: Person) -> None:
    """Every line of COUNT came, each once and in order, whatever was shown in between."""
    before = she.sees(r"(?s)(.*)all-told").group(1).decode()
    assert [int(one) for one in re.findall(r"line-(\d+)-", before)] == list(range(1, 61))


def test_the_eyes_of_a_person_find_their_place_again_however_often_they_were_away():
    screen = Eyes(80, 24)
    eyes = pyte.ByteStream(screen)
    eyes.feed(b"typed\r\n/ # \x1bD\x1b[A\x1b7")
    for _ in range(3):
        eyes.feed(b"\x1b8\r\x1bD\x1b[2Kreconnecting")
    eyes.feed(b"\r\x1b[2K\x1b8")
    assert (screen.cursor.y, screen.cursor.x) == (1, 4)


@pytest.mark.fault(48)
def test_a_silent_link_is_told_and_healed_without_loss(cluster, vps, link):
    with person(cluster, "connect", vps, config=link.config) as she:
        she.prompt()
        she.ask("remembered=yes; true")
        she.type(f"{COUNT}\r")
        before = she.sees(r"(?s)(.*line-5-)").group(1).decode()
        link.fall_silent()
        before += she.sees(r"(?s)(.*)reconnecting").group(1).decode()
        link.heal()
        rest = she.sees(r"(?s)(.*)all-told").group(1).decode()
        assert [int(one) for one in re.findall(r"line-(\d+)-", before + rest)] == list(range(1, 61))
        assert she.ask("echo $remembered") == "yes\n"
        she.type("exit 3\r")
        assert she.leaves() == 3


@pytest.mark.fault(48)
def test_what_is_typed_while_the_link_is_down_arrives_once(cluster, vps, link):
    with person(cluster, "connect", vps, config=link.config) as she:
        she.prompt()
        for number in range(5):
            link.cut()
            she.type(f"echo typed-{number}''-\r")
            she.sees(rf"typed-{number}-")
        assert she.ask("echo well") == "well\n"
        link.fall_silent()
        she.type("echo in-the-dark >> /tmp/dark\r")
        she.sees("reconnecting")
        she.type("echo in-the-dark >> /tmp/dark\r")
        link.heal()
        she.looks(seconds=3)
        assert she.ask("grep -c in-the-dark /tmp/dark") == "2\n"


@pytest.mark.fault(1, 50)
@pytest.mark.parametrize("victim", ["apiserver", "agent"])
def test_a_program_that_is_killed_costs_nobody_their_shell(cluster, vps, victim):
    with person(cluster, "connect", vps) as she:
        she.prompt()
        she.ask("remembered=yes; true")
        she.type(f"{COUNT}\r")
        she.looks(seconds=1)
        os.kill(program(cluster, victim), signal.SIGKILL)
        told_once(she)
        assert she.ask("echo $remembered") == "yes\n"
        assert not she.is_tty_restored()
        she.type("exit\r")
        assert she.leaves() == 0


@pytest.mark.fault(50)
def test_a_shell_that_is_gone_is_told_in_one_line(cluster, vps):
    with person(cluster, "connect", vps) as she:
        she.prompt()
        os.kill(holder(cluster), signal.SIGKILL)
        she.sees("there is no session [a-z0-9]+ any more")
        she.sees(rf"kohakuriver connect {vps}|hung up")
        assert she.leaves() == 255


@pytest.mark.fault(51)
@pytest.mark.parametrize(
    ("verb", "told"),
    [("stop", "it was stopped"), ("delete", "it was deleted"), ("restart", "it was restarted")],
)
def test_a_vps_that_ends_under_a_session_is_told_and_the_terminal_is_as_before(cluster, vps, verb, told):
    with person(cluster, "connect", vps) as she:
        she.prompt()
        she.type("printf '\\033[?1049h\\033[?25l'; cat\r")  # as an editor would
        she.looks(seconds=0.5)
        ending = subprocess.Popen(
            [str(BIN / "kohakuriver"), "vps", verb, vps],
            env=cluster.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        shown = she.sees(rf"(?s)(.*)error: {vps}: {told}").group(1)
        assert b"\x1b[?25h" in shown and b"\x1b[?1049l" in shown, "the terminal was left as the editor had it"
        assert she.leaves() == 255
        assert ending.wait(60) == 0


@pytest.mark.fault(48)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_client_that_is_told_to_end_restores_the_terminal(cluster, vps, number):
    with person(cluster, "connect", vps, "--session", "kept") as she:
        she.prompt()
        she.ask("remembered=yes; true")
        os.kill(she.child.pid, number)
        she.sees("kohakuriver connect .* --session kept")
        assert she.leaves() == 128 + number
    with person(cluster, "connect", vps, "--session", "kept") as again:
        again.looks(seconds=1)
        assert again.ask("echo $remembered") == "yes\n"


@pytest.mark.fault(48)
def test_a_client_whose_terminal_takes_nothing_any_more_can_still_be_ended(cluster, vps):
    with person(cluster, "connect", vps) as she:
        she.prompt()
        she.type("yes\r")
        she.sees("y\r\ny")
        time.sleep(2)  # nobody reads the screen
        os.kill(she.child.pid, signal.SIGTERM)
        eventually(lambda: not she.child.isalive())
        assert she.is_tty_restored()


def test_detached_and_taken_over_sessions_are_listed_and_come_back(cluster, vps):
    with person(cluster, "connect", vps, "--session", "build") as she:
        she.prompt()
        she.ask("remembered=yes; true")
        she.type("\r~?")
        she.sees("leave the shell running")
        with person(cluster, "connect", "--session", "build", vps) as he:
            he.sees("back in session build")
            assert he.ask("echo $remembered") == "yes\n"
            she.sees(f"{vps}: the session was taken over")
            assert she.leaves() == 255
            assert "attached" in cluster.ok("sessions", vps)
            he.type("\r~.")
            he.sees(f"kohakuriver connect {vps} --session build")
            assert he.leaves() == 0
    listed = cluster.ok("sessions", vps)
    detached = r"detached for \d+s, hung up in (24h|23h)"
    assert re.search(rf"build +admin +login shell +80x24 +\d+s +{detached}", listed)
    with person(cluster, "connect", vps) as she:
        she.sees("you left one ")
        she.sees(f"kohakuriver connect {vps} --session build")
        she.prompt()
        she.type("exit\r")
        assert she.leaves() == 0
    with person(cluster, "connect", vps, "--session", "build") as she:
        assert she.ask("echo $remembered") == "yes\n"
        she.type("exit\r")
        assert she.leaves() == 0
    eventually(lambda: cluster.cli("sessions", vps).out == "")


@pytest.mark.fault(52)
def test_memory_stays_flat_while_floods_run_unseen_and_seen(cluster, vps):
    with person(cluster, "connect", vps) as she, person(cluster, "connect", vps) as he:
        pids = {
            "holder": holder(cluster),
            **{name: program(cluster, name) for name in ("agent", "apiserver")},
        }
        for one in (she, he):
            one.prompt()
            one.are_eyes_shut, one.child.searchwindowsize = True, 500
            one.type("yes\r")
        she.looks(seconds=2)  # he looks away: his flood has to wait
        before = {name: resident(pid) for name, pid in pids.items()}
        she.looks(seconds=6)
        grown = {name: resident(pid) - before[name] for name, pid in pids.items()}
        assert all(megabytes < 8 for megabytes in grown.values()), grown
        assert resident(pids["holder"]) <= 25, resident(pids["holder"])


def resident(pid: int) -> float:
    """Megabytes."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
