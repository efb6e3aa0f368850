"""Troubles: what goes wrong together, by name, so that a run can be restricted to some of them.

`FAULTS` of steps.py are single steps. These are short scenes, in which a fault meets what people do at the
moment at which it matters; what happens before, beside and after them is drawn as ever.
"""

import random
from collections.abc import Callable
from typing import Any

from tests.system.simulation.cluster import CONTROLLERS, NODES
from tests.system.simulation.faulty import CALLS
from tests.system.simulation.mischief import OF_NODE, OF_VPS
from tests.system.simulation.rules import LABS
from tests.system.simulation.step import NAMES, Step

Json = dict[str, Any]
Dice = random.Random
ENVIRONMENTS = ("lab", "course")
RATIOS = (1000, 1500, 4000)  # how often a node gives each core, in thousandths
WRITES = ("create", "start", "stop", "remove", "update", "commit", "rename", "pause", "unpause", "put_files")


def _lasts(dice: Dice) -> float | None:
    return dice.choice([5.0, 20.0, 60.0, None])


def _moment(dice: Dice) -> float:
    """Within the seconds of a start, or of a stop."""
    return dice.choice([0.0, 0.1, 0.3, 1.0, 2.0, 3.0])


def _rivals(dice: Dice, node: str) -> tuple[str, str, list[Step]]:
    """Two VPSes that want all GPUs of one node: one has them, the other waits."""
    one, other = dice.sample(NAMES, k=2)
    spec: Json = {
        "resources": {"cores": 0.5, "memory": "512Mi", "exclusive": False},
        "placement": {"node": node, "gpus": {"count": 2}},
        "stopGracePeriod": "20s",
    }
    made = [Step(0.1, "delete", (one,)), Step(0.0, "delete", (other,)), Step(8.0, "create", (one, spec))]
    return one, other, [*made, Step(3.0, "create", (other, {**spec, "runState": "Stopped"}))]


def gpu_rivals(dice: Dice) -> list[Step]:
    """Starts and stops within the seconds of an engine's start, and another VPS that waits for the GPUs."""
    node = dice.choice(NODES)
    one, other, steps = _rivals(dice, node)
    steps += [
        Step(0.0, "program", (node, None, 0, dice.choice([4.0, 15.0]))),
        Step(0.0, "slow_calls", (node, "start", dice.choice([0.5, 2.0, 4.0]), 40.0)),
        Step(0.0, "stop", (one,)),
        Step(18.0, "start", (one,)),
        Step(_moment(dice), "start", (other,)),
        Step(_moment(dice), "stop", (one,)),
    ]
    for _ in range(2):
        steps += [Step(dice.choice([2.0, 20.0]), "start", (one,)), Step(_moment(dice), "stop", (one,))]
    return steps


def late_start(dice: Dice) -> list[Step]:
    """A start that nobody waits for any more, a stop meanwhile, and another VPS for the same GPUs."""
    node = dice.choice(NODES)
    one, other, steps = _rivals(dice, node)
    waits, late = dice.choice([0.5, 3.0]), dice.choice([2.0, 8.0, 25.0])
    return [
        *steps,
        Step(0.0, "stop", (one,)),
        Step(12.0, "late_call", (node, "start", waits, late)),
        Step(0.0, "start", (one,)),
        Step(dice.choice([0.3, 1.0, 2.0]), "stop", (one,)),
        Step(dice.choice([0.0, 1.0]), "start", (other,)),
        Step(dice.choice([1.0, 15.0]), dice.choice(["hang_up_on_node", "restart_engine"]), (node,)),
    ]


def slow_calls(dice: Dice) -> list[Step]:
    """Any kind of call is slow, or each of them is, or one is given up and comes through later."""
    node = dice.choice(NODES)
    late = (node, dice.choice(WRITES), dice.choice([0.0, 1.0, 10.0]), dice.choice([0.5, 4.0, 40.0]))
    return [
        dice.choice(
            [
                Step(0.5, "slow_calls", (node, dice.choice(CALLS), dice.choice([0.4, 4.0]), _lasts(dice))),
                Step(0.5, "slow_machine", (node, dice.choice([0.4, 4.0]), dice.choice([5.0, 30.0]))),
                Step(0.5, "late_call", late),
            ]
        )
    ]


def long_commits(dice: Dice) -> list[Step]:
    """Files that take longer to put aside than anybody waits."""
    name = dice.choice(NAMES)
    return [
        *(Step(0.0, "long_commits", (node, dice.choice([5.0, 30.0]), None)) for node in NODES),
        Step(1.0, "start", (name,)),
        Step(5.0, "change_env", (name, dice.randint(1, 9))),
        Step(1.0, "restart", (name,)),
        Step(dice.choice([0.5, 6.0, 20.0]), dice.choice(["restart", "start", "stop"]), (name,)),
    ]


def stuck_container(dice: Dice) -> list[Step]:
    """One container answers nothing; the others go on."""
    name = dice.choice(NAMES)
    deeds = [Step(_moment(dice), dice.choice(["stop", "delete", "restart"]), (name,)) for _ in range(2)]
    return [Step(0.5, "stick", (name, _lasts(dice))), *deeds]


def broken_disk(dice: Dice) -> list[Step]:
    """A node's folder cannot be written while VPSes there are stopped and deleted."""
    verb = dice.choice(["fill_disk", "write_protect_disk"])
    wishes = ["stop", "delete", "restart", "resize", "start", "create"]
    steps = [Step(1.0, verb, (dice.choice(NODES), dice.choice([20.0, 60.0, None])))]
    for _ in range(4):
        verb, name = dice.choice(wishes), dice.choice(NAMES)
        more: dict[str, Json] = {
            "resize": {"cores": 1, "memory": "1Gi", "exclusive": False},
            "create": {"resources": {"cores": 0.5, "memory": "512Mi"}},
        }
        steps.append(Step(dice.choice([0.5, 5.0]), verb, (name, more[verb]) if verb in more else (name,)))
    return steps


def environments(dice: Dice) -> list[Step]:
    """An Environment is edited, or deleted and made again, while a VPS uses it, which is then stopped."""
    name, environment = dice.choice(NAMES), dice.choice(ENVIRONMENTS)
    first, second = dice.sample(LABS, k=2)
    spec = {"resources": {"cores": 0.5, "memory": "512Mi"}, "image": None, "environment": environment}
    edited = [Step(1.0, "put_environment", (environment, second))]
    if dice.random() < 0.4:
        edited.insert(0, Step(1.0, "delete_environment", (environment,)))
    down = dice.choice(
        [
            [Step(1.0, "stop", (name,)), Step(5.0, "start", (name,))],
            [Step(1.0, "drain", (node,)) for node in NODES]
            + [Step(4.0, "uncordon", (node,)) for node in NODES],
            [Step(1.0, "restart", (name,))],
            [Step(1.0, "power_off", (dice.choice(NODES), 2.0))],
            [Step(1.0, "stop_by_hand", (name,))],
            [Step(1.0, "change_env", (name, 3)), Step(1.0, "restart", (name,))],
            [Step(1.0, "name_image", (name, dice.choice(LABS), None)), Step(1.0, "restart", (name,))],
        ]
    )
    return [
        Step(0.5, "put_environment", (environment, first)),
        Step(0.5, "create", (name, spec)),
        Step(dice.choice([0.5, 6.0]), "start", (name,)),
        *edited,
        *down,
    ]


def nonsense(dice: Dice) -> list[Step]:
    """A node writes nonsense of itself, or of a VPS."""
    node = dice.choice(NODES)
    lies = [Step(0.5, "lie_of_vps", (dice.choice(NAMES), dice.choice(list(OF_VPS)))) for _ in range(2)]
    lies.append(Step(1.0, "lie_of_node", (node, dice.choice(list(OF_NODE)), dice.choice([1.0, 30.0, None]))))
    spec = {"resources": {"cores": 0.5, "memory": "512Mi"}, "placement": {}}
    return [*lies, Step(1.0, "create", (dice.choice(NAMES), spec)), Step(3.0, "start", (dice.choice(NAMES),))]


def forget_and_rejoin(dice: Dice) -> list[Step]:
    """A silent machine is said to be destroyed, and joins again while its old containers run."""
    node = dice.choice(NODES)
    one, other, steps = _rivals(dice, node)
    slow = dice.choice([("images", 8.0), ("list", 8.0), ("volumes", 4.0), ("info", 4.0)])
    return [
        *steps,
        Step(1.0, dice.choice(["cut_node", "kill_agent"]), (node, 25.0)),
        Step(18.0, "forget_node", (node,)),
        Step(1.0, "start", (other,)),
        Step(dice.choice([8.0, 15.0]), "slow_calls", (node, *slow, 30.0)),
        Step(0.5, "join_again", (node,)),
        Step(6.0, "start", (one,)),
    ]


def late_reports(dice: Dice) -> list[Step]:
    """A report is on its way for longer than its sender waits, and the VPS moves on meanwhile."""
    node = dice.choice(NODES)
    one, other, steps = _rivals(dice, node)
    held = dice.choice([10.5, 12.0, 15.0])
    return [
        *steps,
        Step(0.0, "program", (node, None, 0, 0.0)),
        Step(0.0, "stop", (other,)),
        Step(0.0, "start", (one,)),
        Step(4.0, "late_report", (node, "stopped", held)),
        Step(0.0, "stop", (one,)),
        Step(1.0, "start", (one,)),
        Step(held - 2.0, "program", (node, None, 0, 15.0)),
        Step(0.5, "stop", (one,)),
        Step(0.0, "start", (other,)),
        Step(5.0, "start", (one,)),
    ]


def frozen_agent(dice: Dice) -> list[Step]:
    """An agent stands still in the middle of something, and thaws after the VPS moved on."""
    node, frozen = dice.choice(NODES), dice.choice([2.0, 8.0, 15.0, 40.0])
    name = dice.choice(NAMES)
    return [
        Step(1.0, dice.choice(["stop", "start", "restart"]), (name,)),
        Step(dice.choice([0.0, 0.01, 0.05, 0.2, 1.0]), "freeze_agent", (node, frozen)),
        Step(
            dice.choice([0.5, frozen]), dice.choice(["start", "stop", "delete", "force", "forget"]), (name,)
        ),
        Step(_moment(dice), dice.choice(["start", "stop", "restart"]), (name,)),
    ]


def two_servers(dice: Dice) -> list[Step]:
    """A second API server with another wall clock: programs go from one to the other, and another machine
    comes with a name that is taken."""
    steps = [Step(0.5, "add_server", (dice.choice([-30.0, 30.0, 3600.0]),))]
    steps.append(Step(dice.choice([0.5, 5.0]), "twin", (dice.choice(NODES), dice.choice([0, 1, 1]))))
    programs = dice.sample([*NODES, *CONTROLLERS], k=3)
    return [
        *steps,
        *(Step(dice.choice([0.5, 5.0]), "move", (name, dice.choice([0, 1]))) for name in programs),
    ]


def shared_cores(dice: Dice) -> list[Step]:
    """Who wants cores for himself and who shares them meet on one node, whose ratio is lowered under them."""
    node, others = dice.choice(NODES), dice.choice([{}, {}, {"numa": 1}])
    steps = [Step(0.5, "overcommit", (node, dice.choice(RATIOS)))]
    steps += [Step(0.0, "delete", (name,)) for name in NAMES]
    wait = 25.0
    for name in NAMES:
        exclusive = dice.random() < 0.35
        cores = dice.choice([1, 2, 3] if exclusive else [0.5, 1, 2, 4, 6])
        spec: Json = {
            "resources": {"cores": cores, "memory": "512Mi", "exclusive": exclusive},
            "placement": {"node": node, **others},
        }
        steps.append(Step(wait, "create", (name, spec)))
        wait = 0.5
    for _ in range(6):
        exclusive, name = dice.random() < 0.5, dice.choice(NAMES)
        resources = {"cores": dice.choice([1, 2, 3]), "memory": "512Mi", "exclusive": exclusive}
        verb = dice.choice(["resize", "resize", "stop", "start", "delete"])
        steps.append(Step(_moment(dice), verb, (name, resources) if verb == "resize" else (name,)))
    steps.append(Step(2.0, "overcommit", (node, dice.choice(RATIOS))))
    steps += [Step(_moment(dice), dice.choice(["start", "restart"]), (name,)) for name in NAMES]
    return steps


def give_up(dice: Dice) -> list[Step]:
    """A node falls silent for long enough to be lost, people give VPSes up, and it comes back."""
    fault = dice.choice(["cut_node", "kill_agent"])
    verbs = [Step(0.5, dice.choice(["force", "forget"]), (dice.choice(NAMES),)) for _ in range(4)]
    return [Step(1.0, fault, (dice.choice(NODES), 40.0)), Step(16.0, "drop_watches"), *verbs]


SCENES: dict[str, Callable[[Dice], list[Step]]] = {
    scene.__name__: scene
    for scene in (
        gpu_rivals,
        late_start,
        slow_calls,
        long_commits,
        stuck_container,
        broken_disk,
        environments,
        nonsense,
        forget_and_rejoin,
        late_reports,
        frozen_agent,
        two_servers,
        shared_cores,
        give_up,
    )
}
