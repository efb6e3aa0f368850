"""What runs from a data directory, as the supervisor writes it down for `up`, `down` and `up --detach`.

A record can outlive what it tells of: pids count only together with their start times.
"""

import dataclasses
import json
from pathlib import Path

from kohakuriver import private_file
from kohakuriver.cli.local.process import Process

STOPPING_ORDER = ("agent", "controller", "apiserver", "etcd")


@dataclasses.dataclass(frozen=True)
class RunState:
    """One run of `up`."""

    supervisor: Process
    url: str
    unit: str = ""  # the systemd unit that it runs under
    ready: bool = False
    programs: dict[str, Process] = dataclasses.field(default_factory=dict)
    deaths: dict[str, int] = dataclasses.field(default_factory=dict)  # by program, since the start

    def survivors(self) -> list[tuple[str, Process]]:
        """The programs that still run, in the order to stop them."""
        names = [name for name in STOPPING_ORDER if name in self.programs]
        return [(name, self.programs[name]) for name in names if self.programs[name].alive]


def read(file: Path) -> RunState | None:
    """None when nothing was ever run, or the file is not whole."""
    try:
        found = json.loads(file.read_text())
        return RunState(
            supervisor=Process(**found["supervisor"]),
            url=found["url"],
            unit=found["unit"],
            ready=found["ready"],
            programs={name: Process(**one) for name, one in found["programs"].items()},
            deaths=found["deaths"],
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write(file: Path, state: RunState) -> None:
    private_file.write(file, json.dumps(dataclasses.asdict(state), indent=2) + "\n")
