import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api/http";
import { type Bytes, type Content } from "./client";
import { entryOf } from "./entry";
import { load, save } from "./saving";
import { isText } from "./text";

const encode = (text: string) => new TextEncoder().encode(text);

/** One file in a VPS, with what goes wrong about it. */
class OneFile {
  content: Bytes | undefined;
  writes = 0;
  /** Thrown after a write was done, and before one is. */
  loses: ApiError | undefined;
  refuses: ApiError | undefined;

  constructor(text?: string) {
    this.content = text === undefined ? undefined : encode(text);
  }

  get version(): string {
    return this.content ? `v${new TextDecoder().decode(this.content)}` : "";
  }

  async read(path: string, limit: number): Promise<Content> {
    if (!this.content) throw new ApiError(404, "NotFound", `${path}: there is no such file or folder`);
    const entry = entryOf({ path, kind: "file", size: this.content.length, version: this.version });
    return { entry, data: this.content.slice(0, limit) };
  }

  async write(path: string, data: Bytes | Blob, how: { expect?: string | undefined } = {}) {
    if (this.refuses) throw this.refuses;
    if (how.expect !== undefined && how.expect !== this.version) {
      throw new ApiError(409, how.expect ? "Conflict" : "AlreadyExists", `${path}: it was changed meanwhile`);
    }
    this.content = data as Bytes;
    this.writes++;
    if (this.loses) throw this.loses;
    return entryOf({ path, kind: "file", size: this.content.length, version: this.version });
  }
}

test("what nobody changed meanwhile is replaced, in the form that it had", async () => {
  const files = new OneFile("\ufeffa\r\n");
  const found = await load(files, "/a");
  assert.ok(isText(found.content));
  const saved = await save(files, "/a", "a\nb\n", found.content, found.version);
  assert.deepEqual(saved, { outcome: "saved", version: files.version, size: 9 });
  assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(files.content), "\ufeffa\r\nb\r\n");
});

test("what somebody else wrote is not written over: it comes back to be looked at", async () => {
  const files = new OneFile("old");
  const { version } = await load(files, "/a");
  files.content = encode("theirs");
  const saved = await save(files, "/a", "mine", undefined, version);
  assert.equal(saved.outcome, "changed");
  assert.ok(saved.outcome === "changed" && isText(saved.theirs.content));
  assert.deepEqual([saved.theirs.content.text, saved.theirs.version, files.writes], ["theirs", "vtheirs", 0]);
  const again = await save(files, "/a", "mine", undefined, saved.theirs.version);
  assert.equal(again.outcome, "saved");
});

test("a file that was removed meanwhile is told, and is made anew only when asked to", async () => {
  const files = new OneFile("old");
  const { version } = await load(files, "/a");
  files.content = undefined;
  assert.deepEqual(await save(files, "/a", "mine", undefined, version), { outcome: "gone" });
  assert.equal((await save(files, "/a", "mine", undefined, "")).outcome, "saved");
});

test("a save whose answer was lost is recognised when it is done again", async () => {
  const files = new OneFile("old");
  const { version } = await load(files, "/a");
  files.loses = new ApiError(0, "Lost", "/a: the connection was lost before the answer came");
  await assert.rejects(save(files, "/a", "mine", undefined, version), { reason: "Lost" });
  files.loses = undefined;
  const again = await save(files, "/a", "mine", undefined, version);
  assert.deepEqual([again.outcome, files.writes], ["saved", 1]);
});

test("another form of the same text is a change too", async () => {
  const files = new OneFile("a\n");
  const { version } = await load(files, "/a");
  files.content = encode("a\r\n");
  assert.equal((await save(files, "/a", "a\n", undefined, version)).outcome, "changed");
});

test("any other refusal is told as it is", async () => {
  const files = new OneFile("old");
  const { version } = await load(files, "/a");
  files.refuses = new ApiError(403, "Forbidden", "/a: permission denied");
  await assert.rejects(save(files, "/a", "mine", undefined, version), { message: "/a: permission denied" });
});
