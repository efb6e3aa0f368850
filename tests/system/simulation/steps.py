"""Random histories: what people do and what breaks, drawn from a seed as plain data.

A history is a list of steps that can be printed, pasted into a test and played again without any seed.
"""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.system.simulation.cluster import CONTROLLERS, NODES

Json = dict[str, Any]
NAMES = ("v0", "v1", "v2", "v3", "v4", "v5", "v6")
ENGINE_CALLS = ("create", "start", "stop", "remove", "update", "commit", "rename", "pause")


class Step(NamedTuple):
    """Wait so many seconds, then do it; `about` are the arguments of the method of that name in play.py."""

    wait: float
    verb: str
    about: tuple[Any, ...] = ()


def a_history(seed: int, *, length: int = 50, given_up: float = 0.0) -> list[Step]:
    """`given_up` is the share of steps at which a node is lost and VPSes on it are given up."""
    dice = random.Random(seed)  # noqa: S311
    troubles = dice.sample(list(FAULTS), k=dice.randint(2, 6))  # few kinds in one history go deeper
    steps = [Step(0.0, "create", (name, *_spec(dice)[1:])) for name in NAMES if dice.random() < 0.7]
    for _ in range(length):
        steps += _given_up(dice) if given_up and dice.random() < given_up else [_one(dice, troubles)]
    return steps


def _one(dice: random.Random, troubles: list[str]) -> Step:
    table = FAULTS if dice.random() < 0.35 else ACTIONS
    verbs = (
        troubles if table is FAULTS else [verb for verb, (share, _) in ACTIONS.items() for _ in range(share)]
    )
    verb = dice.choice(verbs)
    draw = FAULTS[verb] if table is FAULTS else ACTIONS[verb][1]
    wait = dice.choice([0.0, 0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 12.0, 20.0])
    return Step(wait, verb, draw(dice))


def _given_up(dice: random.Random) -> list[Step]:
    """A node falls silent for long enough to be lost, people give VPSes up, and it comes back."""
    fault = dice.choice(["cut_node", "kill_agent"])
    verbs = [Step(0.5, dice.choice(["force", "forget"]), _name(dice)) for _ in range(4)]
    return [Step(1.0, fault, (dice.choice(NODES), 40.0)), Step(16.0, "drop_watches"), *verbs]


def _name(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(NAMES),)


def _node(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(NODES),)


def _controller(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(CONTROLLERS),)


def _seconds(dice: random.Random) -> float:
    return dice.choice([0.05, 0.5, 2.0, 6.0, 15.0, 40.0])


def _node_for(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(NODES), _seconds(dice))


def _for(dice: random.Random) -> tuple[Any, ...]:
    return (_seconds(dice),)


def _resources(dice: random.Random) -> Json:
    exclusive = dice.random() < 0.3
    return {
        "cores": dice.choice([1, 2, 3]) if exclusive else dice.choice([0.5, 1, 2, 4]),
        "memory": dice.choice(["512Mi", "1Gi", "3Gi"]),
        "exclusive": exclusive,
    }


def _spec(dice: random.Random) -> tuple[Any, ...]:
    placement: Json = {}
    if dice.random() < 0.25:
        placement["node"] = dice.choice(NODES)
    if dice.random() < 0.2:
        placement["numa"] = dice.choice([0, 1])
    if dice.random() < 0.35:
        placement["gpus"] = {"count": dice.choice([1, 1, 2])}
    spec: Json = {"resources": _resources(dice), "placement": placement}
    if dice.random() < 0.15:
        spec["runState"] = dice.choice(["Stopped", "Paused"])
    if dice.random() < 0.2:
        spec["ssh"] = {"disabled": True}
    if dice.random() < 0.2:
        spec["priority"] = dice.randint(-2, 5)
    return (dice.choice(NAMES), spec)


def _resize(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(NAMES), _resources(dice))


def _gpus(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(NAMES), dice.choice([None, {"count": 1}, {"count": 2}]))


def _lost(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(NODES), dice.choice(ENGINE_CALLS))


def _late(dice: random.Random) -> tuple[Any, ...]:
    return (dice.choice(NODES), dice.choice(ENGINE_CALLS), dice.choice([0.5, 2.0, 8.0]))


def _program(dice: random.Random) -> tuple[Any, ...]:
    return (
        dice.choice(NODES),
        dice.choice([None, 0.0, 3.0, 30.0]),
        dice.choice([0, 1]),
        dice.choice([0.0, 4.0, 15.0]),
    )


Draw = Callable[[random.Random], tuple[Any, ...]]

ACTIONS: dict[str, tuple[int, Draw]] = {
    "create": (8, _spec),
    "delete": (3, _name),
    "stop": (4, _name),
    "start": (5, _name),
    "pause": (2, _name),
    "restart": (3, _name),
    "resize": (4, _resize),
    "change_gpus": (1, _gpus),
    "change_env": (2, lambda dice: (dice.choice(NAMES), dice.randint(1, 9))),
    "force": (2, _name),
    "forget": (1, _name),
    "cordon": (1, _node),
    "drain": (2, _node),
    "uncordon": (3, _node),
}

FAULTS: dict[str, Draw] = {
    "kill_agent": _node_for,
    "cut_node": _node_for,
    "hang_up_on_node": _node,
    "lose_reply_to_node": _node,
    "hang_engine": _node_for,
    "take_engine_away": _node_for,
    "restart_engine": _node,
    "power_off": _node_for,
    "slow_engine": lambda dice: (
        dice.choice(NODES),
        dice.choice(ENGINE_CALLS),
        dice.choice([0.3, 3.0, 12.0]),
    ),
    "lose_events": _node_for,
    "lose_engine_reply": _lost,
    "answer_late": _late,
    "remove_by_hand": _name,
    "stop_by_hand": _name,
    "pause_by_hand": _name,
    "program": _program,
    "burn": _node,
    "kill_controller": lambda dice: (dice.choice(CONTROLLERS), _seconds(dice)),
    "cut_controller": lambda dice: (dice.choice(CONTROLLERS), _seconds(dice)),
    "hang_up_on_controller": _controller,
    "lose_reply_to_controller": _controller,
    "freeze_store": _for,
    "fail_store": lambda dice: (dice.randint(1, 6), dice.random() < 0.5),
    "drop_watches": lambda dice: (),
    "compact_store": lambda dice: (),
    "fill_store": _for,
    "stop_api": _for,
}
