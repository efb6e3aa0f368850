"""Which objects a verb means: by name, by labels, or all of a kind. Asks for them, changes nothing."""

import dataclasses
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import absent, failures, screen
from kohakuriver.cli.api import targets
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.api.targets import Target
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


def find(api: Api, words: list[str], which: Which) -> tuple[list[tuple[ResourceType, Object]], bool]:
    """The objects, whole, and whether all that were named are there; each that is not is told."""
    chosen = which.selector is not None or which.everything
    wanted = targets.parse(words) if chosen else targets.named(words)
    found: list[tuple[ResourceType, Object]] = []
    good = True
    for target in wanted:
        if target.names and chosen:
            raise failures.UsageError("names go with neither -l nor --all", hint="leave one of them out")
        if target.names:
            there = present(api, target)
            found += [(target.resource, body) for body in there]
            good = good and len(there) == len(target.names)
            continue
        params = {"labelSelector": which.selector} if which.selector else {}
        answer = api.call("GET", collection(api, target.resource, everywhere=which.everywhere), params=params)
        found += [(target.resource, item) for item in answer["items"]]
    if not found and good:
        screen.note("there is nothing of that kind" + (f' with "{which.selector}"' if which.selector else ""))
    return found, good


def present(api: Api, target: Target) -> list[Object]:
    """Those of the named objects that are there; each that is not is told."""
    found = []
    for name in target.names:
        try:
            found.append(one(api, target.resource, name))
        except errors.NotFound as error:
            screen.fail(error.message, hint=error.hint)
    return found


def one(api: Api, resource: ResourceType, name: str) -> Object:
    """The object of this name. Raises NotFound."""
    return absent.get(api, resource, name, namespace=namespace(api, resource))


def collection(api: Api, resource: ResourceType, *, everywhere: bool = False) -> str:
    """The path of all objects of a kind that are meant."""
    return api.path(resource, namespace=None if everywhere else namespace(api, resource))


def namespace(api: Api, resource: ResourceType) -> str | None:
    """The namespace meant, for a kind that lies in one."""
    return api.namespace if resource.namespaced else None
