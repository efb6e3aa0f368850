"""Which model belongs to which kind."""

from kohakuriver.resources import (
    allocation,
    core,
    core_node,
    environment,
    kinds,
    lease,
    meta,
    new_event,
    node,
    pod,
    policy,
    quota,
    snapshot,
    token,
    usage,
    vps,
)

MODELS: dict[kinds.ResourceType, type[meta.Object]] = {
    kinds.VPS: vps.VPS,
    kinds.NODE: node.Node,
    kinds.NODE_ALLOCATION: allocation.NodeAllocation,
    kinds.ENVIRONMENT: environment.Environment,
    kinds.SNAPSHOT: snapshot.Snapshot,
    kinds.TOKEN: token.Token,
    kinds.POLICY: policy.Policy,
    kinds.NAMESPACE: core.Namespace,
    kinds.RESOURCE_QUOTA: quota.ResourceQuota,
    kinds.EVENT: core.Event,
    kinds.LEASE: lease.Lease,
}
# Of what is shown and never stored.
VIEWS: dict[kinds.ResourceType, type[meta.Object]] = {
    kinds.POD: pod.Pod,
    kinds.CORE_NODE: core_node.Node,
    kinds.NEW_EVENT: new_event.Event,
    **dict.fromkeys(kinds.POD_METRICS, usage.PodMetrics),
    **dict.fromkeys(kinds.NODE_METRICS, usage.NodeMetrics),
}
