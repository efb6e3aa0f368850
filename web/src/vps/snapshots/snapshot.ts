/** Snapshots for people, in the words of `kohakuriver vps snapshots`, and what its commands declare. Pure. */
import { keyOf, type KObject } from "../../api/objects";
import { bytes, quantity } from "../../api/quantity";
import { nextWord, nodeOf, setAside } from "../../api/vps";
import { isRecord } from "../yaml/text";

const SHOWN = 5; // paths that were left out
const IN_SECONDS = 10_000; // ms; from here on they say nothing

export interface Shot {
  readonly key: string;
  readonly name: string;
  readonly object: KObject;
  /** Pending until its node has begun, then its phase. */
  readonly word: string;
  readonly node: string;
  readonly cause: string;
  /** "240Mi"; empty while it is not known. */
  readonly size: string;
  /** "812 ms"; empty while nobody has said. */
  readonly paused: string;
  /** The moment of its files; before that is known, of its object. */
  readonly taken: string;
  /** Ms since 1970 when it goes by itself; nothing where nobody said so. */
  readonly expires: number | undefined;
  /** What its node says of it, what is not in it, which hook failed. */
  readonly notes: readonly string[];
  /** Whether something went wrong. */
  readonly isWrong: boolean;
  /** Whether it has the files of an earlier VPS of that name. */
  readonly isOfAnother: boolean;
}

/** Those of the VPS, and of earlier ones of its name; the newest first. */
export function shotsOf(all: Iterable<KObject>, vps: KObject): Shot[] {
  const own = [...all].filter((one) => record(one.spec?.vps)["name"] === vps.metadata.name && one.metadata.namespace === vps.metadata.namespace);
  const found = own.map((one) => shotOf(one, vps));
  return found.sort((one, other) => compare(other.taken, one.taken) || compare(other.name, one.name));
}

function shotOf(object: KObject, vps: KObject): Shot {
  const spec = record(object.spec);
  const status = record(object.status);
  const of = record(spec["vps"]);
  const word = object.metadata.deletionTimestamp ? "Terminating" : text(status["phase"]) || "Pending";
  const taken = text(status["takenAt"]) || object.metadata.creationTimestamp || "";
  const hooks = hooksOf(status);
  const kept = seconds(spec["keepFor"]);
  const since = Date.parse(taken);
  const size = quantity(status["size"]);
  return {
    key: keyOf(object),
    name: object.metadata.name,
    object,
    word,
    node: text(of["node"]),
    cause: text(spec["cause"]) || "Manual",
    size: size ? bytes(size) : "",
    paused: pausedText(status["pausedMilliseconds"]),
    taken,
    expires: kept === undefined || Number.isNaN(since) ? undefined : since + kept * 1000,
    notes: [...said(text(status["message"]), status["leftOut"]), ...hooks],
    isWrong: word === "Failed" || word === "Lost" || hooks.length > 0,
    isOfAnother: text(of["uid"]) !== "" && of["uid"] !== vps.metadata.uid,
  };
}

function pausedText(ms: unknown): string {
  if (typeof ms !== "number") return "";
  return ms < IN_SECONDS ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const LEFT_OUT = "not in it";

/** What its node says of it, and which paths are not in it. */
function said(message: string, paths: unknown): string[] {
  const all = Array.isArray(paths) ? paths.map(text).filter(Boolean) : [];
  if (all.length === 0) return message ? [message] : [];
  const which = `${all.slice(0, SHOWN).join(", ")}${all.length > SHOWN ? " and more" : ""}`;
  if (message.startsWith(LEFT_OUT)) return [`${message} (${which})`];
  return [...(message ? [message] : []), `${LEFT_OUT}: ${which}`];
}

function hooksOf(status: Record<string, unknown>): string[] {
  return ["before", "after"].flatMap((when) => {
    const how = record(status[when]);
    if (!isRecord(status[when]) || (how["exitCode"] === 0 && !how["message"])) return [];
    const code = how["exitCode"] === undefined ? "" : ` with exit code ${how["exitCode"]}`;
    return [`the hook ${when} it failed${code}${text(how["message"]) && `: ${text(how["message"])}`}`];
  });
}

/** Why no files can begin from it; empty where they can. */
export function unusable(shot: Shot): string {
  switch (shot.word) {
    case "Ready":
      return "";
    case "Terminating":
      return "it is being deleted";
    case "Failed":
      return "it failed";
    case "Lost":
      return "its files are gone";
    case "Taking":
      return "it is still being taken";
    default:
      return `its node ${shot.node} has not begun to take it`;
  }
}

/** Why this VPS cannot begin again from it; empty where it can. */
export function whyNotRestored(shot: Shot, vps: KObject): string {
  if (unusable(shot)) return unusable(shot);
  const node = nodeOf(vps);
  if (node && shot.node && node !== shot.node) return `it lies on node ${shot.node}, and ${vps.metadata.name} is on node ${node}`;
  return vps.metadata.deletionTimestamp ? `${vps.metadata.name} is being deleted` : "";
}

/** What a request for one says. */
export interface Wish {
  /** Empty for a name with the moment in it. */
  name: string;
  volumes: boolean;
  pause: boolean;
  /** A duration; empty for as long as nobody deletes it. */
  keepFor: string;
}

/** `dev-20261201-094500`, as the command names it. */
export function nameAt(vps: KObject, now: Date, kind = ""): string {
  const [day = "", hour = ""] = now.toISOString().split("T");
  return `${vps.metadata.name}-${kind}${day.replaceAll("-", "")}-${hour.slice(0, 8).replaceAll(":", "")}`;
}

/** The object that has it taken. */
export function request(vps: KObject, wish: Wish, now: Date): KObject {
  const { name, namespace = "default", uid } = vps.metadata;
  const spec: Record<string, unknown> = { vps: { name, ...(uid ? { uid } : {}) } };
  if (!wish.volumes) spec["volumes"] = "Skip";
  if (!wish.pause) spec["pause"] = false;
  if (wish.keepFor.trim()) spec["keepFor"] = wish.keepFor.trim();
  return { apiVersion: "kohakuriver.io/v1alpha1", kind: "Snapshot", metadata: { name: wish.name.trim() || nameAt(vps, now), namespace }, spec };
}

/** The fields of spec by which a VPS begins again from it; `keepFor` is how long what is there now is kept, undefined for not at all. */
export function restored(vps: KObject, shot: Shot, keepFor: string | undefined): Record<string, unknown> {
  return { filesFrom: { snapshot: shot.name }, replaceFiles: nextWord(vps), keepReplacedFiles: keepFor ?? null };
}

/** What is to be known before it is restored. */
export function whatARestoreDoes(vps: KObject, shot: Shot, keepFor: string | undefined): string[] {
  const { name } = vps.metadata;
  const isStopped = vps.spec?.runState === "Stopped";
  const declared: unknown = vps.spec?.volumes;
  const names = (Array.isArray(declared) ? declared : []).map((one) => text(record(one)["name"])).filter(Boolean);
  const inIt: unknown = shot.object.status?.volumes;
  const back = (Array.isArray(inIt) ? inIt : []).map((one) => text(record(one)["name"]) || text(record(one)["target"])).filter(Boolean);
  const stay = names.filter((one) => !back.includes(one));
  const lines = [
    isStopped ? `${name} is stopped: its files become those of ${shot.name} at its next start.` : `${name} is restarted, and its files are those of ${shot.name}. What runs in it ends.`,
    keepFor ? `What is there now is kept for ${keepFor}, as the snapshot ${setAside(vps, nextWord(vps))}.` : "What is there now is given up for good.",
  ];
  if (back.length) lines.push(`Volumes that come back: ${back.join(", ")}.`);
  if (stay.length) lines.push(`Volumes that stay as they are: ${stay.join(", ")}.`);
  if (shot.isOfAnother) lines.push(`It has the files of an earlier ${name}, not of this one.`);
  return lines;
}

/** Fields of a VPS that are its own, and not those of a copy. */
const OWN = ["runState", "restartRequest", "replaceFiles", "keepReplacedFiles", "filesFrom", "placement", "snapshots"];

/** A new VPS with the files of a snapshot and the spec of this one, as `vps fork` makes it. */
export function forked(vps: KObject, name: string, snapshot: string): KObject {
  const spec = Object.fromEntries(Object.entries(record(vps.spec)).filter(([field]) => !OWN.includes(field)));
  const { node: _, ...placement } = record(vps.spec?.placement);
  const gpus = record(placement["gpus"]);
  if (Array.isArray(gpus["ids"]) && gpus["ids"].length) placement["gpus"] = { count: gpus["ids"].length };
  if (Object.keys(placement).length) spec["placement"] = placement;
  const { hooks } = record(vps.spec?.snapshots);
  if (hooks) spec["snapshots"] = { hooks }; // they belong to the programs in its files; when snapshots are taken does not
  const { namespace = "default", labels } = vps.metadata;
  return {
    apiVersion: "kohakuriver.io/v1alpha1",
    kind: "VPS",
    metadata: { name, namespace, ...(labels ? { labels } : {}) },
    spec: { ...spec, runState: "Running", filesFrom: { snapshot } },
  };
}

/** `dev-1`, `dev-2`: so many names that are free. */
export function namesFor(of: string, taken: ReadonlySet<string>, count: number): string[] {
  const found: string[] = [];
  for (let at = 1; found.length < count; at++) if (!taken.has(`${of}-${at}`)) found.push(`${of}-${at}`);
  return found;
}

/** When snapshots are taken by themselves, as a form has it. */
export interface Plan {
  schedule: string;
  timeZone: string;
  keepLast: string;
  keepFor: string;
  volumes: boolean;
  pause: boolean;
}

export function planOf(vps: KObject): Plan {
  const plan = record(vps.spec?.snapshots);
  return {
    schedule: text(plan["schedule"]),
    timeZone: text(plan["timeZone"]),
    keepLast: plan["keepLast"] === undefined ? "" : String(plan["keepLast"]),
    keepFor: plan["keepFor"] === undefined ? "" : String(plan["keepFor"]),
    volumes: plan["volumes"] !== "Skip",
    pause: plan["pause"] !== false,
  };
}

/** What of `spec.snapshots` changes, as a merge patch: a field that is emptied is taken out; hooks stay. Throws what cannot be read. */
export function planned(plan: Plan): Record<string, unknown> {
  const last = plan.keepLast.trim();
  if (last && !/^\d{1,3}$/.test(last)) throw new Error(`invalid number of snapshots "${last}": use one from 1 to 100`);
  return {
    snapshots: {
      schedule: plan.schedule.trim() || null,
      timeZone: plan.timeZone.trim() || null,
      keepLast: last ? Number(last) : null,
      keepFor: plan.keepFor.trim() || null,
      volumes: plan.volumes ? null : "Skip",
      pause: plan.pause ? null : false,
    },
  };
}

/** What stays of those that were taken by schedule, in words. */
export function keptInWords(plan: Plan): string {
  const last = plan.keepLast || (plan.keepFor ? "" : "7");
  return [last && (last === "1" ? "the last one" : `the last ${last}`), plan.keepFor && `those of the last ${plan.keepFor}`].filter(Boolean).join(" and ");
}

const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
const PART = /(\d+(?:\.\d+)?)(ms|d|h|m|s)/g;

/** The seconds of a duration such as "7d", "1h30m" or 90; undefined for what is none. */
export function seconds(written: unknown): number | undefined {
  if (typeof written === "number") return written >= 0 && Number.isFinite(written) ? written : undefined;
  if (typeof written !== "string" || written.length > 40) return undefined;
  const whole = written.trim();
  if (/^\d+(\.\d+)?$/.test(whole)) return Number(whole);
  if (!whole || whole.replace(PART, "")) return undefined;
  return [...whole.matchAll(PART)].reduce((sum, [, count = "0", unit = "s"]) => sum + Number(count) * (UNITS[unit] ?? 0), 0);
}

function record(value: unknown): Record<string, any> {
  return isRecord(value) ? value : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
