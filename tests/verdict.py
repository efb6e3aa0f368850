"""What a run of the tests says at its end: what failed, what was flaky, and where the logs of both lie.

A test of the real part (etcd, Docker or whole programs) that fails is run again up to twice. One that passes
then is *flaky*: it is listed with its first failure in full, and counted. More than `MOST_FLAKY` of them fail
the run. Nothing else is forgiven.
"""

import dataclasses
import re
import time
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

MOST_FLAKY = 5


@dataclasses.dataclass
class Tally:
    """What became of each test of one run, by its id."""

    began: float = dataclasses.field(default_factory=time.monotonic)
    passed: set[str] = dataclasses.field(default_factory=set)
    failed: set[str] = dataclasses.field(default_factory=set)
    skipped: set[str] = dataclasses.field(default_factory=set)
    first_failures: dict[str, str] = dataclasses.field(default_factory=dict)

    def add(self, report: pytest.TestReport) -> None:
        name = report.nodeid
        if report.outcome == "rerun":
            self.first_failures.setdefault(name, told_by(report))
        elif report.failed:
            self.failed.add(name)
        elif report.skipped:
            self.skipped.add(name)
        elif report.when == "call":
            self.passed.add(name)

    @property
    def flaky(self) -> dict[str, str]:
        """The first failure of each test that failed and then passed."""
        return {name: told for name, told in self.first_failures.items() if name not in self.failed}

    def line(self) -> str:
        """How many passed, failed, were flaky, were skipped, and the minutes: what `make test` prints."""
        counts = (self.passed - self.failed, self.failed, self.flaky, self.skipped)
        minutes = (time.monotonic() - self.began) / 60
        return " ".join([*(str(len(one)) for one in counts), f"{minutes:.1f}"])


TALLY = pytest.StashKey[Tally]()


def told_by(report: pytest.TestReport) -> str:
    """The failure in full: the traceback, and what the programs of the test said."""
    sections = [f"---- {title} ----\n{text}" for title, text in report.sections]
    return "\n".join([f"{report.nodeid} ({report.when})", report.longreprtext, *sections])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--logs", type=Path, help="the folder for the logs of tests that fail, and for the tally"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # pytest-xdist's workers report to the one process that counts
        config.stash[TALLY] = Tally()
        config.pluginmanager.register(Counting(config), "verdict-counting")


class Counting:
    """The hooks of the process that hears all reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._tally = config.stash[TALLY]
        self._logs: Path | None = config.getoption("--logs")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._tally.add(report)
        if self._logs is not None and (report.failed or report.outcome == "rerun"):
            self._logs.mkdir(parents=True, exist_ok=True)
            name = re.sub(r"[^\w.-]+", "_", report.nodeid.removeprefix("tests/"))[:150]
            with (self._logs / f"{name}.log").open("a") as file:
                file.write(f"{told_by(report)}\n\n")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if len(self._tally.flaky) > MOST_FLAKY and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._logs is not None:
            self._logs.mkdir(parents=True, exist_ok=True)
            (self._logs / "tally").write_text(self._tally.line() + "\n")

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        flaky = self._tally.flaky
        if not flaky:
            return
        terminalreporter.section(f"FLAKY: {len(flaky)} failed first and passed then", red=True)
        for told in flaky.values():
            terminalreporter.write_line(told)
            terminalreporter.write_line("")
        for name in flaky:
            terminalreporter.write_line(f"FLAKY {name}")
        if len(flaky) > MOST_FLAKY:
            terminalreporter.write_line(f"more than {MOST_FLAKY} flaky tests fail the run", red=True)
