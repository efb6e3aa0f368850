"""Wait until several VPSes have reached their goals, on one watch, with one line of progress.

Leaving with Ctrl-C undoes nothing: what was declared stays declared. `goals.py` judges.
"""

import dataclasses

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import follow, targets
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.progress import Progress
from kohakuriver.cli.view import cures
from kohakuriver.cli.view.standing import HERE, Reader
from kohakuriver.cli.vps import goals
from kohakuriver.resources import kinds, reasons
from kohakuriver.resources.view import VPS


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """One VPS, what is waited for, and the word for it once it is so."""

    name: str
    judge: goals.Judge
    done: str  # "stopped"
    then: str = "runs"  # what it does once whatever is in the way is gone

    @property
    def title(self) -> str:
        return targets.title(kinds.VPS, self.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How the wait for one VPS ended: the object as it was then, or what became of it instead."""

    goal: Goal
    vps: Object | None = None
    error: errors.KohakuRiverError | None = None


class Wait:
    """The goals that are not reached yet."""

    def __init__(self, wanted: list[Goal], reader: Reader = HERE) -> None:
        self.left = {goal.name: goal for goal in wanted}
        self.states: dict[str, str] = {}
        self.news: list[str] = []  # what somebody who waits should know at once
        self._told: set[tuple[str, str]] = set()
        self._reader = reader
        self._total = len(wanted)

    def see(self, change: follow.Change) -> list[Outcome]:
        """What a change of the collection settles."""
        if change.type == "LISTED":
            present = {item["metadata"]["name"]: item for item in change.object["items"]}
            settled = [self._judge(goal, present.get(goal.name)) for goal in list(self.left.values())]
            return [one for one in settled if one is not None]
        if change.type == "BOOKMARK":
            return []
        goal = self.left.get(change.object["metadata"]["name"])
        if goal is None:
            return []
        one = self._judge(goal, None if change.type == "DELETED" else change.object)
        return [] if one is None else [one]

    def _judge(self, goal: Goal, vps: Object | None) -> Outcome | None:
        try:
            self.states[goal.name] = goal.judge(vps)
        except goals.InVain as error:
            del self.left[goal.name]
            return Outcome(goal, vps, in_vain(goal, error, self._reader))
        except goals.Hopeless as error:
            del self.left[goal.name]
            return Outcome(goal, vps, error)
        if self.states[goal.name]:
            self._note(goal, vps)
            return None
        del self.left[goal.name]
        return Outcome(goal, vps)

    def _note(self, goal: Goal, vps: Object | None) -> None:
        """What lasts, though it may yet pass, is told once."""
        reason = str(VPS.of(vps).reason or "") if vps is not None else ""
        if vps is None or reason not in reasons.WORTH_TELLING or (goal.name, reason) in self._told:
            return
        self._told.add((goal.name, reason))
        cure = cures.cure(vps, reason, self._reader)
        self.news.append(f"{goal.title}: {VPS.of(vps).why}" + (f"\nhint: {cure.hint}" if cure else ""))

    def line(self) -> tuple[str, str]:
        """`vps/dev: pulling 43 %`, and how many others are waited for; and the state by itself."""
        goal = next(iter(self.left.values()))
        count = f"{self._total - len(self.left)} of {self._total}; " if self._total > 1 else ""
        state = self.states.get(goal.name) or "waiting"
        return f"{count}{goal.title}: {state}", state


def wait(
    api: Api,
    wanted: list[Goal],
    deadline: Deadline,
    *,
    timeout: str,
    tell: bool = True,
    reader: Reader = HERE,
) -> list[Outcome]:
    """Return when each goal is reached or out of reach; `tell` prints each as it comes. Raises TimedOut."""
    state = Wait(wanted, reader)
    ended: list[Outcome] = []
    if not wanted:
        return ended
    only = {"fieldSelector": f"metadata.name={wanted[0].name}"} if len(wanted) == 1 else {}
    path = api.path(kinds.VPS, namespace=api.namespace)
    with Progress() as progress:
        try:
            for change in follow.follow(api, path, params=only, deadline=deadline, tell=progress.note):
                for outcome in state.see(change):
                    progress.clear()
                    _tell(outcome, tell=tell)
                    ended.append(outcome)
                if not state.left:
                    return ended
                for words in state.news:
                    progress.tell(words)
                state.news.clear()
                progress.say(*state.line())
        except failures.TimedOut:
            progress.clear()
            raise _late(state, timeout, _looks(api, state, reader)) from None
        except KeyboardInterrupt:
            progress.clear()
            _leave(state, _looks(api, state, reader))
            raise
    return ended


def in_vain(goal: Goal, error: goals.InVain, reader: Reader) -> errors.KohakuRiverError:
    """Why it does not come, that it stays declared, and what somebody can do. Pure."""
    cure = cures.cure(error.vps, error.reason, reader)
    if cure is None:
        return goals.Hopeless(f"{error.message}; {goal.title} stays declared")
    words = f"{error.message}; {goal.title} stays declared and {goal.then} once {cure.once}"
    return goals.Hopeless(words, hint=cure.hint)


def _tell(outcome: Outcome, *, tell: bool) -> None:
    if outcome.error is not None:
        screen.fail(f"{outcome.goal.title}: {outcome.error.message}", hint=outcome.error.hint)
    elif tell:
        screen.out(f"{outcome.goal.title} {outcome.goal.done}")
        screen.flush()


def _late(state: Wait, timeout: str, looks: str) -> failures.TimedOut:
    goal = next(iter(state.left.values()))
    others = f" (and {len(state.left) - 1} more)" if len(state.left) > 1 else ""
    how = state.states.get(goal.name) or "it has not been seen yet"
    return failures.TimedOut(
        f"{goal.title} is not {goal.done} after {timeout}{others}: {how}",
        hint=f"nothing is undone; see how it goes on: {looks}",
    )


def _leave(state: Wait, looks: str) -> None:
    titles = ", ".join(goal.title for goal in state.left.values())
    screen.note(f"no longer waiting for {titles}; nothing is undone; see how it goes on: {looks}")


def _looks(api: Api, state: Wait, reader: Reader) -> str:
    """The command that shows how it goes on."""
    return reader.command(f"vps status {next(iter(state.left))}", namespace=api.namespace)
