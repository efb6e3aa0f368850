"""Containers of this cluster on this node that no VPS accounts for. Pure.

They are left alone and not started; what they hold is not given to anybody else. After a restore of the store
from a backup these are the VPSes that came to be since: the Node's status names them, so that a person can
declare them again and have them adopted, or remove them.
"""

from collections.abc import Collection, Iterable
from typing import Any

from kohakuriver import cpuset, quantity
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.desired import container_name
from kohakuriver.agent.runtime.base import Container, Limits

Identity = tuple[str, str]  # uid and epoch, as labels have them


def among(
    containers: Iterable[Container],
    *,
    mine: Collection[str],
    entered: Collection[str],
    expected: Collection[Identity],
) -> list[Container]:
    """Those of no placement that the API has, and copies: not `mine` by id, though their VPS is `entered`."""
    found = []
    for one in containers:
        identity = labels.identity(one.labels)
        if identity not in expected or (identity[0] in entered and one.id not in mine):
            found.append(one)
    return found


def never_ran(container: Container) -> bool:
    """Whether it is of no use to anybody: made by an agent for a VPS, which was gone when it came to be.

    A copy that a person made from an image of a VPS has another name than its labels call for.
    """
    found = container.labels
    own = container_name(
        found.get(labels.NAMESPACE, ""), found.get(labels.NAME, ""), found.get(labels.UID, "")
    )
    return container.name == own and labels.never_ran(container)


def written(container: Container, *, machine: frozenset[int]) -> dict[str, Any]:
    """As it stands in the Node's status: who it was made for, and what it holds."""
    found = container.labels
    answer: dict[str, Any] = {
        "container": container.name,
        "namespace": found.get(labels.NAMESPACE),
        "vps": found.get(labels.NAME),
        "uid": found.get(labels.UID),
        "epoch": _number(found.get(labels.EPOCH)),
        "state": container.state.value,
        "image": labels.image_of(container),
        "gpus": list(labels.gpus(container)),
        "proof": found.get(labels.PROOF, "")[:64],
        "sshPort": min((port.host_port for port in container.ports), default=None),
    }
    if container.limits is not None:
        answer["cores"] = quantity.format_cores(container.limits.millicores)
        answer["memory"] = quantity.format_size(container.limits.memory)
        answer["cpuset"] = _own_cores(container.limits, machine)
    return {field: value for field, value in answer.items() if value}


def _own_cores(limits: Limits, machine: frozenset[int]) -> str:
    """The cores that a container has for itself; none where it shares.

    The record that said so is lost. Who has cores of its own runs on as many as it is limited to, and who
    shares runs on all that nobody has alone: those are told apart but where both are equally many. Then they
    count as its own, unless they are all of the machine's: what is held too long ends when somebody adopts or
    removes the container, and what two believe to be theirs alone does not.
    """
    own = cpuset.parse(limits.cpuset)
    return limits.cpuset if own != machine and len(own) * 1000 == limits.millicores else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and len(text) < 10 else None
