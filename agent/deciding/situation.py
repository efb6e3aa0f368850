"""One VPS at one moment: what is declared, what the engine shows and what is known, and what follows from the
three together. Pure. learn.py and judge.py are given it; nothing is decided here."""

import dataclasses
from typing import Final

from kohakuriver.agent.deciding import labels, memory, restart
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Cause, Filling, Memory, Recreation, Trouble, run_of
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources.vps import RunState

MEMORY_LOST: Final = restart.Ended(
    "MemoryLost", "it was paused when it was ended: its memory was lost, its files are kept"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Situation:
    """What a decision about one VPS is made from."""

    desired: Desired
    observed: Container | None  # by its name or its known id; it may be of another placement
    memory: Memory
    now: float  # of the monotonic clock
    before: Memory | None = None  # what was known before this look; None where no news is to be told

    def knowing(self, known: Memory) -> "Situation":
        """The same, with this memory."""
        return dataclasses.replace(self, memory=known)

    @property
    def mine(self) -> Container | None:
        """The container, if it carries this very placement of this very object."""
        found = self.observed
        return found if found is not None and labels.is_for(found, self.desired) else None

    @property
    def container(self) -> Container:
        """The container, in cases in which there is one. Raises LookupError."""
        if self.observed is None:
            raise LookupError(f"{self.desired.container_name} is not there")
        return self.observed

    @property
    def state(self) -> ContainerState | None:
        """The state of the container; None where there is none."""
        return self.observed.state if self.observed is not None else None

    @property
    def is_up(self) -> bool:
        """Whether the processes of the container exist."""
        return self.observed is not None and self.observed.is_up

    @property
    def is_held_still(self) -> bool:
        """Whether it is frozen for no longer than its files are taken, and counts as running."""
        return self.state is ContainerState.PAUSED and bool(self.desired.around.frozen_for)

    @property
    def run(self) -> str | None:
        """The present or last run of the container; None where it never ran."""
        return run_of(self.observed) if self.observed is not None else None

    @property
    def trouble(self) -> Trouble | None:
        """What went wrong last, while the same is still asked for."""
        last = self.memory.trouble
        return last if last is not None and last.asked == memory.asked(self.desired) else None

    @property
    def recreation(self) -> Recreation | None:
        """What is noted of a re-creation that is under way."""
        return self.memory.durable.recreation

    @property
    def replaces_files(self) -> bool:
        """Whether the owner has given up the files of this container, which are still there."""
        found = self.observed
        return found is not None and memory.replaces_files(self.memory, self.desired, found)

    @property
    def filling(self) -> Filling | None:
        """What is noted of volumes that get the files of a Snapshot."""
        return self.memory.durable.filling

    @property
    def is_filling_stale(self) -> bool:
        """Whether its volumes hold, or are getting, what nothing is to run with any more."""
        filling, found = self.filling, self.observed
        if filling is None or filling.has_run:
            return False
        if found is not None and found.id != filling.old:
            return (labels.image_of(found), labels.word(found)) != (filling.image, filling.word)
        is_heard = not filling.old or self.memory.durable.passed_over < filling.word
        wanted = (self.desired.image, self.desired.replace_files)
        return not is_heard or wanted != (filling.image, filling.word)

    @property
    def has_run_filled(self) -> bool:
        """Whether a container has run with what its volumes were given."""
        filling, found = self.filling, self.observed
        if filling is None or filling.has_run:
            return filling is not None
        is_new = found is not None and self.run is not None and found.id != filling.old
        return is_new and not self.is_filling_stale

    @property
    def needs_filling(self) -> bool:
        """Whether its volumes are not yet as the Snapshot has them that its next container begins from."""
        filling = self.filling
        if filling is None or (filling.image, filling.word) != (
            self.desired.image,
            self.desired.replace_files,
        ):
            return bool(self.desired.around.kept)
        return not filling.in_place

    @property
    def restarts(self) -> bool:
        """Whether a restart of the present run is asked for."""
        pending = self.memory.durable.restart
        return pending is not None and pending.run == self.run

    @property
    def is_asked_for(self) -> bool:
        """Whether a start is asked for in so many words, so that no policy and no backoff is in its way."""
        return self.memory.durable.restart is not None or self.replaces_files

    @property
    def never_ran(self) -> bool:
        """Whether nothing is in the container."""
        return self.observed is not None and labels.never_ran(self.observed)

    @property
    def is_outdated(self) -> bool:
        """Whether the spec has since asked for what only a new container with its files can give.

        Its image is another matter (`image_changed`). While nothing is granted, nobody can tell of the GPUs.
        """
        changed = self.container.labels.get(labels.SPEC_HASH, "") != self.spec_on_its_files
        has_others = labels.gpus(self.container) != self.desired.gpus
        return changed or (self.desired.limits is not None and has_others)

    @property
    def spec_on_its_files(self) -> str:
        """The hash of a container made as declared now, on the files of this one."""
        return labels.spec_hash(dataclasses.replace(self.desired, image=labels.image_of(self.container)))

    @property
    def image_changed(self) -> bool:
        """Whether the VPS names another image since, or its Environment stands for another. Its files stay
        until its owner gives them up; while the Environment is not known, nobody can tell."""
        return bool(self.desired.image) and labels.image_of(self.container) != self.desired.image

    @property
    def is_otherwise(self) -> bool:
        """Whether a container with nothing in it is not what is wanted, or of no use."""
        another = self.image_changed or labels.word(self.container) != self.desired.replace_files
        return another or self.is_outdated or self.memory.unstartable == self.container.id

    @property
    def unfit(self) -> str:
        """Why the container may not be started for what is granted now, in words; empty if it may."""
        desired, container = self.desired, self.container
        if labels.gpus(container) != desired.gpus:
            had = ", ".join(labels.gpus(container)) or "none"
            return f"its container was made with other GPUs ({had}) than it is granted now"
        ports = {port.host_port for port in container.ports}
        if ports and not desired.login.disabled and desired.ssh_port not in {None, *ports}:
            return (
                f"its container publishes SSH on port {min(ports)} of the node, and its port is "
                f"{desired.ssh_port} now"
            )
        return ""

    @property
    def is_kept_back(self) -> bool:
        """Whether a re-creation of this very container for this very spec was refused."""
        kept = self.memory.kept_back
        return kept is not None and (kept.spec, kept.run) == (self.spec_on_its_files, self.run)

    @property
    def needs_update(self) -> bool:
        """Whether the container is limited otherwise than granted. No set of cores at all means all."""
        has, wanted = self.container.limits, self.desired.limits
        if has is None or wanted is None:
            return has != wanted
        if not has.cpuset and wanted.cpuset == self.desired.around.machine:
            has = dataclasses.replace(has, cpuset=wanted.cpuset)
        return has != wanted

    @property
    def needs_login(self) -> bool:
        """Whether the container may hold other login files than are declared."""
        return self.memory.durable.login != labels.login_hash(self.desired)

    @property
    def unprobed_run(self) -> str | None:
        """The run in which nobody has heard of SSH yet; None where nobody need ask."""
        ssh = self.memory.ssh
        if self.desired.login.disabled or (ssh is not None and ssh.run == self.run):
            return None
        return self.run if self.state is ContainerState.RUNNING else None

    @property
    def ended(self) -> restart.Ended | None:
        """Why an exited container is left as it is; None when it is to run again."""
        last, desired = self.memory.exit, self.desired
        if last is None or self.state is not ContainerState.EXITED or self.is_asked_for:
            return None
        is_to_be_frozen = desired.run_state is RunState.PAUSED and self.memory.was_paused
        if is_to_be_frozen and last.cause is not Cause.DECLARED:
            return MEMORY_LOST
        if last.cause in (Cause.DECLARED, Cause.ENGINE):
            return None
        return restart.ended(
            desired.restart_policy,
            exit_code=self.container.exit_code,
            oom_killed=self.container.oom_killed,
            memory=self.granted_memory,
        )

    @property
    def how_it_ended(self) -> str:
        """How the main process ended, as the end of a sentence about it."""
        return restart.exit_words(
            self.container.exit_code, oom_killed=self.container.oom_killed, memory=self.granted_memory
        )

    @property
    def granted_memory(self) -> int | None:
        """In bytes; None where nothing is granted."""
        return self.desired.limits.memory if self.desired.limits is not None else None
