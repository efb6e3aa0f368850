/** The rows of the list: what each shows, which are wanted, in which order. Pure. */
import { keyOf, type KObject } from "../api/objects";
import { holdsOf, type Holds, nodeOf, whyOf, wordOf } from "../api/vps";

export interface Row {
  readonly key: string;
  readonly vps: KObject;
  readonly name: string;
  readonly namespace: string;
  readonly word: string;
  /** Why it does not run; empty where it does, and nothing is wrong. */
  readonly why: string;
  readonly node: string;
  readonly holds: Holds;
  readonly created: string;
  /** All that the filter looks at, in lower case. */
  readonly found: string;
}

const known = new WeakMap<KObject, Row>();

/** The row of an object; the same one for as long as it is the same object. */
export function rowOf(vps: KObject): Row {
  let row = known.get(vps);
  if (!row) known.set(vps, (row = made(vps)));
  return row;
}

function made(vps: KObject): Row {
  const { name, namespace = "", labels = {}, creationTimestamp = "" } = vps.metadata;
  const word = wordOf(vps);
  const why = whyOf(vps);
  const node = nodeOf(vps);
  const image = vps.spec?.environment ? `environment/${vps.spec.environment}` : (vps.spec?.image ?? "");
  const marks = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  return {
    key: keyOf(vps),
    vps,
    name,
    namespace,
    word,
    why: why.trim().replace(/\s+/g, " "),
    node,
    holds: holdsOf(vps),
    created: creationTimestamp,
    found: [name, namespace, word, node, why, image, ...marks].join("\n").toLowerCase(),
  };
}

export const COLUMNS = ["name", "state", "node", "cores", "memory", "age"] as const;
export type Column = (typeof COLUMNS)[number];

export interface Wanted {
  /** Words that must all be found. */
  filter: string;
  namespace: string;
  sort: Column;
  isDescending: boolean;
}

/** What needs somebody comes first. */
const URGENCY = ["lost", "pending", "assigning", "running", "paused", "stopped", "terminating"];

type Order = (a: Row, b: Row) => number;
const byText = (text: (row: Row) => string): Order => (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
const byNumber = (number: (row: Row) => number): Order => (a, b) => number(a) - number(b);
const ORDERS: Record<Column, Order> = {
  name: byText((row) => row.name),
  state: byNumber((row) => (URGENCY.indexOf(row.word) + 1 || URGENCY.length + 1)),
  node: byText((row) => row.node || "\uffff"),
  cores: byNumber((row) => row.holds.cores),
  memory: byNumber((row) => row.holds.memory ?? 0),
  age: (a, b) => byTime(b, a), // the youngest first
};
const byTime = byText((row) => row.created);
const byKey = byText((row) => row.key);

/** Those that are wanted, in order; equal ones by namespace and name. */
export function chosen(rows: Iterable<Row>, wanted: Wanted): Row[] {
  const words = wanted.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found: Row[] = [];
  for (const row of rows) {
    if (wanted.namespace && row.namespace !== wanted.namespace) continue;
    if (words.every((word) => row.found.includes(word))) found.push(row);
  }
  const order = ORDERS[wanted.sort];
  const turn = wanted.isDescending ? -1 : 1;
  return found.sort((a, b) => turn * order(a, b) || byKey(a, b));
}

/** How many there are of each state, the most urgent first. */
export function counted(rows: Iterable<Row>): readonly (readonly [word: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.word, (counts.get(row.word) ?? 0) + 1);
  const place = (word: string) => URGENCY.indexOf(word) + 1 || URGENCY.length + 1;
  return [...counts].sort(([a], [b]) => place(a) - place(b));
}

/** What the address of the page says is wanted; nonsense reads as nothing. */
export function wantedOf(query: URLSearchParams): Wanted {
  const sort = query.get("sort") ?? "";
  const bare = sort.replace(/^-/, "") as Column;
  return {
    filter: query.get("q") ?? "",
    namespace: query.get("namespace") ?? "",
    sort: COLUMNS.includes(bare) ? bare : "name",
    isDescending: COLUMNS.includes(bare) && sort.startsWith("-"),
  };
}

/** The same as the part of an address after its path. */
export function queryOf(wanted: Wanted): string {
  const query = new URLSearchParams();
  if (wanted.filter) query.set("q", wanted.filter);
  if (wanted.namespace) query.set("namespace", wanted.namespace);
  if (wanted.sort !== "name" || wanted.isDescending) query.set("sort", `${wanted.isDescending ? "-" : ""}${wanted.sort}`);
  const text = query.toString();
  return text ? `?${text}` : "";
}

export const IN_A_BLOCK = 10;

/** The rows in blocks, each drawn only while it is near what is seen. */
export function blocked(rows: readonly Row[]): Row[][] {
  const blocks: Row[][] = [];
  for (let at = 0; at < rows.length; at += IN_A_BLOCK) blocks.push(rows.slice(at, at + IN_A_BLOCK));
  return blocks;
}

/** How many of these rows are of VPSes that were not there. */
export function fresh(before: readonly Row[], rows: readonly Row[]): number {
  const known = new Set(before.map((row) => row.key));
  return rows.filter((row) => !known.has(row.key)).length;
}
