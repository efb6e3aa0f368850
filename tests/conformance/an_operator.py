"""A small kopf operator on VPSes with the label `operated`, as anybody might write one; says what it does."""

import asyncio
from typing import Any

import kopf

VPSES = {"group": "kohakuriver.io", "version": "v1alpha1", "plural": "vpses", "labels": {"operated": "yes"}}


def say(*words: object) -> None:
    print("operator:", *words, flush=True)


@kopf.on.create(**VPSES)
async def made(name: str, **_: Any) -> dict[str, str]:
    say("created", name)
    return {"greeting": f"hello, {name}"}


@kopf.on.update(**VPSES, field="spec")
async def changed(name: str, diff: kopf.Diff, **_: Any) -> None:
    say("updated", name, *[".".join(map(str, field)) for _, field, _, _ in diff])


@kopf.on.delete(**VPSES)
async def gone(name: str, **_: Any) -> None:
    say("deleted", name)


@kopf.timer(**VPSES, interval=0.5)
async def ticking(name: str, patch: kopf.Patch, annotations: kopf.Annotations, **_: Any) -> None:
    if "ticked" not in annotations:
        patch.metadata.annotations["ticked"] = "yes"
    say("ticked", name)


@kopf.daemon(**VPSES)
async def lives(name: str, stopped: kopf.DaemonStopped, **_: Any) -> None:
    say("lives", name)
    while not stopped:
        await stopped.wait(10)
    await asyncio.sleep(0)
    say("stops", name)
