"""The guide's `--target node[:numa][::gpus]`, read into `spec.placement`. Pure.

    nodeA         nodeA:0         nodeA::0,1         nodeA:1::2         ::0,1         :0

An index of a GPU means something on one node only. Where no node is named, `::0,1` therefore asks for as many
GPUs as it lists, on whichever node has them; UUIDs are kept as they are.
"""

import dataclasses
import re
from typing import Any

from kohakuriver.cli import failures

FORM = "node[:numa][::gpus]"
HINT = f"write it as {FORM}, such as nodeA, nodeA:0, nodeA::0,1, nodeA:1::2, ::0,1 or :0"
_UUID = re.compile(r"[A-Z]+-[A-Za-z0-9][-A-Za-z0-9/]*")
_NODE = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where a VPS is to run, as it was typed."""

    node: str = ""
    numa: int | None = None
    gpus: tuple[int | str, ...] = ()
    count: int = 0  # of GPUs, whichever

    @property
    def counts_gpus(self) -> bool:
        """Whether the indices stand for a number of GPUs only."""
        return not self.node and any(isinstance(one, int) for one in self.gpus)

    def placement(self) -> dict[str, Any]:
        """What `--target` means as `spec.placement`."""
        found: dict[str, Any] = {}
        if self.node:
            found["node"] = self.node.lower()  # names of nodes are, as names of hosts mean the same
        if self.numa is not None:
            found["numa"] = self.numa
        if self.gpus:
            found["gpus"] = {"count": len(self.gpus)} if self.counts_gpus else {"ids": list(self.gpus)}
        if self.count:
            found["gpus"] = {"count": self.count}
        return found


def parse(text: str) -> Target:
    """Raises UsageError that says which part is wrong."""
    left, double, right = text.partition("::")
    node, colon, numa = left.partition(":")
    if not text:
        raise _wrong(text, "it is empty")
    if node and not _NODE.fullmatch(node):
        raise _wrong(text, f'invalid name of a node "{node}"')
    if colon and not _is_index(numa):
        raise _wrong(
            text, f'invalid number of a NUMA node "{numa}"' if numa else "a NUMA node is missing after :"
        )
    if double and not right:
        raise _wrong(text, "GPUs are missing after ::")
    target = Target(node, int(numa) if colon else None, _gpus(text, right) if double else ())
    if target.counts_gpus and any(isinstance(one, str) for one in target.gpus):
        raise _wrong(text, "it mixes indices and UUIDs of GPUs, and indices need a node")
    return target


def counted(target: Target | None, gpus: str) -> Target:
    """With `--gpus N` beside it. Raises UsageError."""
    target = target or Target()
    ids = gpus.strip("\"'").removeprefix("device=")
    if ids != gpus:
        raise failures.UsageError(f'--gpus "{gpus}": certain GPUs are asked for by --target NODE::{ids}')
    if not _is_index(gpus) or not int(gpus):
        raise failures.UsageError(f'invalid --gpus "{gpus}": use a number from 1')
    if target.gpus:
        raise failures.UsageError(
            "--gpus and --target NODE::GPUS do not go together", hint="leave one of them out"
        )
    return dataclasses.replace(target, count=int(gpus))


def _gpus(text: str, listed: str) -> tuple[int | str, ...]:
    found: list[int | str] = []
    for word in listed.split(","):
        if not _is_index(word) and not _UUID.fullmatch(word):
            what = f'invalid GPU "{word}": use its index or its UUID' if word else "a GPU is missing beside ,"
            raise _wrong(text, what)
        one = int(word) if _is_index(word) else word
        if one in found:
            raise _wrong(text, f"GPU {word} is named twice")
        found.append(one)
    return tuple(found)


def _is_index(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 4


def _wrong(text: str, why: str) -> failures.UsageError:
    return failures.UsageError(f'--target "{text}": {why}', hint=HINT)
