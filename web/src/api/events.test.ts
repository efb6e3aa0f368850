import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { events } from "./events";
import { ApiError } from "./http";

class FakeSocket {
  static last: FakeSocket;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  isClosed = false;
  constructor(readonly url: URL) {
    FakeSocket.last = this;
  }
  close(): void {
    this.isClosed = true;
  }
}

beforeEach(() => {
  Object.assign(globalThis, { location: { href: "https://river.example:6443/ui/" }, WebSocket: FakeSocket });
});

/** What has come of a watch so far, and how it ended. */
function followed(end = new AbortController()) {
  const seen = { came: [] as string[], ended: undefined as unknown, end };
  const over = (async () => {
    try {
      for await (const text of events("/apis/x?watch=1", end.signal)) seen.came.push(text);
      seen.ended = "in good order";
    } catch (error) {
      seen.ended = error;
    }
  })();
  return { seen, over };
}

test("events come in order until the server ends the watch", async () => {
  const { seen, over } = followed();
  const socket = FakeSocket.last;
  assert.equal(socket.url.href, "wss://river.example:6443/apis/x?watch=1");
  for (const data of ["1", "2"]) socket.onmessage?.({ data });
  socket.onclose?.({ code: 1000 });
  await over;
  assert.deepEqual([seen.came, seen.ended], [["1", "2"], "in good order"]);
});

test("a watch that is cut off, or never begins, is an error, after what has come", async () => {
  for (const messages of [["1"], []]) {
    const { seen, over } = followed();
    for (const data of messages) FakeSocket.last.onmessage?.({ data });
    FakeSocket.last.onclose?.({ code: 1006 });
    await over;
    assert.deepEqual(seen.came, messages);
    assert.ok(seen.ended instanceof ApiError && seen.ended.code === 0);
  }
});

test("a watch that nobody looks at any more is closed", async () => {
  const { seen, over } = followed();
  seen.end.abort();
  await over;
  assert.ok(FakeSocket.last.isClosed && seen.ended instanceof DOMException && seen.ended.name === "AbortError");
});
