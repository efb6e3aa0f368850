"""VPSes and Nodes as the server holds them, each test naming only what matters to it."""

import datetime
from typing import Any

Json = dict[str, Any]

NOW = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)
CREATED = "2026-01-01T11:55:00Z"


def a_vps(
    name: str = "dev",
    phase: str = "running",
    *,
    node: str = "n1",
    why: str = "",
    reason: str = "",
    run_state: str = "Running",
    ssh: str = "ready",
    state: str = "",
    restart: tuple[str, str] = ("", ""),  # asked for, carried out
    port: int = 30000,
    deleting: bool = False,
    cores: str | int = 2,
    memory: str = "4Gi",
    **spec: Any,
) -> Json:
    """Bound to a node unless that is empty."""
    status: Json = {"phase": phase, "reason": reason, "message": why, "observedGeneration": 1}
    if node:
        status["epoch"] = 1
        status["assignment"] = {
            "node": node,
            "epoch": 1,
            "id": "b1",
            "boundAt": CREATED,
            "grant": {"cores": str(cores), "memory": memory, "sshPort": port},
        }
        status["observed"] = {
            "epoch": 1,
            "state": state or phase,
            "restartRequest": restart[1],
            "ssh": {"state": ssh},
            "container": {
                "name": f"kohakuriver-default-{name}-12345678",
                "startedAt": "2026-01-01T11:56:00.123456Z",
                "restarts": 0,
            },
        }
    metadata: Json = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-of-{name}",
        "generation": 1,
        "creationTimestamp": CREATED,
    }
    if deleting:
        metadata |= {"deletionTimestamp": CREATED, "finalizers": ["kohakuriver.io/container"]}
    whole = {
        "runState": run_state,
        "image": "kohakuriver/debian-ssh",
        "resources": {"cores": cores, "memory": memory},
        "ssh": {"authorizedKeys": ["ssh-ed25519 AAAA someone"]},
        "restartPolicy": "Always",
        **spec,
    }
    if restart[0]:
        whole["restartRequest"] = restart[0]
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "VPS",
        "metadata": metadata,
        "spec": whole,
        "status": status,
    }


def a_node(name: str = "n1", *, address: str = "127.0.0.1", ready: str = "True", **spec: Any) -> Json:
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-of-{name}",
            "generation": 1,
            "creationTimestamp": CREATED,
            "labels": {"disk": "ssd"},
        },
        "spec": spec,
        "status": {
            "capacity": {"cores": "8", "memory": "32Gi"},
            "allocatable": {"cores": "8", "memory": "30Gi"},
            "sshPorts": {"address": address, "first": 30000, "last": 31999},
            "nodeInfo": {"hostname": "alpha", "agentVersion": "0.1.0"},
            "conditions": [
                {"type": "Ready", "status": ready, "reason": "AgentReports", "lastTransitionTime": CREATED}
            ],
        },
    }


def an_allocation(node: str = "n1", **bookings: Json) -> Json:
    """Bookings by the VPS's name."""
    return {
        "apiVersion": "kohakuriver.io/v1alpha1",
        "kind": "NodeAllocation",
        "metadata": {"name": node, "uid": f"uid-of-allocation-{node}", "creationTimestamp": CREATED},
        "bookings": {
            f"uid-of-{name}": {"namespace": "default", "name": name, "epoch": 1, "id": "b1", **booking}
            for name, booking in bookings.items()
        },
    }
