import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api/http";
import { keep, kept, type Kept, MOST, type Store } from "./drafts";
import { entryOf } from "./entry";
import { Tab } from "./tab";
import { isText, PLAIN } from "./text";

const encode = (text: string) => new TextEncoder().encode(text);

/** One file, its version counted up with every change. */
class Disk {
  data: Uint8Array<ArrayBuffer> | undefined;
  changes = 0;
  trouble: ApiError | undefined;

  constructor(text: string) {
    this.put(text);
  }

  put(text: string | undefined): void {
    this.data = text === undefined ? undefined : encode(text);
    this.changes++;
  }

  get text(): string | undefined {
    return this.data && new TextDecoder().decode(this.data);
  }

  async stat(path: string) {
    if (this.trouble) throw this.trouble;
    if (!this.data) throw new ApiError(404, "NotFound", `${path}: there is no such file or folder`);
    return entryOf({ path, kind: "file", size: this.data.length, version: `v${this.changes}` });
  }

  async read(path: string, limit: number) {
    return { entry: await this.stat(path), data: this.data?.slice(0, limit) as Uint8Array<ArrayBuffer> };
  }

  async write(path: string, data: Uint8Array<ArrayBuffer> | Blob, how: { expect?: string | undefined } = {}) {
    if (this.trouble) throw this.trouble;
    const there = this.data ? `v${this.changes}` : "";
    if (how.expect !== undefined && how.expect !== there) throw new ApiError(409, "Conflict", `${path}: it was changed meanwhile`);
    this.put(new TextDecoder().decode(data as Uint8Array<ArrayBuffer>));
    return this.stat(path);
  }
}

const opened = async (text: string) => {
  const disk = new Disk(text);
  const tab = new Tab("/a", disk);
  await tab.open();
  return { disk, tab };
};

test("what was typed is saved, and what was typed meanwhile stays unsaved", async () => {
  const { disk, tab } = await opened("one\n");
  let typed = "two\n";
  tab.edited(() => typed, true);
  const saving = tab.save();
  typed = "two\nthree\n";
  assert.ok(await saving);
  assert.deepEqual([disk.text, tab.base, tab.isDirty.value], ["two\n", "two\n", true]);
  assert.ok(await tab.save());
  assert.deepEqual([disk.text, tab.isDirty.value], ["two\nthree\n", false]);
});

test("a conflict shows both, and each way out of it does what it says", async () => {
  const ways: [string, (tab: Tab) => unknown, string, string][] = [
    ["mine", (tab) => tab.keepMine(), "mine\n", "mine\n"],
    ["theirs", (tab) => tab.takeTheirs(), "theirs\n", "theirs\n"],
    ["by hand", (tab) => tab.keepMerged("both\n"), "both\n", "both\n"],
  ];
  for (const [way, act, inFile, inEditor] of ways) {
    const { disk, tab } = await opened("old\n");
    tab.edited(() => "mine\n", true);
    disk.put("theirs\n");
    assert.equal(await tab.save(), false);
    assert.equal(disk.text, "theirs\n");
    const theirs = tab.theirs.value?.content;
    assert.ok(theirs && isText(theirs) && theirs.text === "theirs\n");
    await act(tab);
    assert.deepEqual([disk.text, tab.text, tab.isDirty.value, tab.theirs.value], [inFile, inEditor, false, undefined], way);
    tab.edited(() => "next\n", true);
    assert.ok(await tab.save(), `${way}: the version is known afterwards`);
  }
});

test("what is changed once more while it is decided is not written over either", async () => {
  const { disk, tab } = await opened("old\n");
  tab.edited(() => "mine\n", true);
  disk.put("theirs\n");
  await tab.save();
  disk.put("theirs again\n");
  assert.equal(await tab.keepMine(), false);
  assert.equal(disk.text, "theirs again\n");
  const theirs = tab.theirs.value?.content;
  assert.ok(theirs && isText(theirs) && theirs.text === "theirs again\n");
});

test("a file that was removed is made anew only when that is said", async () => {
  const { disk, tab } = await opened("old\n");
  tab.edited(() => "mine\n", true);
  disk.put(undefined);
  assert.equal(await tab.save(), false);
  assert.deepEqual([tab.news.value, disk.text, tab.text], ["gone", undefined, "mine\n"]);
  assert.ok(await tab.keepMine());
  assert.deepEqual([tab.news.value, disk.text], [undefined, "mine\n"]);
});

test("a lost connection loses nothing that was typed", async () => {
  const { disk, tab } = await opened("old\n");
  tab.edited(() => "mine\n", true);
  disk.trouble = new ApiError(0, "Lost", "/a: the connection was lost before the answer came");
  assert.equal(await tab.save(), false);
  assert.deepEqual([tab.trouble.value, tab.text, tab.isDirty.value], [disk.trouble, "mine\n", true]);
  disk.trouble = undefined;
  assert.ok(await tab.save());
  assert.deepEqual([disk.text, tab.trouble.value], ["mine\n", undefined]);
});

test("a look finds what was changed elsewhere, and not what one saved oneself", async () => {
  const { disk, tab } = await opened("old\n");
  tab.edited(() => "mine\n", true);
  await tab.save();
  await tab.look();
  assert.equal(tab.news.value, undefined);
  disk.put("theirs\n");
  await tab.look();
  assert.equal(tab.news.value, "changed");
  disk.put(undefined);
  await tab.look();
  assert.equal(tab.news.value, "gone");
});

test("after a reload the unsaved text is there, and saves over the version that it began with only", async () => {
  const { disk, tab } = await opened("old\n");
  const form = { hasBom: false, lineEnd: "\r\n" } as const;
  const again = new Tab("/a", disk);
  await again.restore("mine\n", tab.version, form);
  assert.deepEqual([again.text, again.isDirty.value, again.base, again.news.value], ["mine\n", true, "old\n", undefined]);
  disk.put("theirs\n");
  assert.equal(await again.save(), false);
  assert.equal(disk.text, "theirs\n");

  const late = new Tab("/a", disk);
  await late.restore("mine\n", tab.version, form);
  assert.deepEqual([late.text, late.isDirty.value, late.news.value], ["mine\n", true, "changed"]);
  const offline = new Tab("/a", disk);
  disk.trouble = new ApiError(409, "Conflict", "dev is stopped");
  await offline.restore("mine\n", tab.version, form);
  assert.deepEqual([offline.text, offline.isDirty.value, offline.trouble.value], ["mine\n", true, disk.trouble]);
});

class Memory implements Store {
  readonly items = new Map<string, string>();

  constructor(private readonly most = Infinity) {}

  getItem = (key: string) => this.items.get(key) ?? null;
  removeItem = (key: string) => void this.items.delete(key);
  setItem = (key: string, value: string) => {
    if (value.length > this.most) throw new DOMException("full", "QuotaExceededError");
    this.items.set(key, value);
  };
}

test("unsaved text is kept up to a size, and what did not fit is named", () => {
  const store = new Memory();
  const draft = (path: string, length: number) => ({ path, unsaved: { text: "x".repeat(length), version: "v", form: PLAIN } });
  const all: Kept = { folder: "/", active: "/a", drafts: [draft("/a", 10), draft("/big", MOST), draft("/b", 10), { path: "/c" }] };
  assert.deepEqual(keep(store, "k", all), ["/big"]);
  const found = kept(store, "k");
  assert.deepEqual(found?.drafts.map((one) => [one.path, one.unsaved?.text.length]), [["/a", 10], ["/big", undefined], ["/b", 10], ["/c", undefined]]);
});

test("a browser that keeps nothing is told as such, and what cannot be read is nothing", () => {
  const all: Kept = { folder: "/", active: "", drafts: [{ path: "/a", unsaved: { text: "x", version: "v", form: PLAIN } }] };
  assert.deepEqual(keep(new Memory(10), "k", all), ["/a"]);
  const store = new Memory();
  for (const text of ["{", "null", "7", '{"folder":1}', '{"folder":"/","active":"","drafts":7}']) {
    store.setItem("k", text);
    assert.equal(kept(store, "k"), undefined, text);
  }
  store.setItem("k", '{"folder":"/","active":"","drafts":[null,{"path":3},{"path":"/a","unsaved":{"text":1}},{"path":"/b"}]}');
  assert.deepEqual(kept(store, "k")?.drafts, [{ path: "/b" }]);
});
