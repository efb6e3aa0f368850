/** Objects as the API has them. Any field may be absent: a program of another version, or nobody, has written it. */

export interface Metadata {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
}

export interface KObject {
  apiVersion?: string;
  kind?: string;
  metadata: Metadata;
  spec?: any;
  status?: any;
  [field: string]: any;
}

/** "namespace/name", or "name": what an object of one kind is found by. */
export function keyOf(object: KObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** A condition by its type. */
export function condition(object: KObject, type: string): Condition | undefined {
  const all: unknown = object.status?.conditions;
  return Array.isArray(all) ? all.find((one: Condition) => one?.type === type) : undefined;
}

/** Seconds since this RFC 3339 time; undefined where it is none. */
export function secondsSince(time: string | undefined, now: number): number | undefined {
  const then = time ? Date.parse(time) : NaN;
  return Number.isNaN(then) ? undefined : Math.max(0, (now - then) / 1000);
}
