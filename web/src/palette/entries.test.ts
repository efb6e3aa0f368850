import assert from "node:assert/strict";
import { test } from "node:test";
import type { KObject } from "../api/objects";
import { actionsIn, placesOf, type World } from "./entries";
import { best } from "./match";

const dev: KObject = { metadata: { name: "dev", namespace: "team a" }, spec: {}, status: { phase: "running", assignment: { node: "n1", epoch: 1 } } };
const node: KObject = { metadata: { name: "n1" } };

function world(more: Partial<World> = {}): World & { went: string[] } {
  const went: string[] = [];
  return { vpses: [dev], nodes: [node], isAdmin: false, mayWrite: () => true, go: (path) => went.push(path), more: [], went, ...more };
}
const texts = (entries: Iterable<{ text: string }>) => [...entries].map((entry) => entry.text);

test("places come apart from actions, and administrators have one more", () => {
  assert.deepEqual(texts(placesOf(world())), ["VPSes", "Create a VPS", "Cluster", "dev", "n1"]);
  assert.ok(texts(placesOf(world({ isAdmin: true }))).includes("People"));
  assert.ok(texts(actionsIn(world())).includes("Stop dev"));
});

test("who may only look is offered no action", () => {
  assert.deepEqual(texts(actionsIn(world({ mayWrite: () => false }))), []);
});

test("an entry leads to its VPS, and to the tab that it names", () => {
  const there = world();
  for (const typed of ["dev", "terminal dev"]) best([...placesOf(there), ...actionsIn(there)], typed, (entry) => entry.text, 1)[0]?.run();
  assert.deepEqual(there.went, ["/vps/team%20a/dev", "/vps/team%20a/dev/terminal"]);
});

test("every entry has an id of its own", () => {
  const ids = [...placesOf(world({ isAdmin: true })), ...actionsIn(world())].map((entry) => entry.id);
  assert.equal(new Set(ids).size, ids.length);
});
