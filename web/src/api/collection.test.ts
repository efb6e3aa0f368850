import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { collectionOf, forgetAll, lost } from "./collection";
import { VPS } from "./kinds";

type Answer = () => Response;
type Watch = (socket: FakeSocket) => void;
const real = { fetch: globalThis.fetch, WebSocket: globalThis.WebSocket };
let lists: Answer[] = [];
let watches: Watch[] = [];
const asked: string[] = [];

class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(url: URL) {
    asked.push(url.href);
    const watch = watches.shift();
    if (watch) setImmediate(() => watch(this));
  }
  close(): void {}
}

/** A server of prepared answers; one that has none left is away. */
async function served(url: string): Promise<Response> {
  if (url.includes("limit=1&") || url.endsWith("limit=1")) return Response.json({});
  asked.push(url);
  const next = lists.shift();
  if (!next) throw new TypeError("no network");
  return next();
}

const listed = (version: string, ...names: string[]): Answer => () =>
  Response.json({ metadata: { resourceVersion: version }, items: names.map((name) => ({ metadata: { name, namespace: "a" } })) });
const told = (...events: object[]): Watch => (socket) => {
  socket.onopen?.();
  for (const event of events) socket.onmessage?.({ data: JSON.stringify(event) });
  socket.onclose?.({ code: 1000 });
};
const silent: Watch = (socket) => socket.onopen?.();
const broken: Watch = (socket) => socket.onclose?.({ code: 1006 });

/** Lets everything that waits for no timer come to its end, then the timers. */
async function pass(ms: number): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
  mock.timers.tick(ms);
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  Object.assign(globalThis, { fetch: served, WebSocket: FakeSocket, location: { href: "https://river.example:6443/ui/" } });
  mock.timers.enable({ apis: ["setTimeout"] });
  [lists, watches] = [[], []];
  asked.length = 0;
});
afterEach(() => {
  forgetAll();
  mock.timers.reset();
  Object.assign(globalThis, real);
});

test("it lists, follows, and goes on from the last revision that it heard of", async () => {
  lists = [listed("5", "dev", "lab")];
  const gone = { type: "DELETED", object: { metadata: { name: "dev", namespace: "a", resourceVersion: "7" } } };
  watches = [told(gone, { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } }), silent];
  const all = collectionOf(VPS);
  all.use();
  await pass(0);
  await pass(1000);
  assert.deepEqual([...all.objects.value.keys()], ["a/lab"]);
  assert.deepEqual(asked.map((url) => new URL(url, "https://x").searchParams.get("resourceVersion")), [null, "5", "9"]);
});

test("it is lost from the first failure until a watch answers, however often it tried between", async () => {
  lists = [listed("5", "dev")];
  watches = [broken, broken, broken, silent];
  const all = collectionOf(VPS);
  all.use();
  await pass(0);
  const first = lost.value;
  assert.equal(all.state.value, "stale");
  assert.match(first?.error.message ?? "", /was lost/);
  await pass(500);
  await pass(1000);
  assert.equal(all.state.value, "stale");
  assert.equal(lost.value?.since, first?.since);
  assert.deepEqual([...all.objects.value.keys()], ["a/dev"]);
  await pass(2000);
  assert.equal(all.state.value, "live");
  assert.equal(lost.value, undefined);
});

test("where the history is gone it lists anew", async () => {
  lists = [listed("5", "dev"), listed("90", "lab")];
  watches = [told({ type: "ERROR", object: { code: 410, message: "too old" } }), silent];
  const all = collectionOf(VPS);
  all.use();
  await pass(0);
  await pass(1000);
  assert.deepEqual([...all.objects.value.keys()], ["a/lab"]);
});

test("what may not be seen is refused, and no connection is lost for it", async () => {
  lists = [() => Response.json({ code: 403, message: "not yours" }, { status: 403 })];
  const all = collectionOf(VPS);
  all.use();
  await pass(0);
  assert.equal(all.state.value, "refused");
  assert.equal(lost.value, undefined);
});
