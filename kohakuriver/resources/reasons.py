"""Why a VPS does not run, in words for programs: the reasons that no waiting cures. Pure.

The controller writes those of the condition Scheduled, the agent those of `status.observed`. A wait for a VPS
ends at one of them, for only an edit of the VPS, or somebody's deed, helps.
"""

from collections.abc import Iterable
from typing import Final

# Of the controller: it has no node, or not what it needs on the node that has its files.
NEVER_FITS: Final = "NeverFits"  # it asks for more than there is in all, on any node that it may go to
NODE_NOT_FOUND: Final = "NodeNotFound"
NUMA_NODE_NOT_FOUND: Final = "NUMANodeNotFound"
GPU_NOT_FOUND: Final = "GPUNotFound"
LABEL_NOT_FOUND: Final = "LabelNotFound"  # no node carries the label that it selects by
TAINT_NOT_TOLERATED: Final = "TaintNotTolerated"
NODE_CORDONED: Final = "NodeCordoned"
NODE_DRAINING: Final = "NodeDraining"
NO_SUITABLE_NODE: Final = "NoSuitableNode"  # each node refuses for one of these reasons, and not all for one
QUOTA_TOO_SMALL: Final = "QuotaTooSmall"  # it alone asks for more than its namespace may book
QUOTA_WANTS_DISK: Final = "QuotaWantsDisk"
QUOTA_UNREADABLE: Final = "QuotaUnreadable"

SNAPSHOT_ELSEWHERE: Final = "SnapshotElsewhere"  # than on the node that it may go to

# Of either.
SNAPSHOT_MISSING: Final = "SnapshotMissing"
SNAPSHOT_NOT_READY: Final = "SnapshotNotReady"  # it is still being taken: waiting helps
SNAPSHOT_FAILED: Final = "SnapshotFailed"  # or its files are lost
MOUNT_NOT_ALLOWED: Final = "MountNotAllowed"
PRIVILEGED_NOT_ALLOWED: Final = "PrivilegedNotAllowed"
PRIVILEGED_NOT_POSSIBLE: Final = "PrivilegedNotPossible"  # its node's engine remaps users
CAPABILITY_NOT_ALLOWED: Final = "CapabilityNotAllowed"
REJECTED: Final = "Rejected"
NODE_QUARANTINED: Final = "NodeQuarantined"

# Of the agent.
NODE_DRAINED: Final = "NodeDrained"
DISK_LIMIT_EXCEEDED: Final = "DiskLimitExceeded"
ENVIRONMENT_MISSING: Final = "EnvironmentMissing"
ENVIRONMENT_FAILED: Final = "EnvironmentFailed"
SNAPSHOT_UNUSABLE: Final = "SnapshotUnusable"  # what its node has of it is not what was taken
IMAGE_NOT_ON_NODE: Final = "ImageNotOnNode"  # and it comes from no registry
IMAGE_OF_ANOTHER: Final = "ImageOfAnother"
CONTAINER_REFUSED: Final = "ContainerRefused"  # the engine does not make or start it as it is declared
NOTHING_TO_RUN: Final = "NothingToRun"  # its program is not in the image, or is none
MOUNT_REFUSED: Final = "MountRefused"
VOLUME_OF_ANOTHER: Final = "VolumeOfAnother"
NAME_TAKEN: Final = "NameTaken"
OTHER_PLACEMENT: Final = "OtherPlacement"
CONTAINER_DEAD: Final = "ContainerDead"
CONTAINER_OUTDATED: Final = "ContainerOutdated"
GPU_MISSING: Final = "GPUMissing"

# Of the agent and of the server, where waiting, or starting it, may help.
ASSIGNED: Final = "Assigned"  # its node has not taken it up yet
STOPPED: Final = "Stopped"  # as it was declared
COMPLETED: Final = "Completed"  # its main process ended well, and its restart policy leaves it so
ERROR: Final = "Error"  # its main process ended with an error
OOM_KILLED: Final = "OOMKilled"
MEMORY_LOST: Final = "MemoryLost"  # it was paused, and its node started anew

# Of the condition RestartRequired, where a plain restart is not enough.
IMAGE_CHANGED: Final = "ImageChanged"
FILES_KEPT: Final = "FilesKept"

SCHEDULING: Final = frozenset(
    {
        NEVER_FITS,
        NODE_NOT_FOUND,
        NUMA_NODE_NOT_FOUND,
        GPU_NOT_FOUND,
        LABEL_NOT_FOUND,
        TAINT_NOT_TOLERATED,
        NODE_CORDONED,
        NODE_DRAINING,
        NO_SUITABLE_NODE,
        QUOTA_TOO_SMALL,
        QUOTA_WANTS_DISK,
        QUOTA_UNREADABLE,
        SNAPSHOT_ELSEWHERE,
        SNAPSHOT_MISSING,
        SNAPSHOT_FAILED,
        MOUNT_NOT_ALLOWED,
        PRIVILEGED_NOT_ALLOWED,
        PRIVILEGED_NOT_POSSIBLE,
        CAPABILITY_NOT_ALLOWED,
        REJECTED,
        NODE_QUARANTINED,
    }
)
"""Those of the condition Scheduled."""

OBSERVED: Final = frozenset(
    {
        MOUNT_NOT_ALLOWED,
        PRIVILEGED_NOT_ALLOWED,
        PRIVILEGED_NOT_POSSIBLE,
        CAPABILITY_NOT_ALLOWED,
        NODE_QUARANTINED,
        NODE_DRAINED,
        ENVIRONMENT_MISSING,
        ENVIRONMENT_FAILED,
        SNAPSHOT_MISSING,
        SNAPSHOT_FAILED,
        SNAPSHOT_UNUSABLE,
        IMAGE_NOT_ON_NODE,
        IMAGE_OF_ANOTHER,
        CONTAINER_REFUSED,
        NOTHING_TO_RUN,
        MOUNT_REFUSED,
        VOLUME_OF_ANOTHER,
        NAME_TAKEN,
        OTHER_PLACEMENT,
        CONTAINER_DEAD,
        CONTAINER_OUTDATED,
        GPU_MISSING,
    }
)
"""Those of `status.observed`."""

# Not known to be missing: it waits until its node can tell which GPUs it has.
GPU_UNKNOWN: Final = "GPUUnknown"

# Answers of a registry that another try seldom changes; yet somebody may push the image meanwhile.
IMAGE_NOT_FOUND: Final = "ImageNotFound"
IMAGE_DENIED: Final = "ImageDenied"
CRASH_LOOP: Final = "CrashLoopBackOff"
WORTH_TELLING: Final = frozenset({IMAGE_NOT_FOUND, IMAGE_DENIED, CRASH_LOOP, DISK_LIMIT_EXCEEDED})
"""Those that somebody who waits is told at once, though the wait goes on."""


def common(found: Iterable[str]) -> str:
    """The one reason for several nodes that each refuse for these; empty where waiting may cure one, after
    which no more of them are asked for."""
    different = set[str]()
    for one in found:
        if not one:
            return ""
        different.add(one)
    return different.pop() if len(different) == 1 else NO_SUITABLE_NODE if different else ""
