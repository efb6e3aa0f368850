"""Random histories on a simulated cluster: what people do, what breaks, and the rules that always hold.

`make simulate SEEDS=2000` plays more of them. A failure names the rule, the seed and the history; the history
can be pasted into a test as it is.
"""

from pathlib import Path

import pytest

from tests.system.simulation.play import play
from tests.system.simulation.steps import Step, a_history

pytestmark = pytest.mark.looptime


async def test_whatever_is_done_and_breaks_what_was_declared_is_what_runs(
    seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    troubles = [*filter(None, request.config.getoption("--troubles").split(","))]
    await play(a_history(seed, given_up=0.06, troubles=troubles), tmp_path)


async def test_a_play_that_does_not_end_is_cut_and_says_how_far_it_had_come(tmp_path: Path) -> None:
    with pytest.raises(
        AssertionError, match=r"no end after 0\.5 s; it had come to \d+\.\d+ s of its own time"
    ):
        await play([Step(1e9, "drop_watches")], tmp_path, bound=0.5)
