/** VPSes that wait for a node, in the order in which the controller tries them: by priority, then by age. Pure. */
import { condition, type KObject } from "../api/objects";
import { compare, object } from "./node";

export interface Waiting {
  vps: KObject;
  /** `node`: for any node; `files`: for room on the node that has its files; `vain`: until somebody changes something. */
  on: "node" | "files" | "vain";
  priority: number;
  /** The place in the queue; 0 where it stands in none. */
  place: number;
  /** One sentence for why it waits. */
  why: string;
  /** Since when. */
  since: string;
}

/** With these no turn of its ever comes before somebody changes something. */
const IN_VAIN = new Set([
  "NeverFits",
  "NodeNotFound",
  "NUMANodeNotFound",
  "GPUNotFound",
  "LabelNotFound",
  "TaintNotTolerated",
  "NodeCordoned",
  "NodeDraining",
  "NoSuitableNode",
  "QuotaTooSmall",
  "QuotaWantsDisk",
  "QuotaUnreadable",
  "SnapshotElsewhere",
  "SnapshotMissing",
  "SnapshotFailed",
  "MountNotAllowed",
  "PrivilegedNotAllowed",
  "PrivilegedNotPossible",
  "CapabilityNotAllowed",
  "Rejected",
  "NodeQuarantined",
]);

/** Those that wait: first the queue, then those that wait for their own node, then those that wait in vain. */
export function queueOf(vpses: Iterable<KObject>): Waiting[] {
  const found: Waiting[] = [];
  for (const vps of vpses) {
    const status = object(vps.status);
    if ((status["phase"] ?? "pending") !== "pending" || vps.metadata.deletionTimestamp) continue;
    const priority: unknown = object(vps.spec)["priority"];
    const reason = typeof status["reason"] === "string" ? status["reason"] : "";
    const message = typeof status["message"] === "string" ? status["message"] : "";
    const scheduled = condition(vps, "Scheduled");
    found.push({
      vps,
      on: status["assignment"] ? "files" : IN_VAIN.has(reason) ? "vain" : "node",
      priority: Number.isInteger(priority) ? (priority as number) : 0,
      place: 0,
      why: message || reason || "it has not been looked at yet",
      since: (scheduled?.status === "False" && scheduled.lastTransitionTime) || vps.metadata.creationTimestamp || "",
    });
  }
  found.sort(
    (one, other) =>
      ORDER[one.on] - ORDER[other.on] ||
      other.priority - one.priority ||
      compare(one.vps.metadata.creationTimestamp ?? "", other.vps.metadata.creationTimestamp ?? "") ||
      compare(nameOf(one.vps), nameOf(other.vps)),
  );
  let place = 0;
  for (const one of found) if (one.on === "node") one.place = ++place;
  return found;
}

const ORDER = { node: 0, files: 1, vain: 2 };

const nameOf = (vps: KObject): string => `${vps.metadata.namespace ?? ""}/${vps.metadata.name}`;
