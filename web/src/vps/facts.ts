/** What the page of one VPS says of it: what was declared, what it was given, how its conditions and events read. Pure. */
import type { Condition, KObject } from "../api/objects";
import { bytes, cores, quantity } from "../api/quantity";
import { nodeOf, observedOf, sshPortOf, wordOf } from "../api/vps";
import { isRecord } from "./yaml/text";

export interface Fact {
  readonly title: string;
  readonly declared: readonly string[];
  readonly granted: readonly string[];
}

/** Each thing that a VPS asks for or has, with what it was given; what nobody asked for is left out. */
export function factsOf(vps: KObject): Fact[] {
  const spec = record(vps.spec);
  const resources = record(spec["resources"]);
  const placement = record(spec["placement"]);
  const grant = record(vps.status?.assignment?.grant);
  const observed = observedOf(vps);
  const container = record(observed.container);
  const security = record(spec["security"]);
  const capabilities = record(security["capabilities"]);
  const found: [string, unknown[], unknown[]][] = [
    ["Cores", [amount(resources["cores"], coresText), resources["exclusive"] === true && "for itself alone"], [amount(grant["cores"], coresText), grant["cpuset"] && `cores ${text(grant["cpuset"])}`]],
    ["Memory", [text(resources["memory"])], [quantity(grant["memory"]) === quantity(resources["memory"]) ? text(resources["memory"]) : amount(grant["memory"], bytes)]],
    ["Disk", [text(resources["disk"])], []],
    ["GPUs", [gpusText(placement["gpus"])], list(grant["gpus"]).map(text)],
    ["Node", [text(placement["node"]) || selectorText(placement["nodeSelector"]) || "any", placement["numa"] !== undefined && `NUMA node ${text(placement["numa"])}`], [nodeOf(vps), grant["numa"] !== undefined && `NUMA node ${text(grant["numa"])}`]],
    ["Image", [spec["environment"] ? `environment ${text(spec["environment"])}` : text(spec["image"])], [text(container["image"])]],
    ["SSH", [sshText(record(spec["ssh"]))], [sshPortOf(vps) ? `port ${sshPortOf(vps)}` : "", text(observed.ssh?.state)]],
    ["Volumes", list(spec["volumes"]).map(volumeText), []],
    ["Mounts", list(spec["mounts"]).map(mountText), []],
    ["Rights", [spec["privileged"] === true && "privileged", ...list(capabilities["add"]).map((one) => `+${text(one)}`), ...list(capabilities["drop"]).map((one) => `-${text(one)}`), security["noNewPrivileges"] === true && "no new privileges"], []],
    ["Terminals", [record(spec["sessions"])["detachedFor"] && `kept for ${text(record(spec["sessions"])["detachedFor"])} when nobody is there`], []],
    ["Runs", [text(spec["runState"]) || "Running", spec["restartPolicy"] && `restarts ${restartText(text(spec["restartPolicy"]))}`], [wordOf(vps), restartsText(container["restarts"])]],
    ["Priority", [spec["priority"] ? text(spec["priority"]) : ""], []],
    ["Command", [list(spec["command"]).map(text).join(" ")], []],
    ["Variables", Object.entries(record(spec["env"])).map(([name, value]) => `${name}=${text(value)}`), []],
    ["Tolerates", list(spec["tolerations"]).map((one) => [text(record(one)["key"]) || "every taint", text(record(one)["value"])].filter(Boolean).join("=")), []],
    ["Labels", Object.entries(record(vps.metadata.labels)).map(([name, value]) => `${name}=${text(value)}`), []],
  ];
  return found
    .map(([title, declared, granted]) => ({ title, declared: words(declared), granted: words(granted) }))
    .filter((one) => one.declared.length > 0 || one.granted.length > 0);
}

/** Those of which True is the bad news. */
const BAD_WHEN_TRUE = new Set(["RestartRequired", "FilesLost"]);

/** The conditions that are not as they should be, and the others. */
export function conditionsOf(vps: KObject): { wrong: Condition[]; fine: Condition[] } {
  const all = list(vps.status?.conditions).filter((one): one is Condition => isRecord(one) && typeof one["type"] === "string");
  const isFine = (one: Condition) => one.status === (BAD_WHEN_TRUE.has(one.type) ? "False" : "True");
  return { wrong: all.filter((one) => !isFine(one)), fine: all.filter(isFine) };
}

export interface Happening {
  readonly key: string;
  readonly time: string;
  readonly isWarning: boolean;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly from: string;
}

/** Events, the latest first. */
export function happeningsOf(events: Iterable<KObject>): Happening[] {
  const found = [...events].map((event) => ({
    key: event.metadata.uid ?? event.metadata.name,
    time: text(event["series"]?.lastObservedTime) || text(event["lastTimestamp"]) || text(event["eventTime"]) || text(event["firstTimestamp"]) || text(event.metadata.creationTimestamp),
    isWarning: event["type"] === "Warning",
    reason: text(event["reason"]),
    message: text(event["message"]),
    count: Number(event["series"]?.count ?? event["count"] ?? 1) || 1,
    from: text(event["source"]?.component) || text(event["reportingComponent"]),
  }));
  return found.sort((one, other) => Date.parse(other.time) - Date.parse(one.time) || other.key.localeCompare(one.key));
}

/** What selects the events of exactly this VPS, not of a namesake. */
export function eventsSelector(vps: KObject): string {
  return `involvedObject.kind=VPS,involvedObject.name=${vps.metadata.name},involvedObject.uid=${vps.metadata.uid ?? ""}`;
}

/** `kohakuriver WORDS`, as it has to be typed for this VPS. */
export function commandFor(vps: KObject, words: string): string {
  const { namespace = "default" } = vps.metadata;
  return `kohakuriver ${words}${namespace === "default" ? "" : ` -n ${namespace}`}`;
}

const HTTPS = new Set([443, 6443, 8443, 9443]);
const HTTP = new Set([80, 4000, 4200, 5000, 5001, 5173, 6006, 7860, 9090, 11434]);

/** Where a forwarded port is, as `kohakuriver forward` prints it: a URL where it is likely to be one. */
export function forwardedTo(local: number, remote: number): string {
  const where = `127.0.0.1:${local}`;
  if (HTTPS.has(remote)) return `https://${where}`;
  const isWeb = HTTP.has(remote) || (remote >= 3000 && remote <= 3010) || (remote >= 8000 && remote <= 9000);
  return isWeb ? `http://${where}` : where;
}

/** A number from 1 to 65535; undefined for anything else. */
export function port(written: string): number | undefined {
  const found = /^\d{1,5}$/.test(written.trim()) ? Number(written) : 0;
  return found >= 1 && found <= 65535 ? found : undefined;
}

/** The fingerprint of a host key, as ssh shows it; undefined where it cannot be worked out. */
export async function fingerprint(hostKey: string, digest: (data: Uint8Array) => Promise<ArrayBuffer>): Promise<string | undefined> {
  try {
    const blob = Uint8Array.from(atob(hostKey.trim().split(/\s+/)[1] ?? ""), (one) => one.charCodeAt(0));
    if (blob.length === 0) return undefined;
    const hash = String.fromCharCode(...new Uint8Array(await digest(blob)));
    return `SHA256:${btoa(hash).replace(/=+$/, "")}`;
  } catch {
    return undefined;
  }
}

function record(value: unknown): Record<string, any> {
  return isRecord(value) ? value : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function words(found: readonly unknown[]): string[] {
  return found.filter((one): one is string => typeof one === "string" && one !== "");
}

function amount(value: unknown, write: (count: number) => string): string {
  const found = quantity(value);
  return found === undefined ? "" : write(found);
}

function coresText(count: number): string {
  return cores(count);
}

function gpusText(gpus: unknown): string {
  if (!isRecord(gpus)) return "";
  const ids = list(gpus["ids"]).map(text);
  if (ids.length > 0) return ids.join(", ");
  const model = text(gpus["model"]);
  return `${text(gpus["count"]) || "1"}${model ? ` × ${model}` : ""}`;
}

function selectorText(selector: unknown): string {
  return Object.entries(record(selector)).map(([name, value]) => `${name}=${text(value)}`).join(", ");
}

function sshText(ssh: Record<string, unknown>): string {
  if (ssh["disabled"] === true) return "off";
  if (ssh["passwordless"] === true) return "without a password, on its node only";
  const keys = list(ssh["authorizedKeys"]).length;
  return keys === 0 ? "nobody's key" : keys === 1 ? "1 key" : `${keys} keys`;
}

function volumeText(value: unknown): string {
  const one = record(value);
  return `${text(one["name"])} at ${text(one["target"])}${one["reclaimPolicy"] === "Delete" ? ", deleted with the VPS" : ""}`;
}

function mountText(value: unknown): string {
  const one = record(value);
  return `${text(one["source"])} at ${text(one["target"])}${one["readOnly"] === true ? ", read-only" : ""}`;
}

function restartText(policy: string): string {
  return policy === "Never" ? "never" : policy === "OnFailure" ? "after an error" : "always";
}

function restartsText(count: unknown): string {
  if (typeof count !== "number" || count === 0) return "";
  return count === 1 ? "started again once" : `started again ${count} times`;
}
