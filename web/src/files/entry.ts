/** Files and folders as the node tells of them, and their paths. Pure. */
import { bytes } from "../api/quantity";

export type FileKind = "file" | "folder" | "link" | "other";

export interface Entry {
  name: string;
  kind: FileKind;
  size: number;
  mode: number;
  /** Seconds since 1970. */
  mtime: number;
  /** For equality only. */
  version: string;
  path: string;
  /** Of a link in a list: what it leads to, a kind or "nowhere". */
  leads: string;
}

export function entryOf(found: Record<string, unknown>): Entry {
  const path = typeof found.path === "string" ? found.path : "";
  const number = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : 0);
  const kind = found.kind;
  return {
    name: typeof found.name === "string" ? found.name : nameOf(path),
    kind: kind === "file" || kind === "folder" || kind === "link" ? kind : "other",
    size: number(found.size),
    mode: number(found.mode),
    mtime: number(found.mtime),
    version: typeof found.version === "string" ? found.version : "",
    path,
    leads: typeof found.leads === "string" ? found.leads : "",
  };
}

/** Whether it can be looked into. */
export function isFolder(entry: Entry): boolean {
  return entry.kind === "folder" || entry.leads === "folder";
}

/** What it is, in words for a person. */
export function kindWord(entry: Entry): string {
  if (entry.kind === "link") return entry.leads === "nowhere" ? "link, leads nowhere" : `link to a ${entry.leads || "file"}`;
  return entry.kind === "other" ? "device, pipe or socket" : entry.kind;
}

/** As `ls` writes it: "rwxr-xr-x". */
export function modeWord(mode: number): string {
  const letters = ["r", "w", "x"];
  let word = "";
  for (let bit = 8; bit >= 0; bit--) word += mode & (1 << bit) ? letters[(8 - bit) % 3] : "-";
  const put = (at: number, letter: string) => {
    word = word.slice(0, at) + (word[at] === "x" ? letter : letter.toUpperCase()) + word.slice(at + 1);
  };
  if (mode & 0o4000) put(2, "s");
  if (mode & 0o2000) put(5, "s");
  if (mode & 0o1000) put(8, "t");
  return word;
}

/** The size of a file, in words that stand for themselves. */
export function sizeWord(size: number): string {
  return size === 1 ? "1 byte" : size < 1024 ? `${size} bytes` : bytes(size);
}

export type SortBy = "name" | "size" | "mtime" | "mode";

/** Folders first, then by the column; equal ones by name, where 9 comes before 10 and case does not count. */
export function sorted(entries: readonly Entry[], by: SortBy = "name", isDown = false): Entry[] {
  const sign = isDown ? -1 : 1;
  // Compared are plain texts that are made once: a collator takes ten times as long for ten thousand names.
  const keyed = entries.map((entry) => ({ entry, isFolder: isFolder(entry), key: keyOf(entry.name) }));
  keyed.sort((one, other) => {
    if (one.isFolder !== other.isFolder) return one.isFolder ? -1 : 1;
    const difference = by === "name" ? 0 : one.entry[by] - other.entry[by];
    return sign * (difference || order(one.key, other.key) || order(one.entry.name, other.entry.name));
  });
  return keyed.map(({ entry }) => entry);
}

function keyOf(name: string): string {
  return name.normalize("NFD").toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));
}

function order(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export function joinPath(folder: string, name: string): string {
  return `${folder.replace(/\/+$/, "")}/${name}`;
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folder that has it; "/" of what is at the top, and of "/" itself. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** Whether `path` is `folder` or somewhere below it. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

/** The folders from the top to this one: [["/", "/"], ["etc", "/etc"]]. */
export function crumbs(path: string): [name: string, path: string][] {
  const found: [string, string][] = [["/", "/"]];
  let at = "";
  for (const name of path.split("/").filter(Boolean)) found.push([name, (at += `/${name}`)]);
  return found;
}

/** Why that cannot be the name of a file; "" where it can. */
export function wrongName(name: string): string {
  if (!name) return "a name is needed";
  if (name === "." || name === "..") return `"${name}" is not a name`;
  if (name.includes("/")) return "a name has no slash in it";
  if (name.includes("\0")) return "a name has no NUL in it";
  if (new TextEncoder().encode(name).length > 255) return "the name is longer than 255 bytes";
  return "";
}
