"""`token create`: a credential for a person, a program, or a machine that is to be a node.

The secret is made here and goes to whoever holds it; the cluster gets its hash. It is shown once.
"""

import hashlib
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from kohakuriver import durations, errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import insist
from kohakuriver.cli.api.http import Api
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.token import joining
from kohakuriver.cli.token import role as roles
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds

EXAMPLES = """
kohakuriver token create --user alice -n team-a --kubeconfig alice.config
kohakuriver token create --user ci --role admin --ttl 8h
kohakuriver token create --user board --role viewer
"""
_JOIN_TTL = "1h"
_USER_TTL = "2160h"  # 90 days: what is lost and forgotten opens nothing for ever
_NO_END = "none"

Role = Annotated[
    str | None,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="admin, user, viewer, controller, authenticator or node. [default: user]",
    ),
]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Who it is for.")]
TTL = Annotated[
    str | None,
    typer.Option(
        "--ttl",
        metavar="DURATION",
        help="How long it is good for; `none` for no end. [default: user 2160h, --join 1h, others no end]",
    ),
]
Node = Annotated[
    str | None,
    typer.Option(
        "--node", metavar="NAME", help="The node that it is for, which may be one there is already."
    ),
]
Right = Annotated[
    list[str] | None,
    typer.Option(
        "--right",
        metavar="RIGHT",
        help="Let a user set `mounts`, `privileged` or `capabilities`; may be repeated.",
    ),
]
Join = Annotated[bool, typer.Option("--join", help="Print the command that makes another machine a node.")]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig", metavar="FILE", help="Write a config file for its holder, also for kubectl."
    ),
]
Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="Where its holder reaches the API. [default: as we do]"),
]


def create(
    settings: Settings,
    role: Role = None,
    user: User = None,
    node: Node = None,
    ttl: TTL = None,
    right: Right = None,
    join: Join = False,
    kubeconfig: Kubeconfig = None,
    server: Server = None,
) -> int:
    """Make a credential. -n names a user's namespaces (or those a viewer is narrowed to): a, or a,b.

    Who has it may do what its role says until `token revoke`, or until its --ttl is over. A Policy may say
    how long the --ttl for a namespace may be.
    """
    if join and (role or user or right or kubeconfig or settings.namespace):
        raise failures.UsageError("--join goes with --node, --ttl and --server alone")
    if kubeconfig is not None and kubeconfig.exists():
        raise failures.UsageError(f"{kubeconfig} exists", hint="name another file, or take that one away")
    named = "join" if join else role or ("node" if node else "user")
    if not join:
        roles.check(named, user=user, node=node, rights=right or (), namespace=settings.namespace)
    api, secret = settings.api(), secrets.token_urlsafe(32)
    spec = {
        "sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "role": named,
        "user": user,
        "node": node,
        "rights": right,
    }
    spec["ttl"] = _life(ttl, role=str(spec["role"]))
    spec["namespaces"] = _namespaces(api, settings, str(spec["role"]))
    holder = Connection(server=(server or api.connection.server).rstrip("/"), ca=api.connection.ca)
    if join:
        joining.command(holder, secret, node=node)  # says what is wrong before there is a token
        joining.warn(holder, config.find(settings.config))
    name = _send(api, {key: value for key, value in spec.items() if value is not None})
    if join:
        joining.tell(holder, secret, node=node, ttl=str(spec["ttl"]), name=name)
    elif kubeconfig is not None:
        _write(kubeconfig, holder, secret, spec)
        screen.out(f"token/{name} created, config file {kubeconfig} written")
    else:
        screen.out(secret)
        screen.note(f"token/{name} created; this is the only time that it is shown")
    if ttl is None and spec["role"] == "user":
        days = round(durations.parse(_USER_TTL) / 86400)
        screen.note(f"it is good for {days} days; use --ttl for another time, --ttl {_NO_END} for no end")
    return 0


def _life(text: str | None, *, role: str) -> str | None:
    """How long a token of that role is good for; None for one without an end."""
    if text is None:
        return {"join": _JOIN_TTL, "user": _USER_TTL}.get(role)
    if text == _NO_END:
        return None
    try:
        durations.parse(text)
    except ValueError as error:
        raise failures.UsageError(f"--ttl: {error}, or {_NO_END} for no end") from None
    return text


def _namespaces(api: Api, settings: Settings, role: str) -> list[str] | None:
    """Those that were named; a user has one in any case."""
    named = [name for name in (settings.namespace or "").split(",") if name]
    if not named and role == "user":
        named = [api.namespace]
    for name in named:
        try:
            api.call("GET", api.path(kinds.NAMESPACE, name=name))
        except errors.NotFound:
            screen.warn(f'there is no namespace "{name}" yet: kubectl create namespace {name}')
    return named or None


def _send(api: Api, spec: dict[str, Any]) -> str:
    """The name of the new Token. Its hash is in the name, so what is there already is our own."""
    name = f"{spec['role']}-{spec['sha256'][:8]}"
    if spec["role"] == "node":
        name = f"node-{spec.get('node')}"
    body = {
        "apiVersion": kinds.TOKEN.api_version,
        "kind": kinds.TOKEN.kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    lost: list[bool] = []
    params = {"fieldValidation": "Strict"}
    try:
        insist.call(
            api,
            "POST",
            api.path(kinds.TOKEN),
            params=params,
            body=body,
            on_lost=lambda: lost.append(True),
        )
    except errors.AlreadyExists:
        if not lost:
            raise
        found = api.call("GET", api.path(kinds.TOKEN, name=name))
        if found["spec"]["sha256"] != spec["sha256"]:
            raise
    return name


def _write(file: Path, holder: Connection, secret: str, spec: dict[str, Any]) -> None:
    namespace = (spec["namespaces"] or ["default"])[0]
    whole = Connection(server=holder.server, token=secret, ca=holder.ca, namespace=namespace)
    config.write(file, whole, cluster="kohakuriver", user=str(spec["user"] or spec["role"]))
