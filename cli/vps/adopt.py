"""`vps adopt`: a VPS that is declared again takes over its container, unknown to the restored store."""

import shlex
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, lookup, screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.vps.change import IDs
from kohakuriver.resources import kinds
from kohakuriver.resources.view import Node

EXAMPLES = """
kohakuriver vps adopt dev
kohakuriver apply -f dev.yaml && kohakuriver vps adopt dev
kohakuriver vps adopt dev --unproved
"""

Unproved = Annotated[
    bool,
    typer.Option(
        "--unproved",
        help="Also a container of which its node alone says that it is the VPS's: look at it first.",
    ),
]


def adopt(settings: Settings, ids: IDs = None, unproved: Unproved = False) -> int:
    """Have VPSes take over their containers that the store does not know, after it was restored.

    Declare them first: with their manifests, or with the `vps create` that this prints.
    """
    if not ids:
        raise failures.UsageError("which VPS is meant? an ID is missing", hint="kohakuriver vps adopt ID")
    api = settings.api()
    nodes = api.call("GET", api.path(kinds.NODE))["items"]
    good = True
    for name in ids:
        try:
            node = _adopt(api, nodes, name, unproved=unproved)
        except errors.NotFound as error:
            screen.fail(error.message, hint=error.hint)
            good = False
            continue
        screen.out(f"{targets.title(kinds.VPS, name)} adopted, with its container on {node}")
    return 0 if good else 1


def _adopt(api: Api, nodes: list[Object], name: str, *, unproved: bool) -> str:
    """The node that it is on. Raises ApiError and UsageError."""
    node, container = _container(nodes, api, name)
    vps = _declared(api, name, node, container)
    body: Object = {"uid": vps["metadata"]["uid"], "node": node, "container": container["container"]}
    if unproved:
        body["unproved"] = True
    path = api.path(kinds.VPS, namespace=api.namespace, name=name)
    insist.call(api, "POST", f"{path}/adopt", body=body)
    return node


def _container(nodes: list[Object], api: Api, name: str) -> tuple[str, Object]:
    """The node that reports a container of this VPS, and what it says of it. Raises NotFound, UsageError."""
    found = [
        (node.name, dict(one.raw))
        for node in map(Node.of, nodes)
        for one in node.unknown
        if (one.text("namespace"), one.text("vps")) == (api.namespace, name)
    ]
    if not found:
        raise errors.NotFound(
            f'no node reports an unknown container of VPS "{name}" in namespace {api.namespace}',
            hint="kohakuriver node status NODE names those that there are",
        )
    if len(found) > 1:
        raise failures.UsageError(
            "there are several: " + ", ".join(f"{one['container']} on {node}" for node, one in found),
            hint="remove those that nobody needs with docker rm, on their node",
        )
    return found[0]


def _declared(api: Api, name: str, node: str, container: Object) -> Object:
    """The VPS. Raises NotFound, with the command that declares one as its container is."""
    try:
        (vps,) = lookup.find(api, [name], exact=True)
    except errors.NotFound as error:
        raise errors.NotFound(
            f'VPS "{name}" is not declared; its container is on {node}, and runs on as it is',
            hint=f"apply its manifest, or: {creation(name, api.namespace, node, container)}; then adopt it",
        ) from error
    return vps


def creation(name: str, namespace: str, node: str, container: Object) -> str:
    """The command that declares a VPS as this container is, as far as that can be seen."""
    words = ["kohakuriver", "vps", "create", "--name", name, "-n", namespace, "--target", node, "--no-wait"]
    for option, field in (("--image", "image"), ("--cores", "cores"), ("--memory", "memory")):
        if container.get(field):
            words += [option, str(container[field])]
    return shlex.join(words)
