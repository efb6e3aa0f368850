/**
 * Objects as YAML for people to write, and back. Pure.
 *
 * What only programs write (status, managedFields, revisions) is left out. What is wrong is told with line and column, and what a
 * server has against a field with the line of that field.
 */
import { Document, type Node, type Pair, LineCounter, isMap, isPair, isScalar, isSeq, parseAllDocuments } from "yaml";
import type { KObject } from "../../api/objects";

export interface Problem {
  /** Counted from 1; 0 where it is no line's. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface Parsed {
  /** The object; undefined where the text is none. */
  readonly value: KObject | undefined;
  /** The same with its comments, for changes that keep them. */
  readonly document: Document | undefined;
  readonly problems: readonly Problem[];
  /** The line of a field such as `spec.volumes[0].name`, or of the nearest part of it that is there; 0 for none. */
  readonly lineOf: (field: string) => number;
}

const MOST = 1_000_000; // characters; the server takes no object as large
const PROGRAMS = new Set([
  "managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "selfLink",
]);
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** The part of an object that people write. */
export function declared(object: KObject): KObject {
  const { apiVersion, kind, metadata, status: _status, ...rest } = object;
  const kept: Record<string, unknown> = Object.fromEntries(Object.entries(metadata).filter(([field]) => !PROGRAMS.has(field)));
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => name !== LAST_APPLIED);
  delete kept["annotations"];
  if (annotations.length > 0) kept["annotations"] = Object.fromEntries(annotations);
  const head = { ...(apiVersion ? { apiVersion } : {}), ...(kind ? { kind } : {}) };
  return { ...head, metadata: kept as unknown as KObject["metadata"], ...rest };
}

/** The text of an object; words that older readers of YAML take for something else stand in quotes. */
export function written(object: unknown): string {
  return textOf(new Document(object, { aliasDuplicateObjects: false, compat: "yaml-1.1" }));
}

/** The text of a document, with the comments that it has. */
export function textOf(document: Document): string {
  return document.toString({ lineWidth: 0 });
}

/** Reads one object. */
export function parsed(text: string): Parsed {
  if (text.length > MOST) return nothing({ line: 0, column: 0, message: "this is larger than any object may be" });
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, stringKeys: true, compat: "yaml-1.1" } as const;
  const found = parseAllDocuments(text, options);
  const documents = (Array.isArray(found) ? found : []).filter((one) => one.contents !== null || one.errors.length > 0) as Document[];
  const [document, second] = documents;
  if (!document) return nothing({ line: 1, column: 1, message: "there is no object in it" });
  const problems = documents.flatMap((one) =>
    one.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { line, column: col, message: lowered(error.message) };
    }),
  );
  if (second) {
    const { line } = lines.linePos(second.range?.[0] ?? 0);
    problems.push({ line, column: 1, message: "a second document begins here: there is room for one object" });
  }
  if (problems.length > 0) return { value: undefined, document: undefined, problems, lineOf: () => 0 };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return nothing({ line: 1, column: 1, message: lowered(error instanceof Error ? error.message : String(error)) });
  }
  const places = placesOf(document.contents as Node | null, lines);
  const lineOf = (field: string) => nearest(places, field);
  if (!isRecord(value) || !isRecord(value["metadata"])) {
    const message = "this is not an object: apiVersion, kind and metadata are expected";
    return { value: undefined, document, problems: [{ line: 1, column: 1, message }], lineOf };
  }
  return { value: withoutNulls(value) as KObject, document, problems: [], lineOf };
}

/** What may not be changed about an object that is there; nothing where all is well. */
export function identityProblems(before: KObject, after: Parsed): Problem[] {
  const now = after.value;
  if (!now) return [];
  const told = (field: string, was: unknown, is: unknown): Problem[] =>
    was === is ? [] : [{ line: after.lineOf(field), column: 1, message: `${field} cannot be changed: it is ${JSON.stringify(was)}` }];
  return [
    ...told("apiVersion", before.apiVersion, now.apiVersion),
    ...told("kind", before.kind, now.kind),
    ...told("metadata.name", before.metadata.name, now.metadata.name),
    ...told("metadata.namespace", before.metadata.namespace, now.metadata.namespace),
  ];
}

/** The JSON merge patch that makes one of the other; undefined where they are equal. */
export function patchOf(before: unknown, after: unknown): unknown {
  if (!isRecord(before) || !isRecord(after)) return same(before, after) ? undefined : after;
  const patch: Record<string, unknown> = {};
  for (const field of Object.keys(before)) if (!(field in after)) patch[field] = null;
  for (const [field, value] of Object.entries(after)) {
    const part = field in before ? patchOf(before[field], value) : value;
    if (part !== undefined) patch[field] = part;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

/** What a merge patch makes of a value (RFC 7386). */
export function patched(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else result[field] = patched(result[field], value);
  }
  return result;
}

/** Whether two JSON values are equal; the order of fields counts for nothing. */
export function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((each, at) => same(each, other[at]));
  if (isRecord(one) && isRecord(other)) {
    const fields = Object.keys(one);
    return fields.length === Object.keys(other).length && fields.every((field) => field in other && same(one[field], other[field]));
  }
  return one === other;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== null).map(([field, part]) => [field, withoutNulls(part)]));
}

function nothing(problem: Problem): Parsed {
  return { value: undefined, document: undefined, problems: [problem], lineOf: () => 0 };
}

function lowered(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Each field as Kubernetes writes its path, with its line. */
function placesOf(contents: Node | null, lines: LineCounter): Map<string, number> {
  const places = new Map<string, number>();
  const put = (path: string, node: Node | null) => {
    if (node?.range) places.set(path, lines.linePos(node.range[0]).line);
  };
  const walk = (node: unknown, path: string) => {
    if (isMap(node)) {
      for (const pair of node.items as Pair<Node, Node>[]) {
        if (!isPair(pair) || !isScalar(pair.key)) continue;
        const inside = path ? `${path}.${String(pair.key.value)}` : String(pair.key.value);
        put(inside, pair.key);
        walk(pair.value, inside);
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, at) => {
        put(`${path}[${at}]`, item as Node);
        walk(item, `${path}[${at}]`);
      });
    }
  };
  walk(contents, "");
  return places;
}

function nearest(places: ReadonlyMap<string, number>, field: string): number {
  for (let path = field; path; path = path.slice(0, Math.max(path.lastIndexOf("."), path.lastIndexOf("["), 0))) {
    const line = places.get(path);
    if (line !== undefined) return line;
  }
  return 0;
}
