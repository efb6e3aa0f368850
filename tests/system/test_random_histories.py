"""Random histories on a simulated cluster: what people do, what breaks, and the rules that always hold.

`make simulate SEEDS=2000` plays more of them. A failure names the rule, the seed and the history; the history
can be pasted into a test as it is.
"""

from pathlib import Path

import pytest

from tests.system.simulation.play import play
from tests.system.simulation.steps import a_history

pytestmark = pytest.mark.looptime


async def test_whatever_is_done_and_breaks_what_was_declared_is_what_runs(seed: int, tmp_path: Path) -> None:
    await play(a_history(seed), tmp_path)
