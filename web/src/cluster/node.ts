/**
 * A node for people: how it stands and why, what of it is booked, and who has its GPUs. The arithmetic is that of
 * `kohakuriver node list` and `node status`. Pure.
 *
 * A field that is absent, or of another type than it should be, reads as nothing, so that no object takes the page along.
 */
import { type Condition, type KObject } from "../api/objects";
import { coresShown, countOfSet, millicores, ratioOf, size, sizeShown } from "./amounts";

type Json = Record<string, unknown>;

export const object = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter((one) => typeof one === "object" && one) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number | undefined => (Number.isInteger(value) ? (value as number) : undefined);
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);

/** Who holds something of a node. */
export interface Holder {
  namespace: string;
  name: string;
  /** Why it is still held though the VPS is gone. */
  tombstone: string;
  millicores: number;
  bytes: number;
  gpus: readonly string[];
  sshPort: number | undefined;
}

/** A container of this cluster that no VPS accounts for. */
export interface Stray {
  container: string;
  owner: string;
  state: string;
  gpus: readonly string[];
}

export interface GPU {
  index: number | undefined;
  uuid: string;
  model: string;
  memory: string;
  isWell: boolean;
  /** Whether its node has it now; one that is gone stays its VPS's. */
  isThere: boolean;
  /** The VPS that has it. */
  holder: Holder | undefined;
  /** The container without a VPS that has it. */
  stray: Stray | undefined;
}

/** So much of so much; `held` is unknown to who may not read what is booked, `there` where the node has not said. */
export interface Amount {
  held: number | undefined;
  there: number | undefined;
}

/** One word of how a node stands, and why. */
export interface Standing {
  word: string;
  why: string;
  tone: "good" | "warn" | "bad";
}

export interface View {
  name: string;
  uid: string;
  isReady: boolean;
  isCordoned: boolean;
  isDraining: boolean;
  /** The id of the quarantine it is in. */
  quarantine: string;
  /** The first is Ready or NotReady. */
  standing: readonly Standing[];
  /** Millicores, of those that VPSes may have together. */
  cores: Amount;
  /** "2, shared 4 times"; empty where each core is given once. */
  sharing: string;
  /** Bytes. */
  memory: Amount;
  /** SSH ports. */
  ports: Amount;
  /** The first and the last SSH port. */
  portRange: string;
  /** Bytes of disk that VPSes have declared; what there is the node does not say. */
  disk: number | undefined;
  gpus: readonly GPU[];
  /** How many GPUs are somebody's, and how many can be given now. */
  gpusHeld: number | undefined;
  gpusFree: number | undefined;
  holders: readonly Holder[];
  strays: readonly Stray[];
  labels: readonly (readonly [string, string])[];
  taints: readonly string[];
  conditions: readonly Condition[];
  facts: readonly (readonly [string, string])[];
}

const TROUBLES: readonly (readonly [type: string, bad: string, word: string])[] = [
  ["RuntimeReady", "False", "EngineDown"],
  ["DiskPressure", "True", "DiskPressure"],
  ["DataDirWritable", "False", "DataDirNotWritable"],
];

/** What is booked in the record of a node, by uid. */
export function bookingsOf(allocation: KObject | undefined): Map<string, Json> {
  return new Map(Object.entries(object(allocation?.["bookings"])).map(([uid, one]) => [uid, object(one)]));
}

export function holderOf(booking: Json): Holder {
  return {
    namespace: text(booking["namespace"]),
    name: text(booking["name"]),
    tombstone: "tombstone" in booking ? text(object(booking["tombstone"])["why"]) || "it is gone" : "",
    millicores: millicores(booking["cores"]) ?? 0,
    bytes: size(booking["memory"]) ?? 0,
    gpus: texts(booking["gpus"]),
    sshPort: number(booking["sshPort"]),
  };
}

/** What a VPS holds on its node, for who sees VPSes and no bookings. */
export function holderOfVPS(vps: KObject): Holder {
  const grant = object(object(vps.status?.assignment)["grant"]);
  return holderOf({ ...grant, namespace: vps.metadata.namespace ?? "", name: vps.metadata.name });
}

/** Millicores that one VPS, or one container, has for itself alone. */
function alone(booking: Json, isExclusive: boolean): number {
  const cores = millicores(booking["cores"]) ?? 0;
  const set = countOfSet(booking["cpuset"]);
  return set ? Math.min(set * 1000, cores) : isExclusive ? cores : 0;
}

/** Millicores for all VPSes: a core that they share counts as often as the node gives it, one that is held alone once. */
export function toGive(there: number, heldAlone: number, ratio: number): number {
  const once = Math.min(there, heldAlone);
  return once + Math.floor(((there - once) * ratio) / 1000);
}

/**
 * The node for people. `allocation` is its record, undefined where it has none, and null where one may not read it;
 * `own` are the VPSes on it that one sees, for the same case.
 */
export function viewOf(node: KObject, allocation: KObject | undefined | null, own: readonly KObject[] = []): View {
  const status = object(node.status);
  const spec = object(node.spec);
  const isKnown = allocation !== null;
  const bookings = bookingsOf(allocation ?? undefined);
  const holders = (isKnown ? [...bookings.values()].map(holderOf) : own.map(holderOfVPS)).sort(byName);
  const unknown = list(status["unknown"]);
  const allocatable = object(status["allocatable"]);
  const capacity = Object.keys(allocatable).length ? allocatable : object(status["capacity"]);
  const there = millicores(capacity["cores"]);
  const ratio = ratioOf(status["cpuOvercommit"] ?? 1);
  const heldAlone = isKnown ? allAlone(bookings, unknown) : 0;
  const ports = object(status["sshPorts"]);
  const [first, last] = [number(ports["first"]), number(ports["last"])];
  const isPort = (port: number | undefined) => port !== undefined && first !== undefined && last !== undefined && port >= first && port <= last;
  const strays = unknown.map(strayOf);
  const gpus = gpusOf(status, holders, strays);
  const conditions = conditionsOf(status);
  const held = <T>(value: T): T | undefined => (isKnown ? value : undefined);
  const memory = size(capacity["memory"]);
  const info = object(status["nodeInfo"]);
  return {
    name: node.metadata.name,
    uid: node.metadata.uid ?? "",
    isReady: conditionOf(conditions, "Ready")?.status === "True",
    isCordoned: spec["unschedulable"] === true,
    isDraining: spec["drain"] === true,
    quarantine: text(object(status["quarantine"])["id"]),
    standing: standingOf(spec, status, conditions, holders),
    cores: { held: held(sum(holders, (one) => one.millicores)), there: there ? toGive(there, heldAlone, ratio) : undefined },
    sharing: ratio === 1000 || !there ? "" : sharing(there, heldAlone, ratio),
    memory: { held: held(sum(holders, (one) => one.bytes)), there: memory },
    ports: {
      held: held(holders.filter((one) => isPort(one.sshPort)).length),
      there: first !== undefined && last !== undefined ? last - first + 1 : undefined,
    },
    portRange: first !== undefined && last !== undefined ? `${first}-${last}` : "",
    disk: held(sum([...bookings.values()], (one) => size(one["disk"]) ?? 0)),
    gpus,
    gpusHeld: held(sum(holders, (one) => one.gpus.length)),
    gpusFree: held(gpus.filter((one) => one.isWell && !one.holder && !one.stray).length),
    holders,
    strays,
    labels: Object.entries(object(node.metadata.labels)).filter(isWords).sort(byKey),
    taints: list(spec["taints"]).map(taint),
    conditions,
    facts: [
      ["Host", text(info["hostname"])],
      ["System", text(info["operatingSystem"])],
      ["Kernel", text(info["kernelVersion"])],
      ["Engine", text(info["runtimeVersion"])],
      ["Agent", text(info["agentVersion"])],
    ].filter((one): one is [string, string] => Boolean(one[1])),
  };
}

/** Millicores held alone; what is booked for a VPS is all that its containers have. */
function allAlone(bookings: ReadonlyMap<string, Json>, unknown: readonly Json[]): number {
  const booked = sum([...bookings.values()], (one) => alone(one, one["exclusive"] === true));
  const isUp = (one: Json) => ["running", "paused", "restarting"].includes(text(one["state"]));
  const strays = unknown.filter((one) => isUp(one) && !bookings.has(text(one["uid"])));
  return booked + sum(strays, (one) => alone(one, false));
}

function sharing(there: number, heldAlone: number, ratio: number): string {
  const own = heldAlone ? ` (${coresShown(heldAlone)} held alone)` : "";
  return `${coresShown(there)}${own}, shared ${ratio / 1000} times`;
}

function standingOf(spec: Json, status: Json, conditions: readonly Condition[], holders: readonly Holder[]): Standing[] {
  const found: Standing[] = [];
  const ready = conditionOf(conditions, "Ready");
  if (ready?.status === "True") found.push({ word: "Ready", why: "", tone: "good" });
  else found.push({ word: "NotReady", why: ready?.message || ready?.reason || "its agent has not reported yet", tone: "bad" });
  if (spec["drain"] === true) {
    const drained = conditionOf(conditions, "Drained");
    if (drained?.status === "True") found.push({ word: "Drained", why: "its VPSes are stopped; uncordon starts them again", tone: "warn" });
    else found.push({ word: "Draining", why: drained?.message || `its VPSes stop (${holders.length} there)`, tone: "warn" });
  } else if (spec["unschedulable"] === true) {
    found.push({ word: "Cordoned", why: "no new VPS is placed here; what runs goes on", tone: "warn" });
  }
  const quarantine = object(status["quarantine"]);
  if (Object.keys(quarantine).length) {
    const why = text(quarantine["why"]);
    const rest = "nothing is created, started, stopped, changed or removed here; what runs goes on";
    found.push({ word: "Quarantined", why: why ? `${why}: ${rest}` : rest, tone: "bad" });
  }
  for (const [type, bad, word] of TROUBLES) {
    const one = conditionOf(conditions, type);
    if (one?.status === bad) found.push({ word, why: one.message || one.reason || "", tone: "bad" });
  }
  return found;
}

/** Its GPUs by their number, each with who has it. */
function gpusOf(status: Json, holders: readonly Holder[], strays: readonly Stray[]): GPU[] {
  const held = new Map(holders.flatMap((one) => one.gpus.map((uuid) => [uuid, one] as const)));
  const lost = new Map(strays.flatMap((one) => one.gpus.map((uuid) => [uuid, one] as const)));
  const there = list(status["gpus"]);
  const known = new Set(there.map((one) => text(one["uuid"])));
  const gone = [...held.keys()].filter((uuid) => !known.has(uuid)).map((uuid): Json => ({ uuid }));
  return [...there, ...gone]
    .map((one) => {
      const uuid = text(one["uuid"]);
      return {
        index: number(one["index"]),
        uuid,
        model: text(one["model"]),
        memory: text(one["memory"]),
        isWell: one["healthy"] !== false,
        isThere: known.has(uuid),
        holder: held.get(uuid),
        stray: held.has(uuid) ? undefined : lost.get(uuid),
      };
    })
    .sort((one, other) => (one.index ?? 1024) - (other.index ?? 1024));
}

function strayOf(one: Json): Stray {
  return {
    container: text(one["container"]),
    owner: `${text(one["namespace"]) || "?"}/${text(one["vps"]) || "?"}`,
    state: text(one["state"]),
    gpus: texts(one["gpus"]),
  };
}

/** What is wrong with the GPUs of a node, in its agent's words. */
export function troubleOfGPUs(view: View): string {
  const found = view.conditions.find((one) => one.type === "GPUsReady" && one.status === "False");
  return found?.message || found?.reason || "";
}

function conditionsOf(status: Json): Condition[] {
  return list(status["conditions"])
    .filter((one) => text(one["type"]) && text(one["status"]))
    .map((one) => ({
      type: text(one["type"]),
      status: text(one["status"]),
      reason: text(one["reason"]),
      message: text(one["message"]),
      lastTransitionTime: text(one["lastTransitionTime"]),
    }));
}

const conditionOf = (all: readonly Condition[], type: string): Condition | undefined => all.find((one) => one.type === type);

function taint(one: Json): string {
  const value = text(one["value"]);
  return `${text(one["key"])}${value ? `=${value}` : ""}:${text(one["effect"])}`;
}

/** What a whole cluster has. */
export interface Summary {
  nodes: number;
  ready: number;
  cores: Amount;
  memory: Amount;
  gpus: number;
  gpusFree: number | undefined;
}

export function summaryOf(views: readonly View[]): Summary {
  const all = (amounts: Amount[]): Amount => ({
    held: amounts.some((one) => one.held === undefined) ? undefined : sum(amounts, (one) => one.held ?? 0),
    there: sum(amounts, (one) => one.there ?? 0),
  });
  return {
    nodes: views.length,
    ready: views.filter((one) => one.isReady).length,
    cores: all(views.map((one) => one.cores)),
    memory: all(views.map((one) => one.memory)),
    gpus: sum(views, (one) => one.gpus.filter((gpu) => gpu.isThere).length),
    gpusFree: views.some((one) => one.gpusFree === undefined) ? undefined : sum(views, (one) => (one.isReady ? (one.gpusFree ?? 0) : 0)),
  };
}

/** "5.5 of 8 cores booked"; only what is there where nobody knows the rest. */
export function amountShown(amount: Amount, written: (value: number) => string): string {
  const there = amount.there === undefined ? "?" : written(amount.there);
  return amount.held === undefined ? there : `${written(amount.held)} of ${there}`;
}

export { coresShown, sizeShown };

const sum = <T>(all: readonly T[], of: (one: T) => number): number => all.reduce((total, one) => total + of(one), 0);
const byName = (one: Holder, other: Holder) => compare(`${one.namespace}/${one.name}`, `${other.namespace}/${other.name}`);
const byKey = (one: readonly [string, string], other: readonly [string, string]) => compare(one[0], other[0]);
const isWords = (one: [string, unknown]): one is [string, string] => typeof one[1] === "string";
export const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
