"""What a VPS that does not run says of itself: what happened, the number, and what to do next."""

import dataclasses

import pytest

from kohakuriver.agent.deciding import restart
from kohakuriver.agent.deciding.memory import Cause, Exit, ImageState, ImageView
from kohakuriver.agent.login.access import without_sshd
from kohakuriver.agent.runtime.base import Limits
from kohakuriver.agent.runtime.failures import from_answer
from kohakuriver.resources import reasons
from kohakuriver.resources.vps import ObservedState, RestartPolicy
from tests.agent.builders import FIRST_RUN, NOON, a_container, a_vps, exited, judged, known

GI = 1 << 30


def backing_off(*, code, failures=3, oom=False, namespace="default", hint=""):
    vps = a_vps(namespace=namespace, limits=Limits(1000, GI // 4))
    ended = exited(vps, code=code, oom_killed=oom)
    last = Exit(FIRST_RUN, Cause.PROGRAM, NOON, NOON + 4, hint=hint)
    memory = known(vps, a_container(vps), failures=failures, exit=last)
    said = judged(vps, ended, memory)
    assert said.state is ObservedState.BACKOFF
    return said.reason, said.message


@pytest.mark.parametrize(
    ("ending", "reason", "message"),
    [
        (
            {"code": 3},
            reasons.CRASH_LOOP,
            "its main process ended with exit code 3; next start in 4 s; "
            "see its output: kohakuriver logs dev",
        ),
        (
            {"code": 3, "failures": 1, "namespace": "lab"},
            "Error",
            "its main process ended with exit code 3; next start in 1 s; "
            "see its output: kohakuriver logs dev -n lab",
        ),
        (
            {"code": 137, "oom": True},
            "OOMKilled",
            "its main process was killed because its memory ran out (256Mi); next start in 4 s; "
            """give it more: kohakuriver patch vps dev -p '{"spec": {"resources": {"memory": "512Mi"}}}'""",
        ),
        (
            {"code": 127, "hint": 'the image i cannot run "/srv/run"'},
            reasons.NOTHING_TO_RUN,
            "its main process ended with exit code 127 (its program was not found): "
            'the image i cannot run "/srv/run"; next start in 4 s; see its output: kohakuriver logs dev',
        ),
        (
            {"code": 126, "failures": 1},
            "Error",
            "its main process ended with exit code 126 (its program is there, and cannot be run); "
            "next start in 1 s; see its output: kohakuriver logs dev",
        ),
    ],
)
def test_one_that_ends_again_and_again_says_how_and_where_to_look(ending, reason, message):
    assert backing_off(**ending) == (reason, message)


def test_one_that_is_left_as_it_ended_names_the_limit_too():
    over = restart.ended(RestartPolicy.NEVER, exit_code=137, oom_killed=True, memory=GI)
    assert over is not None
    assert over.message == (
        "its main process was killed because its memory ran out (1Gi); restartPolicy Never leaves it so"
    )


def test_an_image_that_failed_often_for_what_lasts_has_a_reason_of_its_own():
    vps = a_vps()
    failed = ImageView(ImageState.FAILED, "registry r has no image x:1; next try in 4 s", 4.0)
    for view, reason in (
        (failed, "ImagePullFailed"),
        (dataclasses.replace(failed, reason=reasons.IMAGE_NOT_FOUND), reasons.IMAGE_NOT_FOUND),
    ):
        said = judged(vps, None, known(vps, image=view))
        assert (said.state, said.reason, said.message) == (ObservedState.FAILED, reason, failed.message)


def test_an_image_without_sshd_says_which_ways_lead_in():
    assert without_sshd("alpine:3", a_vps(namespace="lab")) == (
        "the image alpine:3 has no /usr/sbin/sshd; these get in without SSH: "
        "kohakuriver connect dev -n lab, and exec, cp and forward"
    )


@pytest.mark.parametrize(
    ("status", "message", "name"),
    [
        (400, "invalid mount config for type bind", reasons.CONTAINER_REFUSED),
        (500, 'could not select device driver "" with capabilities: [[gpu]]', reasons.CONTAINER_REFUSED),
        (500, "no space left on device", "EngineRefused"),
        (404, "network kohakuriver-1 not found", "EngineRefused"),
    ],
)
def test_what_the_engine_never_takes_is_told_apart_from_what_it_cannot_do_now(status, message, name):
    assert type(from_answer(status, message)).__name__ == name
