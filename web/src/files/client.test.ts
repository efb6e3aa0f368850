import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api/http";
import { type Bytes, type Channel, type Clock, FilesClient, HIGH, IDLE, type Listener, LOST, PIECE, SILENT } from "./client";

/** Time that goes on when it is told to. */
class HandClock implements Clock {
  private now = 0;
  private waiting = new Set<{ at: number; call: () => void }>();

  after(ms: number, call: () => void): () => void {
    const one = { at: this.now + ms, call };
    this.waiting.add(one);
    return () => void this.waiting.delete(one);
  }

  forward(ms: number): void {
    this.now += ms;
    for (const one of [...this.waiting]) {
      if (one.at > this.now) continue;
      this.waiting.delete(one);
      one.call();
    }
  }
}

/** Both ends of streams: what the client sent on each, and what the test has the node say. */
class Node_ {
  readonly channels: FakeChannel[] = [];
  refuses: ApiError | undefined;
  /** Whether what is sent stays where it is. */
  isSlow = false;

  open = async (listener: Listener): Promise<Channel> => {
    if (this.refuses) throw this.refuses;
    const made = new FakeChannel(listener, this);
    this.channels.push(made);
    return made;
  };

  get last(): FakeChannel {
    return this.channels.at(-1) as FakeChannel;
  }
}

class FakeChannel implements Channel {
  readonly sent: (Record<string, any> | Bytes)[] = [];
  buffered = 0;
  isClosed = false;

  constructor(
    private readonly listener: Listener,
    private readonly node: Node_,
  ) {}

  send(data: string | Bytes): void {
    if (this.node.isSlow) this.buffered += data.length;
    this.sent.push(typeof data === "string" ? (JSON.parse(data) as Record<string, any>) : data);
  }

  close(): void {
    this.isClosed = true;
  }

  say(message: Record<string, unknown>): void {
    this.listener.text(JSON.stringify(message));
  }

  sayBytes(data: Bytes): void {
    this.listener.bytes(data);
  }

  lose(): void {
    this.listener.closed();
  }

  get requests(): Record<string, any>[] {
    return this.sent.flatMap((one) => (one instanceof Uint8Array || !one.request ? [] : [one.request as Record<string, any>]));
  }

  get bytesSent(): number {
    return this.sent.reduce((sum, one) => sum + (one instanceof Uint8Array ? one.length : 0), 0);
  }

  get hasEof(): boolean {
    return this.sent.some((one) => !(one instanceof Uint8Array) && one.eof === true);
  }
}

const clock = new HandClock();
const started = () => {
  const node = new Node_();
  return { node, files: new FilesClient(node.open, clock) };
};
/** Lets everything that waits for nothing outside go on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const status = (code: number, reason: string, message: string) => ({ kind: "Status", code, reason, message, details: { hint: "h" } });
const failure = async (work: Promise<unknown>): Promise<ApiError> => {
  const error: unknown = await work.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof ApiError, `an ApiError and not ${String(error)}`);
  return error;
};

test("requests take turns on one connection", async () => {
  const { node, files } = started();
  const first = files.stat("/a");
  const second = files.list("/b");
  await settled();
  assert.deepEqual(node.last.requests, [{ op: "stat", path: "/a", follow: true }]);
  node.last.say({ answer: { path: "/a", kind: "file", size: 3, version: "v1" } });
  assert.equal((await first).version, "v1");
  await settled();
  assert.deepEqual(node.last.requests[1], { op: "list", path: "/b" });
  node.last.say({ part: { entries: [{ name: "x", kind: "link", leads: "folder" }] } });
  node.last.say({ part: { entries: [{ name: "y", kind: "file" }] } });
  node.last.say({ answer: { count: 2 } });
  assert.deepEqual((await second).map((one) => [one.name, one.kind, one.leads]), [["x", "link", "folder"], ["y", "file", ""]]);
  assert.equal(node.channels.length, 1);
});

test("a refusal has the node's words, and the connection serves the next request", async () => {
  const { node, files } = started();
  const work = files.remove("/a", false);
  await settled();
  node.last.say({ failed: status(409, "Conflict", "/a: the folder is not empty") });
  const error = await failure(work);
  assert.deepEqual([error.code, error.reason, error.message, error.hint], [409, "Conflict", "/a: the folder is not empty", "h"]);
  const next = files.stat("/b");
  await settled();
  node.last.say({ answer: { kind: "file" } });
  await next;
  assert.equal(node.channels.length, 1);
});

test("what keeps the stream from being opened is told, and the next request tries anew", async () => {
  const { node, files } = started();
  node.refuses = new ApiError(409, "Conflict", "dev is stopped", "start it: kohakuriver vps start dev");
  assert.equal((await failure(files.list("/"))).message, "dev is stopped");
  node.refuses = undefined;
  const work = files.list("/");
  await settled();
  node.last.say({ answer: { count: 0 } });
  assert.deepEqual(await work, []);
});

test("a look is asked again after a loss at any of its messages, and forgets what came of the first", async () => {
  for (let lostAfter = 0; lostAfter <= 2; lostAfter++) {
    const { node, files } = started();
    const before = files.stat("/");
    await settled();
    node.last.say({ answer: { kind: "folder" } });
    await before;
    const work = files.list("/a");
    await settled();
    for (let part = 0; part < lostAfter; part++) node.last.say({ part: { entries: [{ name: `old${part}`, kind: "file" }] } });
    node.last.lose();
    await settled();
    assert.equal(node.channels.length, 2);
    node.last.say({ part: { entries: [{ name: "new", kind: "file" }] } });
    node.last.say({ answer: { count: 1 } });
    assert.deepEqual((await work).map((one) => one.name), ["new"], `lost after ${lostAfter} parts`);
  }
});

test("a look on a fresh connection that is lost is told and not tried for ever", async () => {
  const { node, files } = started();
  const work = files.list("/a");
  await settled();
  node.last.lose();
  const error = await failure(work);
  assert.deepEqual([error.reason, error.message], [LOST, "/a: the connection was lost"]);
  assert.equal(node.channels.length, 1);
});

test("what writes is never done twice: a loss at each of its messages is told, and the next request connects anew", async () => {
  const all: [string, (files: FilesClient) => Promise<unknown>][] = [
    ["write", (files) => files.write("/a", new Uint8Array(10), { expect: "v" })],
    ["folder", (files) => files.folder("/a")],
    ["rename", (files) => files.rename("/a", "/b")],
    ["remove", (files) => files.remove("/a", true)],
  ];
  for (const [op, act] of all) {
    const { node, files } = started();
    const before = files.stat("/");
    await settled();
    node.last.say({ answer: { kind: "folder" } });
    await before;
    const work = act(files);
    await settled();
    node.last.lose();
    const error = await failure(work);
    assert.deepEqual([error.reason, error.message], [LOST, "/a: the connection was lost before the answer came"], op);
    assert.equal(node.channels.length, 1, op);
    const next = files.stat("/");
    await settled();
    assert.equal(node.channels.length, 2, op);
    node.last.say({ answer: { kind: "folder" } });
    await next;
  }
});

test("what comes late over a connection that was given up is heard by nobody", async () => {
  const { node, files } = started();
  const end = new AbortController();
  const work = files.list("/a", end.signal);
  await settled();
  const old = node.last;
  end.abort();
  await assert.rejects(work, { name: "AbortError" });
  await settled();
  assert.ok(old.isClosed);
  const next = files.stat("/b");
  await settled();
  old.say({ answer: { kind: "other" } });
  old.lose();
  node.last.say({ answer: { kind: "file", path: "/b" } });
  assert.equal((await next).kind, "file");
});

test("a request that waits for its turn ends at once when it is cancelled, and is never sent", async () => {
  const { node, files } = started();
  const first = files.stat("/a");
  const end = new AbortController();
  const second = files.list("/b", end.signal);
  await settled();
  end.abort();
  await assert.rejects(second, { name: "AbortError" });
  node.last.say({ answer: { kind: "file" } });
  await first;
  await settled();
  assert.equal(node.last.requests.length, 1);
  assert.ok(!node.last.isClosed);
});

test("bytes go out in blocks and wait while there is no room", async () => {
  const { node, files } = started();
  node.isSlow = true;
  const content = new Blob([new Uint8Array(3 * HIGH)]);
  const steps: number[] = [];
  const work = files.write("/big", content, { progress: (done) => steps.push(done) });
  for (let turn = 0; turn < 50; turn++) await settled();
  const waiting = node.last.bytesSent;
  assert.ok(waiting > HIGH / 2 && waiting <= HIGH + (1 << 18), `${waiting} bytes were sent into a connection that is full`);
  assert.ok(!node.last.hasEof);
  node.isSlow = false;
  node.last.buffered = 0;
  for (let turn = 0; turn < 100 && !node.last.hasEof; turn++) {
    clock.forward(20);
    await settled();
  }
  assert.equal(node.last.bytesSent, 3 * HIGH);
  node.last.say({ answer: { kind: "file", version: "v2" } });
  assert.equal((await work).version, "v2");
  assert.equal(steps.at(-1), 3 * HIGH);
});

test("what is broken off never seems to be all: no end is sent after a cancel or a file that cannot be read", async () => {
  const { node, files } = started();
  node.isSlow = true;
  const end = new AbortController();
  const work = files.write("/big", new Blob([new Uint8Array(8 * HIGH)]), { signal: end.signal });
  for (let turn = 0; turn < 50; turn++) await settled();
  end.abort();
  await assert.rejects(work, { name: "AbortError" });
  clock.forward(20);
  for (let turn = 0; turn < 50; turn++) await settled();
  assert.ok(node.last.bytesSent < 8 * HIGH);
  assert.ok(node.last.isClosed && !node.last.hasEof);
  node.isSlow = false;

  const gone = new Blob([new Uint8Array(10)]);
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) }) as unknown as Blob;
  const error = await failure(files.write("/c", gone));
  assert.equal(error.reason, "Unreadable");
  assert.ok(node.last.isClosed && !node.last.hasEof);
});

test("a write that is refused before its end sends no more, and the connection serves on", async () => {
  const { node, files } = started();
  node.isSlow = true;
  const content = new Uint8Array(4 * HIGH);
  const work = files.write("/a", content, { expect: "" });
  for (let turn = 0; turn < 50; turn++) await settled();
  node.last.say({ failed: status(409, "AlreadyExists", "/a: it is there already") });
  await settled();
  clock.forward(20);
  assert.equal((await failure(work)).reason, "AlreadyExists");
  assert.ok(node.last.bytesSent < content.length);
  assert.ok(node.last.hasEof && !node.last.isClosed);
  const next = files.stat("/a");
  await settled();
  node.last.say({ answer: { kind: "file" } });
  await next;
  assert.equal(node.channels.length, 1);
});

test("a connection that says nothing for too long is given up in words", async () => {
  const { node, files } = started();
  const work = files.stat("/a");
  await settled();
  clock.forward(SILENT + 1);
  const error = await failure(work);
  assert.equal(error.message, "/a: nothing was heard of it for too long");
  assert.ok(node.last.isClosed);
});

test("what is not of the protocol, an error and an end are told, and end the connection", async () => {
  const cases: [(channel: FakeChannel) => void, string][] = [
    [(channel) => (channel as any).listener.text("<html>"), "what came is not of this protocol"],
    [(channel) => channel.say({ error: status(503, "ServiceUnavailable", "the node has gone") }), "the node has gone"],
    [(channel) => channel.say({ end: { reason: "Revoked", message: "the token was revoked" } }), "the token was revoked"],
  ];
  for (const [say, words] of cases) {
    const { node, files } = started();
    const work = files.remove("/a", false);
    await settled();
    say(node.last);
    assert.equal((await failure(work)).message, words);
    assert.ok(node.last.isClosed);
  }
});

/** Answers `read` requests from a content; `version` may change on the way. */
function serveReads(channel: FakeChannel, content: Bytes, version: (piece: number) => string): (() => Promise<void>) {
  let answered = 0;
  return async () => {
    await settled();
    const request = channel.requests[answered];
    if (!request) return;
    const about = { kind: "file", size: content.length, version: version(answered) };
    channel.say({ part: about });
    const piece = content.subarray(request.offset as number, (request.offset as number) + (request.limit as number));
    for (let at = 0; at < piece.length; at += 1 << 20) channel.sayBytes(piece.slice(at, at + (1 << 20)));
    channel.say({ answer: { ...about, changed: false } });
    answered++;
  };
}

test("a long file is read in pieces, each when the last was taken", async () => {
  const { node, files } = started();
  const content = new Uint8Array(2 * PIECE + 5).map((_, at) => at % 251);
  const parts: Bytes[] = [];
  let mayGoOn = () => {};
  const take = (data: Bytes) => new Promise<void>((resolve) => {
    parts.push(data);
    mayGoOn = resolve;
  });
  const steps: (number | undefined)[][] = [];
  const work = files.readInto("/big", take, { progress: (done, all) => steps.push([done, all]) });
  await settled();
  const serve = serveReads(node.last, content, () => "v");
  await serve();
  await settled();
  assert.equal(node.last.requests.length, 1, "the next piece was asked for before the first was taken");
  for (let piece = 0; piece < 3; piece++) {
    mayGoOn();
    await settled();
    await serve();
    await settled();
  }
  mayGoOn();
  await work;
  assert.ok(Buffer.concat(parts).equals(Buffer.from(content)));
  assert.deepEqual(steps.at(-1), [content.length, content.length]);
});

test("a file that is written to between two pieces is refused, not mixed", async () => {
  const { node, files } = started();
  const work = files.readInto("/big", async () => {});
  await settled();
  const serve = serveReads(node.last, new Uint8Array(PIECE + 5), (piece) => `v${piece}`);
  await serve();
  await settled();
  await serve();
  const error = await failure(work);
  assert.equal(error.message, "/big: it was written to while it was read");
});

test("a piece during which the file was written to is refused", async () => {
  const { node, files } = started();
  const work = files.readInto("/log", async () => {});
  await settled();
  node.last.sayBytes(new Uint8Array(3));
  node.last.say({ answer: { kind: "file", size: 3, version: "v", changed: true } });
  assert.equal((await failure(work)).code, 409);
});

test("a client that is closed while it connects keeps no connection", async () => {
  const { node, files } = started();
  const work = files.stat("/a");
  files.close();
  await assert.rejects(work, { name: "AbortError" });
  assert.ok(node.channels.every((one) => one.isClosed));
});

test("a connection that nobody uses is given back, and the next request has another", async () => {
  const { node, files } = started();
  const ask = async () => {
    const work = files.stat("/a");
    await settled();
    node.last.say({ answer: { kind: "file" } });
    await work;
  };
  await ask();
  clock.forward(IDLE - 1);
  await ask();
  clock.forward(IDLE - 1);
  assert.ok(!node.last.isClosed);
  clock.forward(1);
  assert.ok(node.last.isClosed);
  await ask();
  assert.equal(node.channels.length, 2);
});

test("a stream that is accepted only to say why it is refused says so, and the next request tries anew", async () => {
  const { node, files } = started();
  const work = files.write("/a", new Uint8Array(10));
  await settled();
  node.last.say({ error: status(409, "Conflict", "dev is stopped") });
  node.last.lose();
  assert.equal((await failure(work)).message, "dev is stopped");
  const next = files.stat("/a");
  await settled();
  node.last.say({ answer: { kind: "file" } });
  await next;
  assert.equal(node.channels.length, 2);
});
