"""The labels by which a container is known as a VPS's, and the hash of what it was made from. Pure."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from kohakuriver.agent.deciding.desired import Desired, Mount, Security
from kohakuriver.agent.runtime.base import CLUSTER_LABEL, Container, ContainerState

CLUSTER = CLUSTER_LABEL
UID = "kohakuriver.io/uid"
EPOCH = "kohakuriver.io/epoch"
NAME = "kohakuriver.io/name"
NAMESPACE = "kohakuriver.io/namespace"
NODE = "kohakuriver.io/node"
SPEC_HASH = "kohakuriver.io/spec-hash"
IMAGE = "kohakuriver.io/image"  # that its files began from; the engine's may be a commit of them
FILES = "kohakuriver.io/replace-files"  # its owner's word with which they began
COMMIT = "kohakuriver.io/commit"  # how many layers of its image were written in containers before it
SNAPSHOT = "kohakuriver.io/snapshot"  # the name of the Snapshot that its files began from
SNAPSHOT_OF = "kohakuriver.io/snapshot-of"  # on a Snapshot's image: the uid of the VPS whose files are in it
RESTART_REQUEST = "kohakuriver.io/restart-request"
LOGIN = "kohakuriver.io/login-hash"
GPUS = "kohakuriver.io/gpus"
MOUNTS = "kohakuriver.io/mounts"
PRIVILEGED = "kohakuriver.io/privileged"
CAPABILITIES = "kohakuriver.io/capabilities"  # beyond the default
PROOF = "kohakuriver.io/proof"  # that the store has placed it here; only API servers can make it
NAMESPACE_UID = "kohakuriver.io/namespace-uid"  # on a volume: whose files it holds
VOLUME = "kohakuriver.io/volume"  # on a volume: its name in the VPS


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
        IMAGE: desired.image,
        RESTART_REQUEST: desired.restart_request,
        **({FILES: str(desired.replace_files)} if desired.replace_files else {}),
        **({SNAPSHOT: desired.snapshot} if desired.snapshot else {}),
        LOGIN: login_hash(desired),
        **({PROOF: desired.proof} if desired.proof else {}),
        **({GPUS: ",".join(desired.gpus)} if desired.gpus else {}),
        **({MOUNTS: _mounts(desired)} if desired.mounts else {}),
        **({PRIVILEGED: "true"} if desired.privileged else {}),
        **({CAPABILITIES: ",".join(desired.security.beyond)} if desired.security.beyond else {}),
    }


def spec_hash(desired: Desired) -> str:
    """Stands for what only a new container can take up; GPUs have a label of their own."""
    parts: list[object] = [
        desired.image,
        list(desired.env),
        list(desired.command),
        desired.login.disabled,
        desired.ssh_port,
    ]
    if desired.mounts or desired.volumes or desired.privileged:
        mounts = [dataclasses.astuple(mount) for mount in desired.mounts]
        volumes = [(volume.name, volume.target) for volume in desired.volumes]
        parts += [mounts, volumes, desired.privileged]
    if desired.security != Security():
        parts.append(["security", *dataclasses.astuple(desired.security)])
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


def gpus(container: Container) -> tuple[str, ...]:
    """The UUIDs of the GPUs that the container was made with."""
    return tuple(uuid for uuid in container.labels.get(GPUS, "").split(",") if uuid)


def mounts(container: Container) -> tuple[Mount, ...]:
    """What of the node the container was made to see, whatever is declared since."""
    return tuple(Mount(*one) for one in json.loads(container.labels.get(MOUNTS) or "[]"))


def _mounts(desired: Desired) -> str:
    return json.dumps([dataclasses.astuple(mount) for mount in desired.mounts])


def is_privileged(container: Container) -> bool:
    """Whether the container was made with all of the machine's rights."""
    return container.labels.get(PRIVILEGED) == "true"


def capabilities(container: Container) -> tuple[str, ...]:
    """The capabilities beyond the default that the container was made with."""
    return tuple(name for name in container.labels.get(CAPABILITIES, "").split(",") if name)


def rights(container: Container) -> tuple[str, ...]:
    """What nobody may have set, or act with, who has not the right of that name."""
    return (
        *(("privileged",) if is_privileged(container) else ()),
        *(("mounts",) if mounts(container) else ()),
        *(("capabilities",) if capabilities(container) else ()),
    )


def image_of(container: Container) -> str:
    """The image that its files began from, as it was declared then."""
    return container.labels.get(IMAGE) or container.image


def snapshot_of(container: Container) -> str:
    """The name of the Snapshot that its files began from; empty where it was an image."""
    return container.labels.get(SNAPSHOT) or ""


def origin(container: Container) -> str:
    """What its files began from, for a person."""
    snapshot = snapshot_of(container)
    return f'Snapshot "{snapshot}"' if snapshot else image_of(container)


def word(container: Container) -> int:
    """Its owner's word with which its files began: only a higher one replaces them."""
    number = container.labels.get(FILES) or "0"
    return int(number) if number.isdigit() else 0


def commit_number(container: Container) -> int:
    """How many layers of its image were written in containers before it."""
    number = container.labels.get(COMMIT) or "0"
    return int(number) if number.isdigit() else 0


def never_ran(container: Container) -> bool:
    """Whether it never started and carries nothing over from another: nothing is in it but its image."""
    created = container.state is ContainerState.CREATED and container.started_at is None
    return created and (commit_number(container) == 0 or container.image == image_of(container))


def volume_name(vps: tuple[str, str], name: str, *, cluster: str) -> str:
    """The engine's name of a volume of that VPS: "_" stands in no other part of it."""
    return f"kohakuriver_{cluster}_{vps[0]}_{vps[1]}_{name}"


def of_volume(desired: Desired, name: str, *, cluster: str) -> dict[str, str]:
    """The labels of a volume. It may outlive its VPS, so it carries the uid of its namespace alone."""
    whose = {NAMESPACE_UID: desired.namespace_uid} if desired.namespace_uid else {}
    return {CLUSTER: cluster, NAMESPACE: desired.namespace, NAME: desired.name, VOLUME: name, **whose}
