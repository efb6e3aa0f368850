"""The restart policy and its backoff."""

import pytest

from kohakuriver.agent.deciding import restart
from kohakuriver.resources.vps import RestartPolicy


def test_the_pause_doubles_from_one_second_to_one_minute() -> None:
    assert [restart.delay(failures) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_thousand_exits_do_not_overflow_the_pause() -> None:
    assert restart.delay(1000) == 60


def test_always_means_after_any_exit() -> None:
    assert restart.ended(RestartPolicy.ALWAYS, exit_code=0, oom_killed=False) is None


@pytest.mark.parametrize(("code", "oom"), [(1, False), (137, True), (0, True)])
def test_on_failure_starts_again_what_failed(code: int, oom: bool) -> None:
    assert restart.ended(RestartPolicy.ON_FAILURE, exit_code=code, oom_killed=oom) is None


def test_on_failure_leaves_what_succeeded() -> None:
    over = restart.ended(RestartPolicy.ON_FAILURE, exit_code=0, oom_killed=False)
    assert over is not None and over.reason == "Completed"


def test_never_tells_success_from_failure_and_from_lack_of_memory() -> None:
    def reason(code: int, *, oom: bool = False) -> str:
        over = restart.ended(RestartPolicy.NEVER, exit_code=code, oom_killed=oom)
        assert over is not None
        return over.reason

    assert [reason(0), reason(3), reason(137, oom=True)] == ["Completed", "Error", "OOMKilled"]


def test_an_exit_by_signal_names_the_signal() -> None:
    assert restart.exit_words(143, oom_killed=False) == "ended with exit code 143 (signal 15)"
