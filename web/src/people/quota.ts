/** ResourceQuotas for people: what a namespace may take, what it takes, and the patch that changes it. Pure. */
import { type KObject } from "../api/objects";
import { coresShown, millicores, size, sizeShown } from "../cluster/amounts";
import { compare, object } from "../cluster/node";

export interface Resource {
  /** Its name in `spec.hard`. */
  name: string;
  /** What people call it. */
  label: string;
  /** What is typed, for example. */
  example: string;
  amount: (value: unknown) => number | undefined;
  written: (value: number) => string;
}

const pieces = (value: unknown): number | undefined => size(value);
const counted = (value: number): string => String(value);

export const RESOURCES: readonly Resource[] = [
  { name: "requests.cpu", label: "cores", example: "8", amount: millicores, written: coresShown },
  { name: "requests.memory", label: "memory", example: "32Gi", amount: size, written: sizeShown },
  { name: "requests.nvidia.com/gpu", label: "GPUs", example: "2", amount: pieces, written: counted },
  { name: "requests.storage", label: "disk", example: "200Gi", amount: size, written: sizeShown },
  { name: "count/vpses.kohakuriver.io", label: "VPSes", example: "20", amount: pieces, written: counted },
  { name: "kohakuriver.io/object-bytes", label: "stored objects", example: "64Mi", amount: size, written: sizeShown },
];

/** Kubernetes' other spelling of the same two. */
const SHORT: Readonly<Record<string, string>> = { cpu: "requests.cpu", memory: "requests.memory" };

export const fullName = (name: string): string => (Object.hasOwn(SHORT, name) && SHORT[name]) || name;

/** One limit of a quota. `used` and `most` are undefined where the server could not read them. */
export interface Limit {
  /** As `spec.hard` spells it. */
  name: string;
  label: string;
  used: number | undefined;
  most: number | undefined;
  /** "1.5 of 8"; what was declared where it cannot be read. */
  text: string;
}

export function limitsOf(quota: KObject): Limit[] {
  const declared = object(object(quota.spec)["hard"]);
  const status = object(quota.status);
  const hard = object(status["hard"]);
  const used = object(status["used"]);
  const rank = (name: string) => RESOURCES.findIndex((one) => one.name === fullName(name));
  return Object.keys(declared)
    .sort((one, other) => rank(one) - rank(other) || compare(one, other))
    .map((name) => {
      const resource = RESOURCES[rank(name)];
      const [has, may] = [resource?.amount(used[name]), resource?.amount(hard[name] ?? declared[name])];
      const text =
        resource && has !== undefined && may !== undefined
          ? `${resource.written(has)} of ${resource.written(may)}`
          : `${has === undefined ? "?" : (resource?.written(has) ?? has)} of ${String(declared[name])}`;
      return { name, label: resource?.label ?? name, used: has, most: may, text };
    });
}

/** The limits as somebody edits them: by full name, as declared; empty for none. */
export function declaredOf(quota: KObject | undefined): Record<string, string> {
  const hard = object(object(quota?.spec)["hard"]);
  const found: Record<string, string> = {};
  for (const [name, amount] of Object.entries(hard)) found[fullName(name)] = String(amount);
  return found;
}

/**
 * The merge patch that brings the limits of a quota from what it declares to what was typed; undefined where nothing
 * changes. A limit that is emptied is taken away, in the spelling it has.
 */
export function patchOf(quota: KObject, typed: Readonly<Record<string, string>>): object | undefined {
  const declared = object(object(quota.spec)["hard"]);
  const hard: Record<string, string | null> = {};
  for (const [name, amount] of Object.entries(declared)) {
    const wanted = typed[fullName(name)];
    if (wanted === undefined || wanted.trim() === String(amount)) continue;
    hard[name] = wanted.trim() || null;
  }
  const there = new Set(Object.keys(declared).map(fullName));
  for (const [name, amount] of Object.entries(typed)) if (!there.has(name) && amount.trim()) hard[name] = amount.trim();
  if (Object.keys(hard).length === 0) return undefined;
  return { metadata: { uid: quota.metadata.uid, resourceVersion: quota.metadata.resourceVersion }, spec: { hard } };
}

/** A new quota of these limits. */
export function quotaOf(name: string, typed: Readonly<Record<string, string>>): object {
  const hard: Record<string, string> = {};
  for (const [resource, amount] of Object.entries(typed)) if (amount.trim()) hard[resource] = amount.trim();
  return { apiVersion: "v1", kind: "ResourceQuota", metadata: { name }, spec: { hard } };
}
