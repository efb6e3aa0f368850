import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { keep, keyHeaders, socketTo } from "./key";

const world = globalThis as { localStorage?: unknown; location?: unknown; WebSocket?: unknown };
const before = { ...world };
afterEach(() => {
  keep("");
  Object.assign(world, { localStorage: before.localStorage, location: before.location, WebSocket: before.WebSocket });
});

function aStorage(): Map<string, string> {
  const held = new Map<string, string>();
  const storage = { getItem: (name: string) => held.get(name) ?? null, setItem: held.set.bind(held), removeItem: held.delete.bind(held) };
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true, writable: true });
  return held;
}

test("the key of a session is shown by every tab of the page, until it is forgotten", () => {
  const held = aStorage();
  assert.deepEqual(keyHeaders(), {});
  keep("k1");
  assert.deepEqual(keyHeaders(), { "KohakuRiver-Page-Key": "k1" });
  for (const name of held.keys()) held.set(name, "k2"); // another tab has logged in anew
  assert.deepEqual(keyHeaders(), { "KohakuRiver-Page-Key": "k2" });
  keep("");
  assert.deepEqual([keyHeaders(), held.size], [{}, 0]);
});

test("where the browser keeps nothing, this tab holds it", () => {
  const refuse = () => {
    throw new Error("denied");
  };
  Object.defineProperty(globalThis, "localStorage", { get: refuse, set: () => {}, configurable: true });
  keep("k1");
  assert.deepEqual(keyHeaders(), { "KohakuRiver-Page-Key": "k1" });
});

test("a WebSocket shows it among its protocols, and has none without one", () => {
  aStorage();
  const asked: unknown[][] = [];
  Object.assign(world, {
    location: { href: "https://river.example:6443/ui/vpses" },
    WebSocket: class {
      constructor(url: URL, ...protocols: unknown[]) {
        asked.push([url.href, ...protocols]);
      }
    },
  });
  socketTo("/apis/x?y=1");
  keep("k1");
  socketTo("/apis/x");
  assert.deepEqual(asked, [
    ["wss://river.example:6443/apis/x?y=1"],
    ["wss://river.example:6443/apis/x", ["page.kohakuriver.io", "key.page.kohakuriver.io.k1"]],
  ]);
});
