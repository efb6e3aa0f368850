import assert from "node:assert/strict";
import { test } from "node:test";
import { Collection } from "./collection";
import { joined, scopesOf, together } from "./every";
import { NODE, VPS } from "./kinds";
import type { Session } from "./session";

const who = (role: Session["role"], ...namespaces: string[]): Session => ({ user: "ann", role, namespaces });

test("who has namespaces of their own asks for each, all others for all at once", () => {
  assert.deepEqual(scopesOf(who("user", "b", "a"), VPS), ["a", "b"]);
  assert.deepEqual(scopesOf(who("viewer", "a"), VPS), ["a"]);
  assert.deepEqual(scopesOf(who("viewer"), VPS), [""]);
  assert.deepEqual(scopesOf(who("admin", "a"), VPS), [""]);
  assert.deepEqual(scopesOf(who("user", "a"), NODE), [""]);
});

test("several lists are current when each is, and what one refuses does not hide the others", () => {
  assert.equal(together(["live", "loading"]), "loading");
  assert.equal(together(["live", "stale", "loading"]), "stale");
  assert.equal(together(["live", "refused"]), "live");
  assert.equal(together(["refused", "refused"]), "refused");
});

test("the objects of all of them are there, and follow each", () => {
  const [a, b] = [new Collection(VPS, "a", ""), new Collection(VPS, "b", "")];
  const all = joined([a, b]);
  a.objects.value = new Map([["a/dev", { metadata: { name: "dev" } }]]);
  assert.deepEqual([...all.objects.value.keys()], ["a/dev"]);
  b.objects.value = new Map([["b/dev", { metadata: { name: "dev" } }]]);
  assert.deepEqual([...all.objects.value.keys()], ["a/dev", "b/dev"]);
});
