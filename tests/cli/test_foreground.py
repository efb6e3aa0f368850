"""What the supervisor tells of is written down, and a disk that takes nothing ends nobody."""

from pathlib import Path

from kohakuriver.cli.local import run_state
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.foreground import Reporter
from kohakuriver.cli.local.process import Process
from kohakuriver.cli.local.run_state import RunState
from kohakuriver.cli.local.supervisor import Ended, Ready, Started

ETCD = Process(pid=7, started="boot/1")
AGENT = Process(pid=8, started="boot/2")


def test_what_could_not_be_written_down_is_written_with_what_comes_next(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "river"
    folder.touch()  # no file can be made in it
    ready: list[bool] = []
    state = RunState(Process(pid=6, started="boot/0"), "https://127.0.0.1:6443")
    reporter = Reporter(ClusterFiles(folder), state, when_ready=lambda: ready.append(True))

    reporter.tell(Started("etcd", ETCD))
    reporter.tell(Ended("etcd", 1, 3.0, 1.0, folder / "etcd.log"))
    assert f"cannot be written to {folder / 'run.json'}" in capsys.readouterr().err
    folder.unlink()
    reporter.tell(Started("agent", AGENT))
    reporter.tell(Ready("agent"))

    written = run_state.read(folder / "run.json")
    assert written is not None
    assert (written.programs, written.deaths) == ({"etcd": ETCD, "agent": AGENT}, {"etcd": 1})
    assert written.ready and ready == [True]
