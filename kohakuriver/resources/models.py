"""Which model belongs to which kind."""

from kohakuriver.resources import allocation, core, environment, kinds, lease, meta, node, vps

MODELS: dict[kinds.ResourceType, type[meta.Object]] = {
    kinds.VPS: vps.VPS,
    kinds.NODE: node.Node,
    kinds.NODE_ALLOCATION: allocation.NodeAllocation,
    kinds.ENVIRONMENT: environment.Environment,
    kinds.NAMESPACE: core.Namespace,
    kinds.EVENT: core.Event,
    kinds.LEASE: lease.Lease,
}
