"""The manifest that `vps create` stands for. Pure: options in, object out; the server checks the values."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kohakuriver.cli import failures
from kohakuriver.cli.vps import naming
from kohakuriver.cli.vps import target as targets
from kohakuriver.cli.vps.target import Target
from kohakuriver.resources import kinds

CREATE_ID = "kohakuriver.io/create-id"  # by it a create whose answer was lost knows its own
OPTIONS = {
    "metadata.name": "--name",
    "spec.resources.cores": "--cores",
    "spec.resources.memory": "--memory",
    "spec.resources.disk": "--disk",
    "spec.placement": "--target",
    "spec.environment": "--container",
    "spec.image": "--image",
    "spec.filesFrom": "--from-snapshot",
    "spec.snapshots.schedule": "--snapshot-schedule",
    "spec.privileged": "--privileged",
    "spec.security.capabilities.add": "--cap-add",
    "spec.security.capabilities.drop": "--cap-drop",
    "spec.mounts": "--mount",
    "spec.volumes": "--volume",
    "spec.env": "--env",
}
"""Which option a field came from, for the server's refusals."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for, read but not judged."""

    cores: str = "1"
    memory: str | None = None
    disk: str | None = None
    target: Target | None = None
    container: str | None = None
    image: str | None = None
    snapshot: str | None = None
    privileged: bool = False
    security: dict[str, Any] | None = None
    mounts: tuple[dict[str, Any], ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    snapshots: dict[str, Any] | None = None

    def spec(self, ssh: dict[str, Any]) -> dict[str, Any]:
        """Only what was asked for; the server writes the defaults out."""
        resources: dict[str, Any] = {"cores": _number(self.cores)}
        if self.memory is not None:
            resources["memory"] = self.memory
        if self.disk is not None:
            resources["disk"] = self.disk
        found: dict[str, Any] = {"resources": resources, "ssh": ssh}
        optional = {
            "image": self.image,
            "environment": self.container,
            "filesFrom": {"snapshot": self.snapshot} if self.snapshot is not None else None,
            "placement": self.target.placement() if self.target else None,
            "privileged": self.privileged or None,
            "security": self.security,
            "mounts": list(self.mounts) or None,
            "volumes": list(self.volumes) or None,
            "env": dict(self.env) or None,
            "snapshots": self.snapshots,
        }
        return found | {field: value for field, value in optional.items() if value is not None}


def read(
    *,
    cores: str,
    memory: str | None,
    disk: str | None = None,
    target: str | None,
    container: str | None,
    image: str | None,
    snapshot: str | None = None,
    gpus: str | None = None,
    privileged: bool,
    security: dict[str, Any] | None,
    mount: Sequence[str],
    volume: Sequence[str],
    env: Sequence[str],
    snapshots: dict[str, Any] | None = None,
) -> Wanted:
    """Raises UsageError for what cannot be read."""
    if container is not None and image is not None:
        raise failures.UsageError(
            "--container and --image do not go together",
            hint="--container names an Environment of the cluster, --image an image as Docker knows it",
        )
    if snapshot is not None and (container is not None or image is not None):
        raise failures.UsageError(
            f"--from-snapshot and {'--container' if image is None else '--image'} do not go together",
            hint="its files begin either from those of a snapshot or from those of an image",
        )
    if container is not None and naming.is_image(container):
        raise failures.UsageError(
            f'"{container}" is an image, not an environment: use --image {container}',
            hint="list the environments: kohakuriver env list",
        )
    where = targets.parse(target) if target is not None else None
    return Wanted(
        cores=cores,
        memory=memory,
        disk=disk,
        target=targets.counted(where, gpus) if gpus is not None else where,
        container=container,
        image=image,
        snapshot=snapshot,
        privileged=privileged,
        security=security,
        mounts=tuple(map(parse_mount, mount)),
        volumes=tuple(map(parse_volume, volume)),
        env=tuple(map(parse_env, env)),
        snapshots=snapshots,
    )


def manifest(name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The whole object, as it may be applied again."""
    return {
        "apiVersion": kinds.VPS.api_version,
        "kind": kinds.VPS.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def security(add: Sequence[str], drop: Sequence[str], *, no_new_privileges: bool) -> dict[str, Any] | None:
    """`spec.security`; None where nothing was asked for. Docker's `CAP_` before a name is taken off."""
    named = {
        field: [name.upper().removeprefix("CAP_") for name in names]
        for field, names in (("add", add), ("drop", drop))
        if names
    }
    found: dict[str, Any] = {"capabilities": named} if named else {}
    return (found | {"noNewPrivileges": True} if no_new_privileges else found) or None


def plan(schedule: str | None, keep: str | None) -> dict[str, Any] | None:
    """`spec.snapshots`; None where nothing was asked for. Raises UsageError."""
    if keep is None:
        return None if schedule is None else {"schedule": schedule}
    if schedule is None:
        raise failures.UsageError(
            "--snapshot-keep says how many scheduled snapshots stay, and none are scheduled",
            hint='say when: --snapshot-schedule "0 3 * * *"',
        )
    if not (keep.isascii() and keep.isdigit() and len(keep) <= 3 and 1 <= int(keep) <= 100):
        raise failures.UsageError(f'invalid --snapshot-keep "{keep}": use a number from 1 to 100')
    return {"schedule": schedule, "keepLast": int(keep)}


def parse_mount(text: str) -> dict[str, Any]:
    """The mount that SRC:DST or SRC:DST:ro asks for. Raises UsageError."""
    source, *rest = text.split(":")
    if not source or not 1 <= len(rest) <= 2 or not rest[0] or rest[1:] not in ([], ["ro"], ["rw"]):
        raise failures.UsageError(
            f'--mount "{text}" cannot be read', hint="write it as SRC:DST or SRC:DST:ro, both paths absolute"
        )
    found: dict[str, Any] = {"source": source, "target": rest[0]}
    return found | {"readOnly": True} if rest[1:] == ["ro"] else found


def parse_volume(text: str) -> dict[str, Any]:
    """The volume that NAME:TARGET asks for. Raises UsageError."""
    name, colon, target = text.partition(":")
    if not name or not colon or not target or ":" in target:
        raise failures.UsageError(
            f'--volume "{text}" cannot be read', hint="write it as NAME:TARGET, such as home:/root"
        )
    return {"name": name, "target": target}


def parse_env(text: str) -> tuple[str, str]:
    """The name and the value of an environment variable, from NAME=VALUE. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise failures.UsageError(f'--env "{text}" cannot be read', hint="write it as NAME=VALUE")
    return key, value


def _number(cores: str) -> str | int:
    """Whole cores as the number that people write in manifests."""
    return int(cores) if cores.isascii() and cores.isdigit() and len(cores) < 10 else cores
