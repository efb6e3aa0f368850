import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api/http";
import type { Bytes, Told } from "./client";
import { entryOf } from "./entry";
import { BACKLOG, type Chosen, parentsOf, type Save, type Sink, type Taken, Transfers } from "./transfers";

const text = (content: string) => new Blob([content]);
const conflict = (path: string) => new ApiError(409, "AlreadyExists", `${path}: it is there already`);

/** The files of a VPS, in memory. */
class Disk {
  readonly files = new Map<string, { content: string; version: number; mtime?: number | undefined }>();
  readonly folders: string[] = [];
  readonly removed: [string, boolean][] = [];
  refuses: ((path: string) => ApiError | undefined) | undefined;
  /** Runs after a version was told, as somebody else might. */
  meanwhile = () => {};
  /** What an archive sends, and what it left out. */
  tar: Bytes[] = [];
  leftOut: string[] = [];

  async stat(path: string) {
    const found = this.files.get(path);
    const entry = entryOf({ path, kind: "file", version: found ? `v${found.version}` : "" });
    this.meanwhile();
    return entry;
  }

  async write(path: string, content: Bytes | Blob, how: { expect?: string | undefined; mtime?: number } & Told = {}) {
    const refusal = this.refuses?.(path);
    if (refusal) throw refusal;
    const there = this.files.get(path);
    if (how.expect === "" && there) throw conflict(path);
    if (how.expect && how.expect !== `v${there?.version}`) throw new ApiError(409, "Conflict", `${path}: it was changed meanwhile`);
    how.signal?.throwIfAborted();
    how.progress?.((content as Blob).size, (content as Blob).size);
    this.files.set(path, { content: await (content as Blob).text(), version: (there?.version ?? 0) + 1, mtime: how.mtime });
    return entryOf({ path });
  }

  async folder(path: string) {
    this.folders.push(path);
    return entryOf({ path });
  }

  async remove(path: string, recursive: boolean) {
    const refusal = this.refuses?.(path);
    if (refusal) throw refusal;
    this.removed.push([path, recursive]);
  }

  async readInto(path: string, take: (data: Bytes) => Promise<void>, told: Told = {}) {
    for (const part of ["one ", "two"]) {
      told.signal?.throwIfAborted();
      await take(new TextEncoder().encode(part));
      told.progress?.(4, 7);
    }
    const refusal = this.refuses?.(path);
    if (refusal) throw refusal;
    return entryOf({ path });
  }

  async archive(_path: string, take: (data: Bytes) => void, told: Told = {}) {
    let done = 0;
    for (const part of this.tar) {
      take(part);
      told.progress?.((done += part.length));
    }
    return this.leftOut;
  }
}

/** A place on the visitor's disk. */
class Place implements Sink {
  written = 0;
  state = "open";
  /** Resolved when the disk may go on. */
  gate: Promise<void> = Promise.resolve();
  breaks: Error | undefined;

  async write(data: Bytes) {
    await this.gate;
    if (this.breaks) throw this.breaks;
    this.written += data.length;
  }

  async close() {
    this.state = "closed";
  }

  async abort() {
    this.state = "aborted";
  }
}

const started = () => {
  const disk = new Disk();
  const changed: string[] = [];
  const told: string[] = [];
  const transfers = new Transfers(disk, (folder) => changed.push(folder), (words, hint = "") => void told.push(hint ? `${words} (${hint})` : words));
  return { disk, changed, told, transfers };
};
const files = (...paths: string[]): { files: Chosen[]; folders: string[] } => ({
  files: paths.map((path) => ({ path, file: Object.assign(text(`new ${path}`), { lastModified: 5000 }) })),
  folders: [],
});
const never = (): Promise<Taken> => assert.fail("nobody is to be asked");
const saveTo = (place: Place): Save => async () => place;
const failure = (transfers: Transfers): string[] => transfers.list.value.map((one) => (one.trouble.value as Error).message);

test("files are written with their folders and their times, and what changed is told", async () => {
  const { disk, changed, told, transfers } = started();
  await transfers.upload("/root", { ...files("a", "d/e/b"), folders: ["d", "d/empty"] }, never);
  assert.deepEqual([...disk.files].map(([path, { content, mtime }]) => [path, content, mtime]), [["/root/a", "new a", 5], ["/root/d/e/b", "new d/e/b", 5]]);
  assert.deepEqual(disk.folders, ["/root/d", "/root/d/empty", "/root/d/e"]);
  assert.deepEqual([[...new Set(changed)].sort(), told, transfers.list.value], [["/root", "/root/d/e"], ["uploaded 2 files"], []]);
});

test("a name that is taken is asked for, and only what is said is replaced", async () => {
  const { disk, told, transfers } = started();
  for (const name of ["a", "b"]) disk.files.set(`/${name}`, { content: "old", version: 1 });
  const answers: Record<string, Taken> = { "/a": "replace", "/b": "skip" };
  await transfers.upload("/", files("a", "b", "c"), async (path) => answers[path] as Taken);
  assert.deepEqual(["/a", "/b", "/c"].map((path) => disk.files.get(path)?.content), ["new a", "old", "new c"]);
  assert.deepEqual(told, ["uploaded 2 files (1 left as they were)"]);
});

test("what is changed while somebody is asked is not replaced", async () => {
  const { disk, transfers } = started();
  disk.files.set("/a", { content: "old", version: 1 });
  disk.meanwhile = () => disk.files.set("/a", { content: "theirs", version: 2 });
  await transfers.upload("/", files("a"), async () => "replace");
  assert.equal(disk.files.get("/a")?.content, "theirs");
  assert.deepEqual(failure(transfers), ["/a: it was changed meanwhile"]);
});

test("a refusal ends the upload in the node's words, stays until it is put away, and the next one runs", async () => {
  const { disk, transfers } = started();
  disk.refuses = () => new ApiError(413, "RequestEntityTooLarge", "/a: no space is left on the device");
  await transfers.upload("/", files("a", "b"), never);
  assert.deepEqual(failure(transfers), ["/a: no space is left on the device"]);
  assert.ok(!transfers.isBusy);
  disk.refuses = undefined;
  await transfers.upload("/", files("b"), never);
  const [failed] = transfers.list.value;
  assert.ok(failed);
  transfers.dismiss(failed);
  assert.deepEqual([transfers.list.value, disk.files.has("/b")], [[], true]);
});

test("what waits can be cancelled, and is never begun", async () => {
  const { disk, told, transfers } = started();
  const place = new Place();
  let goOn = () => {};
  place.gate = new Promise((resolve) => (goOn = resolve));
  const first = transfers.download("/a", false, 7, saveTo(place));
  const second = transfers.upload("/", files("b"), never);
  assert.ok(transfers.isBusy);
  transfers.list.value[1]?.cancel();
  goOn();
  await Promise.all([first, second]);
  assert.deepEqual([disk.files.size, told], [0, ["downloaded a", "upload of b was cancelled"]]);
});

test("a download is whole, or it is nothing", async () => {
  const { disk, told, transfers } = started();
  const whole = new Place();
  await transfers.download("/a", false, 7, saveTo(whole));
  assert.deepEqual([whole.written, whole.state], [7, "closed"]);
  const half = new Place();
  disk.refuses = () => new ApiError(409, "Conflict", "/a: it was written to while it was read");
  await transfers.download("/a", false, 7, saveTo(half));
  assert.equal(half.state, "aborted");
  assert.deepEqual([told, failure(transfers)], [["downloaded a"], ["/a: it was written to while it was read"]]);
});

test("who names no place for a download gets none, and no message", async () => {
  const { told, transfers } = started();
  await transfers.download("/a", false, 7, async () => undefined);
  assert.deepEqual([told, transfers.list.value], [[], []]);
});

test("a folder comes as a tar file, and what was left out is told", async () => {
  const { disk, told, transfers } = started();
  const place = new Place();
  const names: string[] = [];
  disk.tar = [new Uint8Array(600), new Uint8Array(424)];
  disk.leftOut = ["proc: it is the kernel's"];
  await transfers.download("/srv", true, 0, async (name) => (names.push(name), place));
  assert.deepEqual([place.written, place.state, names], [1024, "closed", ["srv.tar"]]);
  assert.deepEqual(told, ["downloaded srv.tar (left out: proc: it is the kernel's)"]);
});

test("a disk that is slower than the stream does not fill the memory", async () => {
  const { disk, transfers } = started();
  const place = new Place();
  place.gate = new Promise(() => {});
  const block = new Uint8Array(BACKLOG / 4 + 1);
  disk.tar = [block, block, block, block, block];
  await transfers.download("/srv", true, 0, saveTo(place));
  assert.deepEqual([failure(transfers), place.state], [["/srv: it comes faster than this machine writes it"], "aborted"]);
});

test("a disk that breaks ends the download in its words", async () => {
  const { disk, transfers } = started();
  const place = new Place();
  place.breaks = new Error("the disk is full");
  disk.tar = [new Uint8Array(10)];
  await transfers.download("/srv", true, 0, saveTo(place));
  assert.deepEqual([failure(transfers), place.state], [["the disk is full"], "aborted"]);
});

test("what one is refused does not keep the others from being deleted, and folders go with all in them", async () => {
  const { disk, changed, told, transfers } = started();
  disk.refuses = (path) => (path === "/b" ? new ApiError(403, "Forbidden", "/b: not permitted") : undefined);
  await transfers.remove([{ path: "/a", isFolder: false }, { path: "/b", isFolder: false }, { path: "/d", isFolder: true }]);
  assert.deepEqual(disk.removed, [["/a", false], ["/d", true]]);
  assert.deepEqual([told, failure(transfers), new Set(changed)], [["deleted 2 of 3"], ["/b: not permitted"], new Set(["/"])]);
});

test("a lost connection ends a removal: what was not asked for is not guessed at", async () => {
  const { disk, transfers } = started();
  disk.refuses = (path) => (path === "/a" ? new ApiError(0, "Lost", "/a: the connection was lost before the answer came") : undefined);
  await transfers.remove([{ path: "/a", isFolder: false }, { path: "/b", isFolder: false }]);
  assert.deepEqual([disk.removed, failure(transfers)], [[], ["/a: the connection was lost before the answer came"]]);
});

test("folders are made from the top", () => {
  assert.deepEqual(parentsOf(["a/b/c.txt", "a/d.txt", "e.txt", "f/"]), ["a", "a/b", "f"]);
});
