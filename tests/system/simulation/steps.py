"""Random histories: what people do and what breaks, drawn from a seed as plain data.

A history is a list of steps that can be printed, pasted into a test and played again without any seed.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.system.simulation.cluster import CONTROLLERS, NODES
from tests.system.simulation.step import NAMES, Step
from tests.system.simulation.troubles import RATIOS, SCENES

Json = dict[str, Any]
SNAPSHOTS = ("s1", "s2", "s3")
ENGINE_CALLS = ("create", "start", "stop", "remove", "update", "commit", "rename", "pause")


def a_history(
    seed: int, *, length: int = 50, given_up: float = 0.0, troubles: Sequence[str] = ()
) -> list[Step]:
    """`given_up` is the share of steps at which a node is lost and VPSes on it are given up; `troubles` are
    names of FAULTS and SCENES: no others happen, and these more often."""
    if unknown := set(troubles) - {*FAULTS, *SCENES}:
        raise ValueError(f"no such troubles: {', '.join(sorted(unknown))}")
    dice = random.Random(seed)  # noqa: S311
    # Few kinds in one history go deeper.
    faults = [name for name in FAULTS if name in troubles] or dice.sample(list(FAULTS), k=dice.randint(2, 6))
    scenes = [name for name in SCENES if name in troubles] or dice.sample(list(SCENES), k=2)
    is_single = 0.35 if not troubles or set(troubles) & {*FAULTS} else 0.0
    is_scene = 0.04 if not troubles else 0.15 if set(troubles) & {*SCENES} else 0.0
    steps = [Step(0.0, "create", (name, *_spec(dice)[1:])) for name in NAMES if dice.random() < 0.7]
    while len(steps) < length:
        drawn = dice.random()
        if drawn < given_up and not troubles:
            steps += SCENES["give_up"](dice)
        elif drawn < given_up + is_scene:
            steps += SCENES[dice.choice(scenes)](dice)
        else:
            steps.append(_one(dice, faults, is_single))
    steps = _with_quotas(steps, random.Random(f"quotas of {seed}"))  # noqa: S311
    steps = _with_ratios(steps, random.Random(f"ratios of {seed}"))  # noqa: S311
    return _with_snapshots(steps, random.Random(f"snapshots of {seed}"))  # noqa: S311


def _with_quotas(steps: list[Step], dice: random.Random) -> list[Step]:
    """In half of the histories somebody limits what the namespace may book, and changes his mind."""
    if dice.random() < 0.5:
        return steps
    at = [0, *(dice.randrange(len(steps)) for _ in range(dice.randint(1, 3)))]
    limits = {number: Step(dice.choice([0.0, 0.01, 2.0]), "limit", (_hard(dice),)) for number in at}
    return [one for number, step in enumerate(steps) for one in (limits.get(number), step) if one is not None]


def _with_ratios(steps: list[Step], dice: random.Random) -> list[Step]:
    """In half of the histories some nodes give their cores more than once, and somebody changes his mind."""
    if dice.random() < 0.5:
        return steps
    steps = [Step(0.0, "overcommit", (node, dice.choice(RATIOS))) for node in NODES] + steps
    for _ in range(dice.randint(0, 2)):
        changed = Step(dice.choice([0.0, 1.0]), "overcommit", (dice.choice(NODES), dice.choice(RATIOS)))
        steps.insert(dice.randrange(len(NODES), len(steps) + 1), changed)
    return steps


def _with_snapshots(steps: list[Step], dice: random.Random) -> list[Step]:
    """In half of the histories somebody takes snapshots, has them taken each minute, drops them, goes back to
    them, and begins others from them."""
    if dice.random() < 0.5:
        return steps
    for _ in range(dice.randint(4, 12)):
        name, vps = dice.choice(SNAPSHOTS), dice.choice(NAMES)
        spec = _spec(dice)[1]
        drawn: list[tuple[str, tuple[Any, ...]]] = [
            ("snapshot", (name, vps, dice.choice(["", "5s", "50s"]))),
            ("snapshot", (name, vps, "")),
            ("plan", (vps, {"schedule": "* * * * *", "keepLast": dice.choice([1, 2])})),
            ("plan", (vps, None)),
            ("drop", (name,)),
            ("restore", (vps, name)),
            ("create", (vps, {**spec, "filesFrom": {"snapshot": name}})),
        ]
        at = dice.randrange(len(steps) // 4, len(steps) + 1)
        steps.insert(at, Step(dice.choice([0.0, 0.1, 2.0, 20.0]), *dice.choice(drawn)))
    return steps


def _hard(dice: random.Random) -> Json | None:
    """None takes the quota away."""
    drawn: list[Json | None] = [
        {"requests.cpu": dice.choice([2, 4, "5500m"])},
        {"requests.memory": dice.choice(["2Gi", "5Gi"])},
        {"requests.nvidia.com/gpu": dice.choice([0, 1, 2])},
        {"requests.cpu": 3, "requests.memory": "4Gi", "requests.nvidia.com/gpu": 1},
        None,
    ]
    return dice.choice(drawn)


def _one(dice: random.Random, faults: list[str], is_fault: float) -> Step:
    if dice.random() < is_fault:
        verb = dice.choice(faults)
        draw = FAULTS[verb]
    else:
        verb = dice.choice([verb for verb, (share, _) in ACTIONS.items() for _ in range(share)])
        draw = ACTIONS[verb][1]
    wait = dice.choice([0.0, 0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 12.0, 20.0])
    return Step(wait, verb, draw(dice))


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
