/** A token as `kohakuriver token create` makes one: the secret stays with whoever holds it, the cluster gets its hash. */
import { type ApiError } from "../api/http";

export type Role = "user" | "viewer" | "admin" | "join";

/** What somebody has filled in. */
export interface Wanted {
  role: Role;
  user: string;
  /** For a join token: the only name that may be joined with it; empty for any. */
  node: string;
  namespaces: readonly string[];
  rights: readonly string[];
  /** A duration, or "none" for no end. */
  ttl: string;
}

export interface Made {
  secret: string;
  body: { apiVersion: string; kind: string; metadata: { name: string }; spec: Record<string, unknown> };
}

export const RIGHTS: readonly (readonly [string, string])[] = [
  ["mounts", "mount folders of a node that it allows"],
  ["privileged", "run privileged VPSes where a node allows it"],
  ["capabilities", "ask for capabilities that a node allows"],
];

export const ROLES: readonly (readonly [Role, string])[] = [
  ["user", "makes, changes and enters VPSes in its own namespaces, and sees the nodes"],
  ["viewer", "sees everything but tokens, or that of the namespaces it is narrowed to, and changes nothing"],
  ["admin", "may do everything, in all namespaces, and makes tokens"],
  ["join", "makes one machine a node, and opens nothing else"],
];

/** The roles of programs, which nobody makes here. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  node: "the agent of one node: it sees and reports what is placed there",
  controller: "places VPSes and judges nodes",
};

/** How long it is good for unless somebody says otherwise. */
export const TTL: Readonly<Record<Role, string>> = { user: "2160h", viewer: "none", admin: "none", join: "1h" };

/** What is missing or wrong, in a sentence; undefined where the server may be asked. */
export function fault(wanted: Wanted): string | undefined {
  if (wanted.role !== "join" && !wanted.user.trim()) return "the user is missing: say who it is for";
  if (wanted.role === "user" && wanted.namespaces.length === 0) return "a namespace is missing: a user has at least one";
  if (wanted.role === "join" && wanted.ttl === "none") return "a join token ends: use a time such as 1h";
  if (wanted.ttl !== "none" && !isDuration(wanted.ttl)) return `invalid duration "${wanted.ttl}": write one such as 30s, 2m or 1h30m, or none for no end`;
  return undefined;
}

function isDuration(text: string): boolean {
  const whole = text.trim();
  return whole.length <= 40 && /^(\d+(\.\d+)?|(\d+(\.\d+)?(ms|d|h|m|s))+)$/.test(whole);
}

/** A new secret, and the Token for it. */
export async function make(wanted: Wanted): Promise<Made> {
  const secret = base64url(crypto.getRandomValues(new Uint8Array(32)));
  return { secret, body: await bodyFor(wanted, secret) };
}

/** The Token for this secret. It has the hash alone. */
export async function bodyFor(wanted: Wanted, secret: string): Promise<Made["body"]> {
  const sha256 = hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)));
  const spec: Record<string, unknown> = { sha256, role: wanted.role };
  if (wanted.role === "join") {
    if (wanted.node.trim()) spec["node"] = wanted.node.trim();
  } else {
    spec["user"] = wanted.user.trim();
  }
  if (wanted.role === "user" && wanted.rights.length) spec["rights"] = [...wanted.rights];
  if (wanted.ttl !== "none") spec["ttl"] = wanted.ttl.trim();
  if ((wanted.role === "user" || wanted.role === "viewer") && wanted.namespaces.length) spec["namespaces"] = [...wanted.namespaces];
  return {
    apiVersion: "kohakuriver.io/v1alpha1",
    kind: "Token",
    metadata: { name: `${wanted.role}-${sha256.slice(0, 8)}` },
    spec,
  };
}

/** Whether this error leaves open what became of the request. */
export const isLost = (error: ApiError): boolean => error.code === 0;

export function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function hex(digest: ArrayBuffer): string {
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
