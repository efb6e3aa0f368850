"""The types of conditions, each spelled once. Pure."""

from typing import Final

# Of a VPS.
SCHEDULED: Final = "Scheduled"
SSH_READY: Final = "SSHReady"
NODE_REACHABLE: Final = "NodeReachable"
RESTART_REQUIRED: Final = "RestartRequired"
GPU_HEALTHY: Final = "GPUHealthy"
FILES_LOST: Final = "FilesLost"

# Of a Node.
READY: Final = "Ready"
RUNTIME_READY: Final = "RuntimeReady"
NETWORK_ISOLATED: Final = "NetworkIsolated"
EGRESS_ENFORCED: Final = "EgressEnforced"
USER_NAMESPACES: Final = "UserNamespaces"
DISK_PRESSURE: Final = "DiskPressure"
DATA_DIR_WRITABLE: Final = "DataDirWritable"
GPUS_READY: Final = "GPUsReady"
PROCESSES_VISIBLE: Final = "ProcessesVisible"
QUARANTINED: Final = "Quarantined"
DRAINED: Final = "Drained"
READABLE: Final = "Readable"  # added by the command that shows a Node of which it cannot read everything
