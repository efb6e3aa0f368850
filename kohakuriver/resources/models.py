"""Which model belongs to which kind."""

from kohakuriver.resources import allocation, core, environment, kinds, lease, meta, node, token, vps

MODELS: dict[kinds.ResourceType, type[meta.Object]] = {
    kinds.VPS: vps.VPS,
    kinds.NODE: node.Node,
    kinds.NODE_ALLOCATION: allocation.NodeAllocation,
    kinds.ENVIRONMENT: environment.Environment,
    kinds.TOKEN: token.Token,
    kinds.NAMESPACE: core.Namespace,
    kinds.EVENT: core.Event,
    kinds.LEASE: lease.Lease,
}
