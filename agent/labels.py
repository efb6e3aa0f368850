"""The labels by which a container is known as a VPS's, and the hash of what it was made from. Pure."""

import hashlib
import json
from collections.abc import Mapping

from agent.desired import Desired
from agent.runtime.base import CLUSTER_LABEL, Container

CLUSTER = CLUSTER_LABEL
UID = "kohakuriver.io/uid"
EPOCH = "kohakuriver.io/epoch"
NAME = "kohakuriver.io/name"
NAMESPACE = "kohakuriver.io/namespace"
NODE = "kohakuriver.io/node"
SPEC_HASH = "kohakuriver.io/spec-hash"
RESTART_REQUEST = "kohakuriver.io/restart-request"
LOGIN = "kohakuriver.io/login-hash"


def of(desired: Desired, *, cluster: str, node: str) -> dict[str, str]:
    """The labels of this VPS's container."""
    return {
        CLUSTER: cluster,
        UID: desired.uid,
        EPOCH: str(desired.epoch),
        NAME: desired.name,
        NAMESPACE: desired.namespace,
        NODE: node,
        SPEC_HASH: spec_hash(desired),
        RESTART_REQUEST: desired.restart_request,
        LOGIN: login_hash(desired),
    }


def spec_hash(desired: Desired) -> str:
    """Stands for the parts of the spec that only a new container can take up."""
    parts = [
        desired.image,
        list(desired.env),
        list(desired.command),
        desired.login.disabled,
        desired.ssh_port,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def login_hash(desired: Desired) -> str:
    """Stands for what is written into the container so that people can log in."""
    login = desired.login
    parts = [list(login.keys), login.passwordless, login.disabled]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def is_for(container: Container, desired: Desired) -> bool:
    """Whether the container carries this very placement of this very object."""
    return identity(container.labels) == (desired.uid, str(desired.epoch))


def identity(labels: Mapping[str, str]) -> tuple[str, str]:
    """The uid and the epoch that a container's labels name."""
    return labels.get(UID, ""), labels.get(EPOCH, "")


def is_outdated(container: Container, desired: Desired) -> bool:
    """Whether the spec has since asked for what only a new container can give."""
    return container.labels.get(SPEC_HASH, "") != spec_hash(desired)
