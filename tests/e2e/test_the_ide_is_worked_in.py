"""`connect --ide` on a real container, at a terminal whose screen is read back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import BIN, Cluster, a_manifest, containers
from tests.e2e.on_screen import OnScreen

MAIN = "import os\n\n\ndef main():\n    return os\n"
F12, CTRL_P, CTRL_Q, CTRL_S, RIGHT = "\x1b[24~", "\x10", "\x11", "\x13", "\x1b[C"


class Vps:
    """A VPS `desk` and its container."""

    def __init__(self, cluster: Cluster, engine) -> None:
        self.cluster = cluster
        self._engine = engine
        (container,) = containers(engine, "desk")
        self._id = container["Id"]

    def run(self, command: str) -> str:
        made = self._engine.exec_create(self._id, ["sh", "-c", command])["Id"]
        return self._engine.exec_start(made).decode()

    @property
    def main(self) -> str:
        return self.run("cat /root/main.py")

    def ide(self, *, rows: int = 24, columns: int = 80) -> OnScreen:
        command = [str(BIN / "kohakuriver"), "connect", "desk", "--ide"]
        return OnScreen(command, environment=self.cluster.environment(), rows=rows, columns=columns)


@pytest.fixture(scope="module")
def desk(cluster: Cluster, engine) -> Vps:
    """Of the base image, which has vim."""
    manifest = a_manifest("desk", memory="256Mi", cores="0.5")
    cluster.apply(manifest.replace("kohakuriver/busybox", "kohakuriver/debian-ssh"))
    cluster.wait_running("desk")
    return Vps(cluster, engine)


@pytest.fixture
def vps(desk: Vps, tmp_path: Path) -> Iterator[Vps]:
    (tmp_path / "main.py").write_text(MAIN)
    desk.run("rm -f /root/.main.py.sw?")
    desk.cluster.ok("cp", tmp_path / "main.py", "desk:main.py")
    return desk


def opened(ide: OnScreen) -> None:
    """With main.py in the editor and a shell below."""
    ide.until("main.py")
    ide.until("root@desk")
    ide.type(CTRL_P)
    ide.until("letters of its name")
    ide.type("main")
    ide.until("files")
    ide.type("\r")
    ide.until("def main")


@pytest.mark.fault(57)
@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (48, 160)])
def test_a_file_is_edited_saved_and_never_written_over_unasked(vps: Vps, rows: int, columns: int) -> None:
    with vps.ide(rows=rows, columns=columns) as ide:
        opened(ide)
        ide.type("# mine\r")
        ide.until("● main.py")
        ide.type(CTRL_S)
        ide.until("saved /root/main.py")
        assert vps.main == "# mine\n" + MAIN
        ide.type("more")
        vps.run("echo theirs > /root/main.py")
        ide.type(CTRL_S)
        ide.until("was changed on the node")
        assert vps.main == "theirs\n"
        ide.type(RIGHT + "\r")
        ide.until_gone("● main.py")
        assert vps.main == "# mine\nmore" + MAIN
        ide.type(CTRL_Q)
        assert ide.exit_code() == 0


@pytest.mark.fault(57)
def test_quitting_with_unsaved_text_asks_first(vps: Vps) -> None:
    with vps.ide() as ide:
        opened(ide)
        ide.type("# mine\r")
        ide.until("● main.py")
        ide.type(CTRL_Q)
        ide.until("There is unsaved text in main.py")
        ide.type("\x1b")
        ide.until_gone("There is unsaved text")
        assert vps.main == MAIN
        ide.type(CTRL_Q)
        ide.until("There is unsaved text in main.py")
        ide.type("\r")
        assert ide.exit_code() == 0
        assert vps.main == "# mine\n" + MAIN


def test_vim_in_the_terminal_edits_what_the_editor_then_shows(vps: Vps) -> None:
    with vps.ide() as ide:
        opened(ide)
        ide.type(F12)
        ide.until("F12 leaves the terminal")
        ide.type("vim -u NONE main.py\r")
        ide.until("5 lines, 38 bytes")
        ide.type("ggO# by vim\x1b")
        ide.until("# by vim")
        ide.type(":wq\r")
        ide.until("root@desk:~# vim -u NONE main.py")
        assert vps.main == "# by vim\n" + MAIN
        ide.type(F12)
        ide.until("1  # by vim")
        ide.type(CTRL_Q)
        assert ide.exit_code() == 0


@pytest.mark.fault(57)
def test_a_dead_link_loses_neither_text_nor_shell(vps: Vps) -> None:
    with vps.ide() as ide:
        opened(ide)
        ide.type(F12 + "mark=kept\r" + F12)
        ide.type("# mine\r")
        ide.until("● main.py")
        vps.cluster.down()
        ide.until("reconnecting")
        ide.type(CTRL_S)
        ide.until("Not saved")
        assert vps.main == MAIN
        vps.cluster.up()
        ide.until_gone("reconnecting")
        ide.type(CTRL_S)
        ide.until("saved /root/main.py")
        assert vps.main == "# mine\n" + MAIN
        ide.type(F12 + "echo it is $mark\r")
        ide.until("it is kept")
        ide.type(CTRL_Q)
        assert ide.exit_code() == 0
