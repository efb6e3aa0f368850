"""What one VPS object asks of this node, read once from its JSON. The way from the API into `decide`.

Fields this agent does not know are ignored, so that a newer server's objects still work. Never writes.
"""

import dataclasses
from typing import Any

from agent.runtime.base import Limits
from kohakuriver import durations, quantity
from kohakuriver.resources.vps import DEFAULT_IMAGE, PullPolicy, RestartPolicy, RunState

DEFAULT_GRACE = 10.0  # seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """Who may log in over SSH."""

    keys: tuple[str, ...] = ()
    passwordless: bool = False
    disabled: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Desired:
    """One VPS that is bound to this node: its spec, its placement and what it is granted."""

    namespace: str
    name: str
    uid: str
    epoch: int
    image: str = DEFAULT_IMAGE
    run_state: RunState = RunState.RUNNING
    limits: Limits | None = None  # None: cores and memory are released, so nothing may run
    ssh_port: int | None = None
    login: Login = Login()
    env: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    restart_policy: RestartPolicy = RestartPolicy.ALWAYS
    restart_request: str = ""
    stop_grace: float = DEFAULT_GRACE  # seconds
    deleting: bool = False
    generation: int = 0

    @property
    def container_name(self) -> str:
        """The only name under which a container is this VPS's."""
        return f"kohakuriver-{self.namespace}-{self.name}-{self.uid[:8]}"


def read(vps: dict[str, Any], *, node: str) -> Desired | None:
    """What `vps` asks of `node`; None when it is not bound there. Raises ValueError."""
    assignment = (vps.get("status") or {}).get("assignment") or {}
    if assignment.get("node") != node:
        return None
    meta, spec = vps["metadata"], vps.get("spec") or {}
    grant = assignment.get("grant") or {}
    return Desired(
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        uid=meta["uid"],
        epoch=int(assignment["epoch"]),
        image=spec.get("image") or DEFAULT_IMAGE,
        run_state=RunState(spec.get("runState") or RunState.RUNNING),
        limits=_limits(grant),
        ssh_port=grant.get("sshPort"),
        login=_login(spec.get("ssh") or {}),
        env=tuple(sorted((spec.get("env") or {}).items())),
        command=tuple(spec.get("command") or ()),
        pull_policy=PullPolicy(spec.get("imagePullPolicy") or PullPolicy.IF_NOT_PRESENT),
        restart_policy=RestartPolicy(spec.get("restartPolicy") or RestartPolicy.ALWAYS),
        restart_request=spec.get("restartRequest") or "",
        stop_grace=_grace(meta, spec),
        deleting=bool(meta.get("deletionTimestamp")),
        generation=int(meta.get("generation") or 0),
    )


def _limits(grant: dict[str, Any]) -> Limits | None:
    if grant.get("cores") is None or grant.get("memory") is None:
        return None
    return Limits(millicores=quantity.millicores(grant["cores"]), memory=quantity.size(grant["memory"]))


def _login(ssh: dict[str, Any]) -> Login:
    return Login(
        keys=tuple(key.strip() for key in ssh.get("authorizedKeys") or ()),
        passwordless=bool(ssh.get("passwordless")),
        disabled=bool(ssh.get("disabled")),
    )


def _grace(meta: dict[str, Any], spec: dict[str, Any]) -> float:
    """A deletion may name a grace of its own; 0 means: kill it."""
    asked = meta.get("deletionGracePeriodSeconds") if meta.get("deletionTimestamp") else None
    if asked is not None:
        return float(asked)
    grace = spec.get("stopGracePeriod")
    return DEFAULT_GRACE if grace is None else durations.parse(grace)
