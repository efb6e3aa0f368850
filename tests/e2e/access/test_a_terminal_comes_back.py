"""A shell with queries of vim, tmux and less in its output, left and shown again: nothing types itself."""

import shutil
import uuid
from collections.abc import Callable

import pytest

from tests.e2e.access.in_tmux import InTmux
from tests.e2e.conftest import BIN, Cluster, a_manifest
from tests.e2e.on_screen import OnScreen

DEBIAN = a_manifest("dev", memory="256Mi", cores="1").replace("kohakuriver/busybox", "kohakuriver/debian-ssh")
PROGRAMS = {
    "vim": ("vim -u NONE", "~", ":q\r"),
    "tmux": ("tmux", "[0] 0:", "\x04"),
    "less": ("less /etc/passwd", "/etc/passwd", "q"),
}
QUERIES = (
    r"\033[c\033[>c\033[=c\033[5n\033[6n\033[?6n\033[>q\033[?u\033[14t\033[18t\033[?2026$p"
    r"\033]10;?\a\033]11;?\a\033P$qm\033\\"
)
TERMINALS: dict[str, Callable[..., OnScreen | InTmux]] = {"ours": OnScreen, "tmux": InTmux}


@pytest.fixture(scope="module")
def dev(cluster: Cluster) -> Cluster:
    cluster.apply(DEBIAN)
    cluster.wait_running("dev")
    return cluster


@pytest.mark.fault(74)
@pytest.mark.parametrize("terminal", TERMINALS)
def test_a_shell_that_was_left_and_is_shown_again_has_nothing_typed_into_it(dev, terminal):
    if shutil.which(terminal) is None and terminal != "ours":
        pytest.skip(f"{terminal} is not on this machine")
    command = [str(BIN / "kohakuriver"), "connect", "dev", "--session", f"kept-{uuid.uuid4().hex[:8]}"]
    with TERMINALS[terminal](command, environment=dev.environment()) as first:
        first.until("root@dev")
        first.type("PS1='kr> '\r")
        for number, (program, drawn, quits) in enumerate(PROGRAMS.values()):
            first.type(f"{program}; echo left-$(({number} + 40))\r")
            first.until(drawn)
            first.type(quits)
            first.until(f"left-{number + 40}")
        # What it asks by itself is answered to it, and read by it.
        reads = "timeout 2 cat > /tmp/answers"
        first.type(f"stty raw -echo; printf '{QUERIES}'; {reads}; stty sane; echo asked-$((40 + 2))\r")
        first.until("asked-42")
        first.type("\r~.")
        first.until("left running") if terminal == "ours" else first.until_ended()
    with TERMINALS[terminal](command, environment=dev.environment()) as again:
        again.until("asked-42")
        again.type("# mine\r")
        again.type("echo end-$((40 + 2)) $(wc -c < /tmp/answers)\r")
        again.until("end-42")
        lines = [line.rstrip() for line in again.text.splitlines()]
        assert "kr> # mine" in lines, f"something was typed that nobody typed:\n{again.text}"
        assert "not found" not in again.text
        (end,) = [line for line in lines if line.startswith("end-42")]
        assert int(end.split()[1]) > 10, "the terminal answers nothing at all"
        again.type("exit\r")
