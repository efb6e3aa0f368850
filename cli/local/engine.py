"""The container engine of this machine, as `up` and `down --purge` ask for it: through the agent's own check.

The engine matters before a cluster begins. One that is away later stops nobody: the cluster runs on, and the
Node says so.
"""

import dataclasses
import json
import subprocess
from collections.abc import Sequence

from kohakuriver import errors
from kohakuriver.agent_options import DEFAULT_SOCKET
from kohakuriver.cli import programs, screen
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options


@dataclasses.dataclass(frozen=True)
class Engine:
    """Why it cannot be used (empty: it can), what to do then, whether this cluster ever used one here, and
    the ports of this machine that its containers have, whosever they are."""

    problem: str
    hint: str
    used_before: bool
    published: Sequence[int] = ()


def ask(files: ClusterFiles, options: Options) -> Engine:
    """Ask it now. Raises ConfigError where the agent's check itself does not run."""
    socket = options.docker_host or DEFAULT_SOCKET
    done = subprocess.run(
        programs.command("agent.engine_check", [socket, str(files.root / "agent")]),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    try:
        return Engine(**json.loads(done.stdout))
    except (ValueError, TypeError):
        said = (done.stderr.strip().splitlines() or [f"code {done.returncode}"])[-1]
        raise errors.ConfigError(
            f"the check of the container engine did not run: {said}", hint="install KohakuRiver again"
        ) from None


def insist(engine: Engine) -> None:
    """Before a cluster starts. Raises ConfigError for one that never had an engine here; else warns."""
    if not engine.problem:
        return
    if not engine.used_before:
        raise errors.ConfigError(engine.problem, hint=engine.hint)
    screen.warn(f"{engine.problem}; VPSes of this machine wait until that is mended: {engine.hint}")
