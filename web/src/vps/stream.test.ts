import assert from "node:assert/strict";
import { test } from "node:test";
import { type Socket, Stream, type World } from "./stream";

class FakeSocket implements Socket {
  binaryType: BinaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  isClosed = false;
  constructor(readonly path: string) {}
  close(): void {
    this.isClosed = true;
    this.onclose?.();
  }
  says(message: unknown): void {
    this.onmessage?.({ data: message instanceof ArrayBuffer ? message : JSON.stringify(message) });
  }
}

class FakeWorld implements World {
  sockets: FakeSocket[] = [];
  waiting: { work: () => void; ms: number }[] = [];
  connect(path: string): Socket {
    const socket = new FakeSocket(path);
    this.sockets.push(socket);
    return socket;
  }
  later(work: () => void, ms: number): () => void {
    const one = { work, ms };
    this.waiting.push(one);
    return () => (this.waiting = this.waiting.filter((other) => other !== one));
  }
  get last(): FakeSocket {
    return this.sockets.at(-1)!;
  }
}

function opened(query = () => ({ follow: "1" }) as Record<string, string>) {
  const world = new FakeWorld();
  const heard: unknown[] = [];
  const stream = new Stream("/x", query, { bytes: (data) => heard.push([...data]), message: (one) => heard.push(one), began: () => heard.push("began") }, world);
  return { world, heard, stream };
}

test("bytes and messages are heard in their order", () => {
  const { world, heard, stream } = opened();
  assert.equal(world.last.path, "/x?follow=1&refusal=message");
  world.last.onopen?.();
  world.last.says({ channel: "stderr" });
  world.last.says(new Uint8Array([104, 105]).buffer);
  assert.deepEqual(heard, ["began", { channel: "stderr" }, [104, 105]]);
  assert.equal(stream.state.value, "open");
});

test("a refusal and an end are told, and nothing is opened again", () => {
  for (const [last, ended, error] of [
    [{ error: { code: 409, message: "dev is stopped", details: { hint: "start it" } } }, "", "dev is stopped"],
    [{ end: { reason: "Ended", message: "the VPS stopped" } }, "the VPS stopped", undefined],
  ] as const) {
    const { world, stream } = opened();
    world.last.onopen?.();
    world.last.says(last);
    world.last.onclose?.();
    assert.equal(stream.state.value, "over");
    assert.equal(stream.outcome.value.ended, ended);
    assert.equal(stream.outcome.value.error?.message, error);
    assert.equal(world.waiting.length, 0);
  }
});

test("a connection that breaks is opened again, more and more seldom, from where it was cut", () => {
  let since = "";
  const { world, stream } = opened((): Record<string, string> => (since ? { since } : {}));
  world.last.onclose?.();
  assert.equal(stream.state.value, "broken");
  since = "now";
  const pauses = [];
  for (let n = 0; n < 6; n++) {
    const next = world.waiting.pop()!;
    pauses.push(next.ms);
    next.work();
    world.last.onclose?.();
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 8000]);
  assert.equal(world.last.path, "/x?since=now&refusal=message");
  world.waiting.pop()!.work();
  world.last.onopen?.();
  world.last.says({});
  world.last.onclose?.();
  assert.equal(world.waiting.pop()!.ms, 500);
});

test("who has left hears nothing more", () => {
  const { world, heard, stream } = opened();
  world.last.onopen?.();
  stream.close();
  world.last.says({ channel: "stderr" });
  assert.ok(world.last.isClosed);
  assert.deepEqual([heard, world.waiting.length], [["began"], 0]);
});

test("nonsense is passed over", () => {
  const { world, heard, stream } = opened();
  world.last.onmessage?.({ data: "{" });
  world.last.onmessage?.({ data: "7" });
  assert.deepEqual(heard, [{}, {}]);
  assert.equal(stream.state.value, "opening");
});
