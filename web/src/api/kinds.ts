/** Which kinds the page knows, and where the API serves them. */

export interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly group: string;
  readonly version: string;
  readonly namespaced: boolean;
}

const ours = (kind: string, plural: string, namespaced = false): Kind => ({
  kind,
  plural,
  group: "kohakuriver.io",
  version: "v1alpha1",
  namespaced,
});
const core = (kind: string, plural: string, namespaced = false): Kind => ({
  kind,
  plural,
  group: "",
  version: "v1",
  namespaced,
});

export const VPS = ours("VPS", "vpses", true);
export const NODE = ours("Node", "nodes");
export const NODE_ALLOCATION = ours("NodeAllocation", "nodeallocations");
export const ENVIRONMENT = ours("Environment", "environments");
export const TOKEN = ours("Token", "tokens");
export const POLICY = ours("Policy", "policies");
export const NAMESPACE = core("Namespace", "namespaces");
export const RESOURCE_QUOTA = core("ResourceQuota", "resourcequotas", true);
export const SNAPSHOT = ours("Snapshot", "snapshots", true);
export const EVENT = core("Event", "events", true);

/** "kohakuriver.io/v1alpha1", or "v1". */
export function apiVersion(kind: Kind): string {
  return kind.group ? `${kind.group}/${kind.version}` : kind.version;
}

/** The path of a collection, of an object, or of a part of one. Without a namespace it is across all of them. */
export function pathOf(kind: Kind, namespace = "", name = "", part = ""): string {
  const parts = [kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`];
  if (kind.namespaced && namespace) parts.push("namespaces", encodeURIComponent(namespace));
  parts.push(kind.plural);
  if (name) parts.push(encodeURIComponent(name));
  if (part) parts.push(part);
  return parts.join("/");
}
