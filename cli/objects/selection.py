"""Which objects a verb means: by name, by labels, or all of a kind. Asks for them, changes nothing."""

import dataclasses
from typing import Annotated

import typer

from kohakuriver.cli import failures, screen, targets
from kohakuriver.cli.http import Api, Object
from kohakuriver.resources.kinds import ResourceType

Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Those of the kind with these labels: a=b,c!=d."),
]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", "-A", help="In every namespace.")]
All = Annotated[bool, typer.Option("--all", help="All of the kind.")]


@dataclasses.dataclass(frozen=True, slots=True)
class Which:
    """What the options say of it."""

    selector: str | None = None
    everything: bool = False
    everywhere: bool = False


def find(api: Api, words: list[str], which: Which) -> list[tuple[ResourceType, Object]]:
    """The objects, whole. Raises UsageError and NotFound before anything is done."""
    chosen = which.selector is not None or which.everything
    wanted = targets.parse(words) if chosen else targets.named(words)
    found: list[tuple[ResourceType, Object]] = []
    for target in wanted:
        if target.names and chosen:
            raise failures.UsageError("names go with neither -l nor --all", hint="leave one of them out")
        if target.names:
            found += [(target.resource, one(api, target.resource, name)) for name in target.names]
            continue
        params = {"labelSelector": which.selector} if which.selector else {}
        answer = api.call("GET", collection(api, target.resource, everywhere=which.everywhere), params=params)
        found += [(target.resource, item) for item in answer["items"]]
    if not found:
        screen.note("there is nothing of that kind" + (f' with "{which.selector}"' if which.selector else ""))
    return found


def one(api: Api, resource: ResourceType, name: str) -> Object:
    """One object. Raises NotFound."""
    return api.call("GET", api.path(resource, namespace=namespace(api, resource), name=name))


def collection(api: Api, resource: ResourceType, *, everywhere: bool = False) -> str:
    """The path of all objects of a kind that are meant."""
    return api.path(resource, namespace=None if everywhere else namespace(api, resource))


def namespace(api: Api, resource: ResourceType) -> str | None:
    """The namespace meant, for a kind that lies in one."""
    return api.namespace if resource.namespaced else None
