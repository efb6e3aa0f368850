/**
 * What the form asks for, as the object that it stands for, and back. Pure.
 *
 * The object's YAML is the one model: a change in the form is written into it and leaves everything else, comments too, as it is.
 * What the object has and the form does not show is named by `beyond`.
 */
import { Document, type Node, isMap } from "yaml";
import type { KObject } from "../api/objects";
import { isRecord } from "../vps/yaml/text";

export interface Volume {
  name: string;
  target: string;
  /** Whether its files go with the VPS. */
  isDeleted: boolean;
}

export interface Mount {
  source: string;
  target: string;
  isReadOnly: boolean;
}

export interface Form {
  name: string;
  namespace: string;
  /** What it starts from. */
  from: "default" | "environment" | "image";
  environment: string;
  image: string;
  cores: string;
  memory: string;
  disk: string;
  isExclusive: boolean;
  gpus: string;
  gpuModel: string;
  node: string;
  /** "disk=ssd, zone=b" */
  selector: string;
  login: "keys" | "passwordless" | "off";
  /** One public key a line. */
  keys: string;
  volumes: readonly Volume[];
  mounts: readonly Mount[];
  /** One NAME=VALUE a line. */
  env: string;
  isPrivileged: boolean;
  add: string;
  drop: string;
  noNewPrivileges: boolean;
}

export const EMPTY: Form = {
  name: "", namespace: "default", from: "default", environment: "", image: "", cores: "1", memory: "1Gi", disk: "", isExclusive: false,
  gpus: "", gpuModel: "", node: "", selector: "", login: "keys", keys: "", volumes: [], mounts: [], env: "", isPrivileged: false,
  add: "", drop: "", noNewPrivileges: false,
};

export interface Preset {
  readonly title: string;
  readonly about: string;
  readonly sets: Partial<Form>;
}

export const PRESETS: readonly Preset[] = [
  { title: "Small", about: "half a core, 256M", sets: { cores: "0.5", memory: "256M", gpus: "", volumes: [] } },
  { title: "GPU", about: "8 cores, 16G, one GPU of any node", sets: { cores: "8", memory: "16G", gpus: "1" } },
  { title: "With a volume", about: "/root outlives the VPS", sets: { volumes: [{ name: "home", target: "/root", isDeleted: false }] } },
];

type Path = readonly string[];

/** Where each thing of the form stands, and what stands there; undefined for nothing. */
function places(form: Form): [Path, unknown][] {
  const capabilities = ["spec", "security", "capabilities"];
  return [
    [["metadata", "name"], form.name.trim() || undefined],
    [["metadata", "namespace"], form.namespace || undefined],
    [["spec", "image"], form.from === "image" ? form.image.trim() || undefined : undefined],
    [["spec", "environment"], form.from === "environment" ? form.environment || undefined : undefined],
    [["spec", "resources", "cores"], number(form.cores)],
    [["spec", "resources", "memory"], form.memory.trim() || undefined],
    [["spec", "resources", "disk"], form.disk.trim() || undefined],
    [["spec", "resources", "exclusive"], form.isExclusive || undefined],
    [["spec", "placement", "node"], form.node.trim().toLowerCase() || undefined],
    [["spec", "placement", "nodeSelector"], filled(pairs(form.selector, /[,\n]/).found)],
    [["spec", "placement", "gpus", "count"], number(form.gpus)],
    [["spec", "placement", "gpus", "model"], form.gpuModel.trim() || undefined],
    [["spec", "ssh", "authorizedKeys"], form.login === "keys" ? filled(keysOf(form.keys)) : undefined],
    [["spec", "ssh", "passwordless"], form.login === "passwordless" || undefined],
    [["spec", "ssh", "disabled"], form.login === "off" || undefined],
    [["spec", "volumes"], filled(form.volumes.map(volume))],
    [["spec", "mounts"], filled(form.mounts.map(mount))],
    [["spec", "env"], filled(pairs(form.env, /\n/).found)],
    [["spec", "privileged"], form.isPrivileged || undefined],
    [[...capabilities, "add"], filled(capabilitiesOf(form.add))],
    [[...capabilities, "drop"], filled(capabilitiesOf(form.drop))],
    [["spec", "security", "noNewPrivileges"], form.noNewPrivileges || undefined],
  ];
}

/** Which field of the form a field of the object belongs to, by its beginning; the longest counts. */
const FIELDS: readonly (readonly [string, keyof Form])[] = [
  ["metadata.name", "name"], ["metadata.namespace", "namespace"], ["spec.image", "image"], ["spec.environment", "environment"],
  ["spec.resources.cores", "cores"], ["spec.resources.memory", "memory"], ["spec.resources.disk", "disk"],
  ["spec.resources.exclusive", "isExclusive"], ["spec.placement.gpus", "gpus"], ["spec.placement.gpus.model", "gpuModel"],
  ["spec.placement.nodeSelector", "selector"], ["spec.placement", "node"], ["spec.ssh", "keys"], ["spec.volumes", "volumes"],
  ["spec.mounts", "mounts"], ["spec.env", "env"], ["spec.privileged", "isPrivileged"], ["spec.security.capabilities.add", "add"],
  ["spec.security.capabilities.drop", "drop"], ["spec.security", "noNewPrivileges"],
];

/** The field of the form where a refusal of this field of the object is to be shown; undefined for none. */
export function fieldOf(path: string): keyof Form | undefined {
  const under = FIELDS.filter(([start]) => path === start || path.startsWith(`${start}.`) || path.startsWith(`${start}[`));
  return under.reduce<readonly [string, keyof Form] | undefined>((best, one) => (best && best[0].length >= one[0].length ? best : one), undefined)?.[1];
}

/** What the object has at a field of the form. */
export function pathOfField(field: keyof Form): string {
  return FIELDS.find(([, name]) => name === field)?.[0] ?? "";
}

/** The object that a form stands for. */
export function objectOf(form: Form): KObject {
  return changed(begun(), { ...EMPTY, namespace: "", cores: "", memory: "" }, form).toJS() as KObject;
}

/** A document to write a form into. */
export function begun(): Document {
  return new Document({ apiVersion: "kohakuriver.io/v1alpha1", kind: "VPS", metadata: {}, spec: {} });
}

/** The document with what is different between two forms; nothing else in it changes. */
export function changed(document: Document, before: Form, after: Form): Document {
  const result = document.clone();
  const old = new Map(places(before).map(([path, value]) => [path.join("."), JSON.stringify(value)]));
  const others = places(after).filter(([path, value]) => old.get(path.join(".")) !== JSON.stringify(value));
  for (const [path, value] of others) if (value !== undefined) put(result, path, value);
  for (const [path, value] of others) if (value === undefined) remove(result, path);
  return result;
}

function put(document: Document, path: Path, value: unknown): void {
  for (let length = 1; length < path.length; length++) {
    const above = path.slice(0, length);
    if (!isMap(document.getIn(above, true) as Node)) document.setIn(above, document.createNode({}));
  }
  document.setIn(path, document.createNode(value));
}

function remove(document: Document, path: Path): void {
  if (!document.hasIn(path)) return;
  document.deleteIn(path);
  for (let length = path.length - 1; length > 1; length--) {
    const above = document.getIn(path.slice(0, length), true);
    if (!isMap(above) || above.items.length > 0) return;
    document.deleteIn(path.slice(0, length));
  }
}

export interface Reading {
  readonly form: Form;
  /** The fields of the object that the form does not show. */
  readonly beyond: readonly string[];
}

/** The form that shows an object, and what it does not show. */
export function formOf(object: KObject): Reading {
  const spec = record(object.spec);
  const [resources, placement, ssh, security] = [record(spec["resources"]), record(spec["placement"]), record(spec["ssh"]), record(spec["security"])];
  const [gpus, capabilities] = [record(placement["gpus"]), record(security["capabilities"])];
  const form: Form = {
    name: text(object.metadata.name),
    namespace: text(object.metadata.namespace),
    from: spec["environment"] !== undefined ? "environment" : spec["image"] !== undefined ? "image" : "default",
    environment: text(spec["environment"]),
    image: text(spec["image"]),
    cores: text(resources["cores"]),
    memory: text(resources["memory"]),
    disk: text(resources["disk"]),
    isExclusive: resources["exclusive"] === true,
    gpus: text(gpus["count"]),
    gpuModel: text(gpus["model"]),
    node: text(placement["node"]),
    selector: joined(placement["nodeSelector"], ", "),
    login: ssh["passwordless"] === true ? "passwordless" : ssh["disabled"] === true ? "off" : "keys",
    keys: list(ssh["authorizedKeys"]).map(text).filter(Boolean).join("\n"),
    volumes: list(spec["volumes"]).map((one) => ({
      name: text(record(one)["name"]),
      target: text(record(one)["target"]),
      isDeleted: record(one)["reclaimPolicy"] === "Delete",
    })),
    mounts: list(spec["mounts"]).map((one) => ({
      source: text(record(one)["source"]),
      target: text(record(one)["target"]),
      isReadOnly: record(one)["readOnly"] === true,
    })),
    env: joined(spec["env"], "\n"),
    isPrivileged: spec["privileged"] === true,
    add: list(capabilities["add"]).map(text).join(" "),
    drop: list(capabilities["drop"]).map(text).join(" "),
    noNewPrivileges: security["noNewPrivileges"] === true,
  };
  return { form, beyond: missing(object, objectOf(form), "") };
}

/** The paths of what one has and the other has not, or has differently. */
function missing(one: unknown, other: unknown, path: string): string[] {
  if (isRecord(one)) {
    const there = isRecord(other) ? other : {};
    return Object.entries(one).flatMap(([field, value]) => missing(value, there[field], path ? `${path}.${field}` : field));
  }
  if (one === undefined || one === false) return [];
  if (!Array.isArray(one)) return String(one) === String(other) ? [] : [path];
  const there = Array.isArray(other) ? other : [];
  return one.length === there.length && one.every((each, at) => missing(each, there[at], "x").length === 0) ? [] : [path];
}

export interface Mistake {
  readonly field: keyof Form;
  readonly message: string;
}

/** What cannot be written into an object at all, so that no server can judge it. */
export function mistakes(form: Form): Mistake[] {
  const found: Mistake[] = [];
  if (!form.name.trim()) found.push({ field: "name", message: "a name is missing" });
  if (!form.namespace) found.push({ field: "namespace", message: "a namespace is missing" });
  if (form.from === "environment" && !form.environment) found.push({ field: "environment", message: "choose an environment" });
  if (form.from === "image" && !form.image.trim()) found.push({ field: "image", message: "the name of an image is missing" });
  for (const word of pairs(form.selector, /[,\n]/).wrong) {
    found.push({ field: "selector", message: `"${word}" cannot be read: write LABEL=VALUE, with a comma between two` });
  }
  for (const word of pairs(form.env, /\n/).wrong) found.push({ field: "env", message: `"${word}" cannot be read: write NAME=VALUE` });
  if (form.keys.includes("PRIVATE KEY")) {
    const message = "this is a private key, which stays on its machine: paste its public half, the file with .pub";
    found.push({ field: "keys", message });
  }
  return found;
}

const ALPHABET = "23456789bcdfghjkmnpqrstvwxz"; // as the command's: no vowels, so no words; nothing that reads like another

/** A name such as `vps-7k2mq`. `dice` gives a whole number below another. */
export function newName(dice: (below: number) => number): string {
  return `vps-${Array.from({ length: 5 }, () => ALPHABET[dice(ALPHABET.length)]).join("")}`;
}

/** The public keys of a text, one a line; a private key is none, and goes nowhere. */
export function keysOf(keys: string): string[] {
  if (keys.includes("PRIVATE KEY")) return [];
  return keys.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
}

/** The names of capabilities, without Docker's CAP_. */
export function capabilitiesOf(words: string): string[] {
  return words.split(/[\s,]+/).filter(Boolean).map((word) => word.toUpperCase().replace(/^CAP_/, ""));
}

/** NAME=VALUE for each part of a text, and the parts that are none. */
export function pairs(words: string, between: RegExp): { found: Record<string, string>; wrong: string[] } {
  const found: Record<string, string> = {};
  const wrong: string[] = [];
  for (const word of words.split(between)) {
    if (!word.trim()) continue;
    const [, name = "", value = ""] = /^\s*([^=\s]+)=(.*?)\s*$/s.exec(word) ?? [];
    if (name) found[name] = value;
    else wrong.push(word.trim());
  }
  return { found, wrong };
}

/** Whole numbers as people write them in manifests; everything else as it is. */
function number(written: string): string | number | undefined {
  const word = written.trim();
  return /^\d{1,9}$/.test(word) ? Number(word) : word || undefined;
}

function volume(one: Volume): Record<string, unknown> {
  return { name: one.name, target: one.target, ...(one.isDeleted ? { reclaimPolicy: "Delete" } : {}) };
}

function mount(one: Mount): Record<string, unknown> {
  return { source: one.source, target: one.target, ...(one.isReadOnly ? { readOnly: true } : {}) };
}

function filled<T extends object>(found: T): T | undefined {
  return Object.keys(found).length > 0 ? found : undefined;
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function joined(value: unknown, between: string): string {
  return Object.entries(record(value)).map(([name, one]) => `${name}=${text(one)}`).join(between);
}
