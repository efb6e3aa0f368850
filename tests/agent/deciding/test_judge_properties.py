"""Safety and convergence of `judge`, over generated worlds. A failure's message is the rule that broke."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.agent.deciding import labels, restart
from kohakuriver.agent.deciding.actions import (
    Action,
    Clean,
    Create,
    Fill,
    Finish,
    MakeAnew,
    Pause,
    PullImage,
    PutBack,
    Reject,
    Remove,
    RemoveVolumes,
    Retire,
    SetAside,
    Settle,
    Start,
    Stop,
    Tell,
    Unpause,
    Update,
    WriteFiles,
)
from kohakuriver.agent.deciding.desired import Around, Desired, Kept, Login, Refusal, Volume
from kohakuriver.agent.deciding.judge import LOOK_AGAIN, Verdict
from kohakuriver.agent.deciding.memory import (
    Cause,
    Durable,
    Exit,
    Filling,
    Hold,
    ImageState,
    ImageView,
    Memory,
    Recreation,
    Restart,
    SSHView,
    Trouble,
    replaces_files,
    run_of,
)
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.recreate import as_before
from kohakuriver.agent.runtime.base import Container, ContainerState, Limits
from kohakuriver.resources.vps import ObservedState, RestartPolicy, RunState
from tests.agent.builders import FIRST_RUN, LIMITS, NOON, SECOND_RUN, a_container, a_vps, judged, learn

ROUNDS = 40
LOGINS = (Login(), Login(keys=("ssh-ed25519 A a",)), Login(disabled=True))
RUNS = st.sampled_from([None, FIRST_RUN, SECOND_RUN])
COMMIT = "kohakuriver/commit-uid-of-d:1"
GRANTS = st.sampled_from([None, LIMITS, Limits(millicores=500, memory=1 << 29)])

vpses = st.builds(
    a_vps,
    run_state=st.sampled_from(RunState),
    restart_policy=st.sampled_from(RestartPolicy),
    limits=GRANTS,
    deleting=st.booleans(),
    epoch=st.integers(1, 2),
    uid=st.sampled_from(["uid-of-dev", "uid-of-another"]),
    login=st.sampled_from(LOGINS),
    restart_request=st.sampled_from(["", "a", "b"]),
    image=st.sampled_from(["kohakuriver/busybox", "another", ""]),
    replace_files=st.integers(0, 2),
    volumes=st.sampled_from([(), (Volume("a", "/a"), Volume("b", "/b", kept=False))]),
    around=st.builds(
        Around,
        drained=st.booleans(),
        over_disk=st.sampled_from(["", "its files take 12Gi"]),
        refusal=st.none() | st.just(Refusal("MountNotAllowed", "no")),
        kept=st.sampled_from([(), (Kept("a", "/a", 1, "sha256:1"),)]),
    ),
)


@st.composite
def containers(draw: st.DrawFn) -> Container | None:
    if draw(st.booleans()):
        return None
    made_for = a_vps(
        epoch=draw(st.integers(1, 2)),
        uid=draw(st.sampled_from(["uid-of-dev", "uid-of-another"])),
        replace_files=draw(st.integers(0, 2)),
    )
    state = draw(
        st.sampled_from([state for state in ContainerState if state is not ContainerState.RESTARTING])
    )
    run = None if state is ContainerState.CREATED else draw(st.sampled_from([FIRST_RUN, SECOND_RUN]))
    code = draw(st.sampled_from([0, 1, 137])) if state is ContainerState.EXITED else None
    name = made_for.container_name + draw(st.sampled_from(["", "-c1"]))
    return a_container(made_for, run=run, state=state, exit_code=code, limits=draw(GRANTS), name=name)


memories = st.builds(
    Memory,
    durable=st.builds(
        Durable,
        handled_request=st.sampled_from(["", "a"]),
        restart=st.none() | st.builds(Restart, request=st.sampled_from(["a", "b"]), run=RUNS),
        stopped_run=RUNS,
        login=st.none() | st.sampled_from([labels.login_hash(a_vps(login=login)) for login in LOGINS]),
        recreation=st.none()
        | st.builds(
            Recreation,
            old=st.sampled_from(["c1", "c0"]),
            run=RUNS,
            image=st.sampled_from(["", COMMIT]),
            base=st.just("kohakuriver/busybox"),
            word=st.integers(0, 2),
        ),
        passed_over=st.integers(0, 2),
        filling=st.none()
        | st.builds(
            Filling,
            id=st.just("f1"),
            snapshot=st.just("uid-of-s1"),
            title=st.just("s1"),
            image=st.sampled_from(["kohakuriver/busybox", "another"]),
            word=st.integers(0, 2),
            old=st.sampled_from(["", "c1", "c0"]),
            in_place=st.booleans(),
        ),
    ),
    copying_until=st.sampled_from([0.0, NOON + LOOK_AGAIN]),
    container_id=st.sampled_from([None, "c1", "c0"]),
    run=RUNS,
    running_since=st.none(),
    was_up=st.booleans(),
    was_paused=st.booleans(),
    paused_run=RUNS,
    interrupted_run=RUNS,
    restarts=st.integers(0, 5),
    failures=st.integers(0, 30),
    exit=st.none()
    | st.builds(
        Exit,
        run=st.sampled_from([FIRST_RUN, SECOND_RUN]),
        cause=st.sampled_from(Cause),
        at=st.just(NOON),
        retry_at=st.floats(NOON - 60, NOON + 60),
    ),
    touched_from_outside=st.booleans(),
    trouble=st.none()
    | st.builds(
        Trouble,
        reason=st.just("EngineRefused"),
        message=st.just("no"),
        failures=st.integers(1, 9),
        retry_at=st.floats(NOON - 60, NOON + 60),
        asked=st.tuples(st.booleans(), st.integers(1, 2)),
    ),
    image=st.builds(
        ImageView, state=st.sampled_from([ImageState.USABLE, ImageState.ABSENT]), message=st.just("")
    ),
    ssh=st.none() | st.builds(SSHView, run=st.sampled_from([FIRST_RUN, SECOND_RUN]), state=st.just("ready")),
    host_key=st.just(""),
    hold=st.none()
    | st.builds(
        Hold,
        reason=st.just("GPUMissing"),
        message=st.just("x"),
        failed=st.booleans(),
        uncreated=st.booleans(),
    ),
)


@given(vpses, containers(), memories, st.booleans())
def test_no_single_decision_breaks_a_rule(
    vps: Desired, container: Container | None, memory: Memory, learned: bool
) -> None:
    if learned:
        memory = learn(memory, vps, container, NOON)
    for action in judged(vps, container, memory).actions:
        _check(action, vps, container, memory)


@given(vpses, containers(), memories)
def test_what_is_said_fits_what_is_done(vps: Desired, container: Container | None, memory: Memory) -> None:
    memory = dataclasses.replace(memory, trouble=None)
    verdict = judged(vps, container, memory)
    for action in verdict.actions:
        if isinstance(action, Create | Fill | MakeAnew | SetAside | Start):
            coming = {ObservedState.CREATING, ObservedState.BACKOFF}
            assert verdict.state in coming, f"{action} follows, and it is said to be {verdict.state}"
        if isinstance(action, PullImage):
            coming = {ObservedState.PREPARING, ObservedState.FAILED, ObservedState.BACKOFF}
            assert verdict.state in coming, f"an image is fetched, and it is said to be {verdict.state}"
        if isinstance(action, Reject):
            said = (verdict.state, verdict.reason, verdict.message)
            assert said == (ObservedState.FAILED, action.reason, action.message), (
                "rejected for another reason"
            )
        if isinstance(action, Finish | Remove | Clean) and vps.deleting:
            assert verdict.state is ObservedState.REMOVING, f"it goes, and is said to be {verdict.state}"
    if verdict.reason == "Pulling":
        fetches = any(isinstance(action, PullImage) for action in verdict.actions)
        assert fetches or verdict.again is not None, "said to be pulling, and nobody pulls"


def _check(action: Action, vps: Desired, container: Container | None, memory: Memory) -> None:
    mine = container is not None and labels.is_for(container, vps)
    if isinstance(action, Remove):
        empty = container is not None and labels.never_ran(container)
        assert vps.deleting or empty, "a container that ran was removed of a VPS that is not being deleted"
        assert mine, "a container of another placement or object was removed"
    if isinstance(action, Create | Start):
        assert vps.around.refusal is None, "something was made or started that the node refuses"
        assert memory.hold is None or not memory.hold.failed, "something was started that cannot run"
        assert memory.hold is None or not memory.hold.uncreated, "what was made lacks something"
    if isinstance(action, Start):
        assert memory.hold is None, "a VPS was started while it had to wait"
        assert container is not None and labels.gpus(container) == vps.gpus, "started with others' GPUs"
    if isinstance(action, SetAside | MakeAnew):
        assert container is None or not container.is_up, "a container was made anew while it runs"
        assert container is None or mine, "a container of another placement or object was made anew"
        assert memory.hold is None or container is None, "made anew while it had to wait"
    if isinstance(action, Create | Start | MakeAnew | Fill):
        stale = Situation(vps, container, memory, NOON).is_filling_stale
        assert not stale, "something was made or started while its volumes hold what it is not to have"
    if isinstance(action, Fill | PutBack):
        assert container is None or not container.is_up or vps.deleting, "volumes were changed under it"
    if isinstance(action, Settle):
        has_run = container is not None and run_of(container) is not None
        assert vps.deleting or has_run, "what volumes held was removed before a container has run with more"
    if isinstance(action, MakeAnew):
        assert memory.durable.recreation is not None, "made anew before its files were set aside"
    if isinstance(action, Retire):
        assert container is not None and run_of(container) is not None, "retired before another has run"
        assert action.container_id != container.id, "the only container was retired"
    if isinstance(action, Clean):
        assert vps.deleting, "files were removed of a VPS that is not being deleted"
    if isinstance(action, RemoveVolumes):
        assert vps.deleting, "volumes were removed of a VPS that is not being deleted"
        kept = {volume.name for volume in vps.volumes if volume.kept}
        assert not kept & set(action.names), "a volume was removed that is to be kept"
    if isinstance(action, Reject):
        assert container is None and vps.around.refusal is not None, "a VPS was rejected without a cause"
    if isinstance(action, Create | SetAside | MakeAnew | Start | Unpause | PullImage):
        assert not vps.around.drained, "something was started on a drained node"
        assert not vps.around.over_disk, "something was started that has more on the disk than it may"
        assert vps.run_state is not RunState.STOPPED, "something was started for a Stopped VPS"
        assert vps.limits is not None, "something was started without a grant"
        assert not vps.deleting, "something was started for a VPS that is being deleted"
    if isinstance(action, Create):
        assert container is None, "a second container was created"
    if isinstance(action, Finish) and container is not None:
        assert mine, "a VPS was finished while a container of another placement has its name"
    if isinstance(action, Stop | Start | Pause | Unpause | Update | WriteFiles):
        assert mine, "a container of another placement or object was touched"
    if isinstance(action, Pause):
        assert vps.run_state is RunState.PAUSED, "a VPS was paused that is not declared Paused"
    if isinstance(action, Stop):
        wanted = vps.deleting or vps.is_halted or vps.limits is None
        asked = container is not None and replaces_files(memory, vps, container)
        asked = asked or Situation(vps, container, memory, NOON).is_filling_stale
        restarted = action.why == "a restart was requested"
        assert wanted or restarted or asked, "a container was stopped that should run"


@given(vpses, containers(), memories)
def test_decisions_lead_to_what_is_declared_and_then_cease(
    vps: Desired, container: Container | None, memory: Memory
) -> None:
    world = World(vps, container, memory)
    for _ in range(ROUNDS):
        if world.step():
            break
    else:
        raise AssertionError(f"decisions never cease: {world.said}")
    world.check()


@given(vpses, containers(), memories)
def test_a_second_look_at_a_settled_vps_learns_nothing_new(
    vps: Desired, container: Container | None, memory: Memory
) -> None:
    world = World(vps, container, memory)
    for _ in range(ROUNDS):
        if world.step():
            break
    if world.finished:
        return
    settled = world.memory
    again = learn(settled, vps, world.container, world.now)
    assert again == settled, "looking at an unchanged VPS changed what is known of it"


class World:
    """One engine with at most one container of this VPS, that does what it is told at once."""

    def __init__(self, vps: Desired, container: Container | None, memory: Memory) -> None:
        self.vps, self.container, self.memory = vps, container, memory
        self.foreign = container is not None and not labels.is_for(container, vps)
        self.before = container
        self.now = NOON
        self.starts = 0
        self.made = 0
        self.finished = False
        self.said: list[Action] = []

    def step(self) -> bool:
        """One round of the keeper. Whether nothing is left to do."""
        self.memory = learn(self.memory, self.vps, self.container, self.now)
        verdict = judged(self.vps, self.container, self.memory, self.now)
        self.said += verdict.actions
        for action in verdict.actions:
            _check(action, self.vps, None if isinstance(action, Finish) else self.container, self.memory)
            self.do(action)
        self.wait(verdict)
        return verdict == dataclasses.replace(verdict, actions=(), again=None, probe=None) or self.finished

    def wait(self, verdict: Verdict) -> None:
        """What is to be looked at again, or asked for, besides what is done."""
        if verdict.probe is not None:
            self.memory = dataclasses.replace(self.memory, ssh=SSHView(verdict.probe, "ready"))
        if verdict.again is not None:
            assert verdict.again > self.now, "a wait for the past is a tight loop"
            assert verdict.again <= self.now + 1.01 * restart.LONGEST, "a wait is longer than a minute"
            self.now = verdict.again
            self.engine_goes_on()

    def do(self, action: Action) -> None:
        match action:
            case Create():
                assert self.container is None, "a second container was created"
                self.container = a_container(
                    self.vps, run=None, state=ContainerState.CREATED, id="c9", limits=self.vps.limits
                )
                self.remember(labels.login_hash(self.vps))
            case Start():
                self.starts += 1
                assert self.starts <= 2, "a VPS was started again and again"
                run = f"2026-01-01T01:00:0{self.starts}.000000Z"
                self.set(state=ContainerState.RUNNING, started_at=run, exit_code=None)
            case Stop():
                self.set(state=ContainerState.EXITED, exit_code=143)
            case Pause():
                self.set(state=ContainerState.PAUSED)
            case Unpause():
                self.set(state=ContainerState.RUNNING)
            case Update(_, limits):
                self.set(limits=limits)
            case WriteFiles():
                self.remember(labels.login_hash(self.vps))
            case SetAside(container_id):
                self.set_aside(container_id)
            case MakeAnew():
                self.make_anew()
            case Retire() | Clean():
                self.note(None)
            case Fill():
                self.fill()
            case PutBack() | Settle():
                self.filled(None)
            case Remove():
                self.container = None
                self.memory = dataclasses.replace(self.memory, container_id=None)
            case PullImage():
                self.memory = dataclasses.replace(self.memory, image=ImageView())
            case Finish():
                assert self.container is None, "a VPS was finished while its container was there"
                self.finished = True
            case Reject():
                self.finished = True
            case Tell() | RemoveVolumes():
                pass

    def engine_goes_on(self) -> None:
        """A removal that was under way comes to its end, and what it waited for comes about."""
        self.memory = dataclasses.replace(self.memory, hold=None)
        if self.container is not None and self.container.state is ContainerState.REMOVING:
            self.container = None

    def set_aside(self, container_id: str) -> None:
        assert self.container is not None and self.container.id == container_id
        image = "" if replaces_files(self.memory, self.vps, self.container) else COMMIT
        base, word = labels.image_of(self.container), labels.word(self.container)
        assert image or self.vps.replace_files > word, "files were given up without their owner's word"
        self.note(Recreation(container_id, run_of(self.container), image, base, word=word))

    def make_anew(self) -> None:
        note = self.memory.durable.recreation
        assert note is not None
        heard = max(note.word, self.memory.durable.passed_over)
        if note.image and self.vps.image and self.vps.replace_files > heard:
            self.note(dataclasses.replace(note, image=""))
            return
        self.made += 1
        assert self.made <= 2, "a VPS was made anew again and again"
        vps = as_before(self.vps, note) if note.image else self.vps
        new = a_container(vps, run=None, state=ContainerState.CREATED, id=f"n{self.made}")
        if note.image:
            new = dataclasses.replace(new, image=note.image, labels={**new.labels, labels.COMMIT: "1"})
        self.container = new
        self.remember(labels.login_hash(self.vps))

    def fill(self) -> None:
        note = self.memory.durable.recreation
        old = note.old if note is not None and not note.image else ""
        image, word = self.vps.image, self.vps.replace_files
        self.filled(Filling("f2", "uid-of-s1", "s1", image, word, old, in_place=True))

    def filled(self, filling: Filling | None) -> None:
        durable = dataclasses.replace(self.memory.durable, filling=filling)
        self.memory = dataclasses.replace(self.memory, durable=durable)

    def note(self, note: Recreation | None) -> None:
        durable = dataclasses.replace(self.memory.durable, recreation=note, recreated=True)
        self.memory = dataclasses.replace(self.memory, durable=durable)

    def set(self, **changes: object) -> None:
        assert self.container is not None, "something was done to a container that is not there"
        self.container = dataclasses.replace(self.container, **changes)  # type: ignore[arg-type]

    def remember(self, login: str) -> None:
        durable = dataclasses.replace(self.memory.durable, login=login)
        self.memory = dataclasses.replace(self.memory, durable=durable)

    def check(self) -> None:
        if self.foreign:
            assert self.container == self.before, "a container of another placement was touched"
            return
        state = self.container.state if self.container is not None else None
        if self.vps.around.refusal is not None and not self.vps.deleting:
            return
        if self.vps.deleting:
            assert self.finished and self.container is None, "a deleted VPS was not finished"
        elif state is ContainerState.DEAD:
            return
        elif self.vps.is_halted or self.vps.limits is None:
            assert self.container is None or not self.container.is_up, "a Stopped VPS still runs"
        elif state is ContainerState.EXITED:
            self.check_ended()
        else:
            wanted = {RunState.RUNNING: ContainerState.RUNNING, RunState.PAUSED: ContainerState.PAUSED}
            assert state is wanted[self.vps.run_state], f"declared {self.vps.run_state}, it is {state}"
            assert self.container is not None and self.container.limits == self.vps.limits, (
                "not the granted limits"
            )

    def check_ended(self) -> None:
        """Only the policy, or a lost memory, may leave a VPS ended."""
        by_policy = self.vps.restart_policy is not RestartPolicy.ALWAYS
        lost = self.vps.run_state is RunState.PAUSED and self.memory.was_paused
        assert by_policy or lost, "a VPS was left ended that should run"
