"""What no waiting cures ends the wait, with the reason and the next step; each such reason has one."""

import pytest

from kohakuriver.cli.view import cures, standing
from kohakuriver.cli.view.standing import Reader
from kohakuriver.cli.vps import goals, waiting
from kohakuriver.resources import reasons
from tests.cli.vps.objects import a_vps

UID = "uid-of-dev"
EVERY = sorted(reasons.SCHEDULING | reasons.OBSERVED | reasons.WORTH_TELLING)


def pending(reason, why="", *, generation=1, **more):
    vps = a_vps(phase="pending", node="", reason=reason, why=why, **more)
    said = {"type": "Scheduled", "status": "False", "reason": reason, "observedGeneration": generation}
    vps["status"]["conditions"] = [said]
    return vps


def failing(reason, why="", **more):
    return a_vps(phase="assigning", state="failed", reason=reason, why=why, **more)


@pytest.mark.parametrize("reason", EVERY)
def test_every_such_reason_has_something_that_somebody_can_do(reason):
    vps = a_vps(
        mounts=[{"source": "/data", "target": "/data"}],
        security={"capabilities": {"add": ["NET_ADMIN"]}},
        privileged=True,
    )
    cure = cures.cure(vps, reason, standing.HERE)
    assert cure is not None
    assert cure.command.startswith("kohakuriver ") and cure.once and cure.do


@pytest.mark.parametrize("reason", sorted(reasons.SCHEDULING))
@pytest.mark.parametrize("goal", [goals.running, goals.restarted], ids=["running", "restarted"])
def test_no_node_and_never_one_ends_the_wait(goal, reason):
    with pytest.raises(goals.InVain):
        goal(UID)(pending(reason, restart=("r2", "")))


@pytest.mark.parametrize("reason", sorted(reasons.OBSERVED))
def test_what_its_node_can_never_do_ends_the_wait(reason):
    with pytest.raises(goals.InVain):
        goals.running(UID)(failing(reason))
    with pytest.raises(goals.InVain):
        goals.paused(UID)(failing(reason, run_state="Paused"))


@pytest.mark.parametrize(
    "vps",
    [
        pending("Unschedulable", "0 of 1 nodes fit"),
        pending("NoNodes"),
        pending("QuotaExceeded"),
        failing("ImagePullFailed"),
        failing(reasons.IMAGE_NOT_FOUND),
        failing(reasons.CRASH_LOOP),
        failing("EngineRefused"),
        failing("EnvironmentNotReady"),
        a_vps(phase="lost", reason="NodeUnreachable"),
    ],
    ids=lambda vps: vps["status"]["reason"],
)
def test_what_may_pass_is_waited_for(vps):
    assert goals.running(UID)(vps)


def test_a_word_about_an_earlier_spec_ends_no_wait():
    edited = pending(reasons.NODE_NOT_FOUND, generation=1)
    edited["metadata"]["generation"] = 2
    assert goals.running(UID)(edited)
    unseen = failing(reasons.CONTAINER_REFUSED)
    unseen["metadata"]["generation"] = 2
    assert goals.running(UID)(unseen)


def test_a_stop_needs_nobodys_consent():
    vps = a_vps(phase="stopped", node="", run_state="Stopped", reason="Stopped")
    assert goals.stopped(UID)(vps) == ""


TYPED = [
    (
        pending(reasons.NODE_NOT_FOUND, "node nope does not exist", placement={"node": "nope"}),
        "node nope does not exist; vps/dev stays declared and runs once that node is there",
        "name another node (kohakuriver node list): kohakuriver edit vps dev -n lab",
    ),
    (
        pending(
            reasons.MOUNT_NOT_ALLOWED,
            "node vm allows no mount of /data (agent option --allow-mount /data)",
            placement={"node": "vm"},
            mounts=[{"source": "/data", "target": "/data"}],
        ),
        "node vm allows no mount of /data (agent option --allow-mount /data); "
        "vps/dev stays declared and runs once its node allows it",
        "start the agent of a node with --allow-mount /data; where `up` made the cluster, "
        "after `kohakuriver down`: kohakuriver up --detach --allow-mount /data",
    ),
    (
        pending(reasons.LABEL_NOT_FOUND, "none", placement={"nodeSelector": {"disk": "ssd"}}),
        "none; vps/dev stays declared and runs once a node has the label",
        "give a node the label (which: kohakuriver node list): kohakuriver label node NODE disk=ssd",
    ),
    (
        pending(reasons.NODE_CORDONED, "node vm is cordoned", placement={"node": "vm"}),
        "node vm is cordoned; vps/dev stays declared and runs once its node is uncordoned",
        "uncordon it: kohakuriver node uncordon vm",
    ),
    (
        failing(reasons.ENVIRONMENT_MISSING, "there is no Environment", environment="lab"),
        "there is no Environment; vps/dev stays declared and runs once there is that Environment",
        "make it: kohakuriver env create lab --image IMAGE",
    ),
]


@pytest.mark.parametrize(("vps", "message", "hint"), TYPED)
def test_the_end_of_a_wait_says_why_and_what_stays_and_what_to_do(vps, message, hint):
    vps["metadata"]["namespace"] = "lab"
    goal = waiting.Goal("dev", goals.running(UID), "running")
    error = waiting.in_vain(goal, goals.InVain(vps, vps["status"]["reason"]), Reader())
    assert (error.message, error.hint) == (message, hint)


def test_one_to_be_paused_is_paused_then():
    goal = waiting.Goal("dev", goals.paused(UID), "paused", "is paused")
    vps = pending(reasons.NODE_NOT_FOUND, "node nope does not exist", run_state="Paused")
    error = waiting.in_vain(goal, goals.InVain(vps, reasons.NODE_NOT_FOUND), standing.HERE)
    assert "vps/dev stays declared and is paused once that node is there" in error.message


def test_what_a_registry_says_often_is_told_once_and_the_wait_goes_on():
    state = waiting.Wait([waiting.Goal("dev", goals.running(UID), "running")])
    for seconds in (4, 8):
        why = f"registry r has no image x:1; next try in {seconds} s"
        vps = failing(reasons.IMAGE_NOT_FOUND, why)
        assert state.see(waiting.follow.Change("MODIFIED", vps)) == []
    assert state.news == [
        "vps/dev: registry r has no image x:1; next try in 4 s\n"
        "hint: correct the name of the image: kohakuriver edit vps dev"
    ]
    assert state.line() == (
        "vps/dev: registry r has no image x:1; next try in 8 s",
        "registry r has no image x:1; next try in 8 s",
    )


@pytest.mark.parametrize(
    ("vps", "commands"),
    [
        (pending(reasons.NODE_NOT_FOUND), ["kohakuriver edit vps dev"]),
        (pending("Unschedulable"), ["kohakuriver node list"]),
        (
            pending(reasons.PRIVILEGED_NOT_ALLOWED),
            [
                "kohakuriver up --detach --allow-privileged"
                "  # after kohakuriver down; an agent that runs by itself has the same option"
            ],
        ),
        (failing(reasons.IMAGE_DENIED), ["kohakuriver edit vps dev"]),
        (failing("ImagePullFailed"), ["kohakuriver get vps dev -w"]),
        (failing(reasons.CRASH_LOOP), ["kohakuriver logs dev"]),
        (failing(reasons.NOTHING_TO_RUN), ["kohakuriver edit vps dev"]),
        (failing(reasons.ENVIRONMENT_MISSING, environment="e"), ["kohakuriver env create e --image IMAGE"]),
        (
            a_vps(phase="stopped", reason="OOMKilled", restartPolicy="Never"),
            [
                """kohakuriver patch vps dev -p '{"spec": {"resources": {"memory": "8Gi"}}}'""",
                "kohakuriver vps start dev",
            ],
        ),
        (a_vps(phase="stopped", reason="NodeDrained"), ["kohakuriver node uncordon n1"]),
        (a_vps(phase="stopped", reason=reasons.DISK_LIMIT_EXCEEDED), ["kohakuriver edit vps dev"]),
        (a_vps(phase="stopped", reason="Stopped"), ["kohakuriver vps start dev"]),
    ],
)
def test_status_offers_what_helps(vps, commands):
    assert standing.next_commands(vps, None) == commands
