"""Between our dataclasses and the JSON of the Docker Engine API (1.41 to 1.52). Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final

from kohakuriver import image_name
from kohakuriver.agent.runtime import inherited, volumes
from kohakuriver.agent.runtime.base import (
    REFERENCE_LABEL,
    Bind,
    Container,
    ContainerSpec,
    ContainerState,
    EngineInfo,
    Image,
    Limits,
    Listed,
    PortBinding,
    RuntimeEvent,
    Stocked,
    VolumeMount,
)
from kohakuriver.agent.runtime.keepalive import ENTRYPOINT
from kohakuriver.resources import capabilities

PERIOD: Final = 100_000  # microseconds: the kernel's own default
_LEAST_QUOTA: Final = 1_000  # microseconds: the kernel refuses less
_SHARES: Final = range(2, 262_144 + 1)  # what the kernel takes; a core counts 1024
_PIDS: Final = 4096
# Core dumps go where the node's core_pattern says, past every limit of the VPS. The number of open files
# stays the engine's: one that has a lower limit itself starts no container that is given a higher one.
_ULIMITS: Final = [{"Name": "core", "Soft": 0, "Hard": 0}]
# Whoever is in one of these groups pings without NET_RAW. Every image has ids up to 65535, an engine with
# user namespaces seldom more. The engine sets it itself, but not with those.
_PING: Final = {"net.ipv4.ping_group_range": "0 65535"}
_LOGS: Final = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
UNNAMED: Final = "<none>:<none>"  # how the engine lists an image without a name
_NEVER: Final = "0001-01-01T00:00:00Z"
# How the engine words a minute and more; what is worded otherwise counts as new.
_OLD: Final = re.compile(
    r"Created$|(?:Up|Exited \(-?\d+\)) "
    r"(?:About an? (?:minute|hour)|\d+ (?:minute|hour|day|week|month|year)s)\b"
)


def limits_body(limits: Limits) -> dict[str, Any]:
    """CPU as a quota, never as NanoCpus: the engine refuses those beyond the machine's cores. Where cores are
    given more than once and all are wanted at the same time, shares divide them."""
    cores = {"CpusetCpus": limits.cpuset} if limits.cpuset else {}
    return {
        **cores,
        "CpuPeriod": PERIOD,
        "CpuQuota": max(_LEAST_QUOTA, limits.millicores * PERIOD // 1000),
        "CpuShares": shares(limits.millicores),
        "Memory": limits.memory,
        "MemorySwap": limits.memory,
    }


def shares(millicores: int) -> int:
    """The weight of so many cores among those that want the same ones."""
    return min(max(_SHARES[0], round(millicores * 1024 / 1000)), _SHARES[-1])


def create_body(spec: ContainerSpec, image: Image) -> dict[str, Any]:
    """The body of a create, from this very image."""
    ports: dict[str, Any] = {f"{port.container_port}/tcp": {} for port in spec.ports}
    body: dict[str, Any] = {
        "Image": image.id,
        "Hostname": spec.hostname,
        "Labels": inherited.labels(spec, image),
        "Env": inherited.env(spec, image),
        # An image's own would run on the node's account, as often as it likes.
        "Healthcheck": {"Test": ["NONE"]},
        "Entrypoint": list(spec.command or ENTRYPOINT),
        "Cmd": [],
        "ExposedPorts": ports,
        "HostConfig": host_config(spec),
    }
    if not spec.command:
        # The keep-alive is the machine's own: an image's USER and STOPSIGNAL are about another program.
        body |= {"User": "0:0", "StopSignal": "SIGTERM"}
    return body


def host_config(spec: ContainerSpec) -> dict[str, Any]:
    """The part of a create that says how it runs on this machine."""
    bindings = {
        f"{port.container_port}/tcp": [{"HostIp": port.host_address, "HostPort": str(port.host_port)}]
        for port in spec.ports
    }
    return {
        "NetworkMode": spec.network,
        "PortBindings": bindings,
        "RestartPolicy": {"Name": "no"},
        "Init": True,
        "LogConfig": _LOGS,
        "PidsLimit": _PIDS,
        "Ulimits": _ULIMITS,
        **limits_body(spec.limits),
        **_extras(spec),
    }


def _extras(spec: ContainerSpec) -> dict[str, Any]:
    """What few containers have."""
    extras: dict[str, Any] = {}
    mounts = [_bind(bind) for bind in spec.binds] + [_volume(volume) for volume in spec.volumes]
    if mounts:
        extras["Mounts"] = mounts
    if spec.anonymous:
        taken = {bind.target for bind in spec.binds} | {volume.target for volume in spec.volumes}
        extras["Binds"] = [f"{name}:{target}" for name, target in spec.anonymous if target not in taken]
    if spec.gpus:
        extras["DeviceRequests"] = [{"DeviceIDs": list(spec.gpus), "Capabilities": [["gpu"]]}]
    if spec.privileged:
        extras["Privileged"] = True
    else:
        extras |= _rights(spec)
    if spec.no_new_privileges:
        extras["SecurityOpt"] = ["no-new-privileges"]
    return extras


def _rights(spec: ContainerSpec) -> dict[str, Any]:
    """Capabilities beside the engine's default. The engine takes away first and adds then, and with ALL it
    takes no other name."""
    everything = capabilities.ALL in spec.cap_drop
    withheld = {*capabilities.WITHHELD, *spec.cap_drop} - set(spec.cap_add)
    rights: dict[str, Any] = {"CapDrop": [capabilities.ALL] if everything else sorted(withheld)}
    if spec.cap_add:
        rights["CapAdd"] = list(spec.cap_add)
    return rights | {"Sysctls": _PING}


def _bind(bind: Bind) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": bind.source,
        "Target": bind.target,
        "ReadOnly": bind.read_only,
        "BindOptions": {"Propagation": "rprivate"},
    }


def _volume(volume: VolumeMount) -> dict[str, Any]:
    return {
        "Type": "volume",
        "Source": volume.name,
        "Target": volume.target,
        "VolumeOptions": {"Labels": dict(volume.labels)},
    }


def container(body: Mapping[str, Any]) -> Container:
    """From the answer of an inspect."""
    state, labels = body["State"], dict(body["Config"].get("Labels") or {})
    is_over = state["Status"] in {"exited", "dead"}
    return Container(
        id=body["Id"],
        name=body["Name"].lstrip("/"),
        image=labels.get(REFERENCE_LABEL) or body["Config"]["Image"],
        image_id=body["Image"],
        labels=labels,
        state=ContainerState(state["Status"]),
        created_at=body["Created"],
        started_at=_moment(state.get("StartedAt")),
        finished_at=_moment(state.get("FinishedAt")),
        exit_code=state.get("ExitCode") if is_over else None,
        oom_killed=bool(state.get("OOMKilled")),
        pid=state.get("Pid") or None,
        ip=_ip(body.get("NetworkSettings") or {}),
        limits=_limits(body.get("HostConfig") or {}),
        ports=_ports(body.get("HostConfig") or {}),
        anonymous=volumes.anonymous(body.get("Mounts") or ()),
        error=state.get("Error") or "",
    )


def folders(body: Mapping[str, Any], layers: Sequence[str], *, carried: int) -> tuple[str, ...]:
    """Where on the machine lies what was written in the container of this inspect, which has these layers."""
    written, _, *beneath = *layers, ""  # the second is the engine's own
    mounts = [mount["Source"] for mount in body.get("Mounts") or () if mount.get("Type") == "volume"]
    return (written, *[one for one in beneath[:carried] if one], *dict.fromkeys(mounts))


def listed(row: Mapping[str, Any]) -> Listed:
    """From one row of the answer of a list."""
    names, labels = [name.lstrip("/") for name in row.get("Names") or ()], dict(row.get("Labels") or {})
    return Listed(
        id=row["Id"],
        name=next((name for name in names if "/" not in name), ""),  # others are those of links to it
        image=labels.get(REFERENCE_LABEL) or row["Image"],
        image_id=row["ImageID"],
        labels=labels,
        state=ContainerState(row["State"]),
        is_old=_OLD.match(row.get("Status") or "") is not None,
    )


def stock(rows: Iterable[Mapping[str, Any]], used: Set[str]) -> tuple[Stocked, ...]:
    """From the answer of a list of images, and the ids of those that containers were made of. One that was
    pulled by its digest has that for a name."""
    found = [
        Stocked(
            name=image_name.full(name),
            id=row["Id"],
            size=int(row.get("Size") or 0),
            labels=dict(row.get("Labels") or {}),
            is_used=row["Id"] in used,
        )
        for row in rows
        for name in _names(row)
    ]
    return tuple(sorted(found, key=lambda one: one.name))


def _names(row: Mapping[str, Any]) -> list[str]:
    tags = [name for name in row.get("RepoTags") or () if name != UNNAMED]
    return tags or [name for name in row.get("RepoDigests") or () if not name.startswith("<none>")]


def event(body: Mapping[str, Any]) -> RuntimeEvent:
    """From one line of the event stream."""
    actor = body.get("Actor") or {}
    attributes = dict(actor.get("Attributes") or {})
    return RuntimeEvent(
        container_id=actor.get("ID") or body.get("id") or "",
        name=attributes.pop("name", ""),
        action=body.get("Action") or body.get("status") or "",
        labels=attributes,
        time=body.get("timeNano", 0) / 1e9,
    )


def engine_info(body: Mapping[str, Any]) -> EngineInfo:
    """From the answer of an info."""
    return EngineInfo(
        id=body["ID"],
        name="docker",
        version=body["ServerVersion"],
        cores=body["NCPU"],
        memory=body["MemTotal"],
        root_dir=body["DockerRootDir"],
        storage_driver=body["Driver"],
        operating_system=body["OperatingSystem"],
        kernel=body["KernelVersion"],
        architecture=body["Architecture"],
        remaps_users="name=userns" in (body.get("SecurityOptions") or ()),
        root=root(body),
    )


def root(info: Mapping[str, Any]) -> tuple[int, int]:
    """The user and the group of the machine that root in a container is. An engine that remaps users names
    its data root after them."""
    named = re.fullmatch(r"(?:.*/)?(\d+)\.(\d+)", info["DockerRootDir"])
    if named is None or "name=userns" not in (info.get("SecurityOptions") or ()):
        return 0, 0
    return int(named[1]), int(named[2])


def bridge(network: Mapping[str, Any]) -> str:
    """The interface of a bridge network on the node: named by its maker, or else after its id."""
    named = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return str(named or f"br-{network['Id'][:12]}")


def _moment(text: str | None) -> str | None:
    return None if not text or text == _NEVER else re.sub(r"\+00:00$", "Z", text)


def _ip(settings: Mapping[str, Any]) -> str | None:
    for network in (settings.get("Networks") or {}).values():
        if address := network.get("IPAddress"):
            return str(address)
    return None


def _limits(host_config: Mapping[str, Any]) -> Limits | None:
    quota, period, memory = (host_config.get(name) or 0 for name in ("CpuQuota", "CpuPeriod", "Memory"))
    if quota <= 0 or period <= 0:
        return None
    cores = host_config.get("CpusetCpus") or ""
    millicores = round(quota * 1000 / period)
    weighed = host_config.get("CpuShares") == shares(millicores)
    return Limits(millicores=millicores, memory=memory, cpuset=cores, is_weighed=weighed)


def _ports(host_config: Mapping[str, Any]) -> tuple[PortBinding, ...]:
    return tuple(
        PortBinding(int(port.partition("/")[0]), binding.get("HostIp") or "", int(binding["HostPort"]))
        for port, bindings in (host_config.get("PortBindings") or {}).items()
        for binding in bindings or ()
        if binding.get("HostPort")
    )
